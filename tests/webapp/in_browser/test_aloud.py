"""What somebody hears who does not see the page: each thing that happens is said, once, and what has a name says it."""

import pytest
from playwright.sync_api import expect

from tests.webapp.in_browser.steps import begin, until_complete
from tests.webapp.scripted_engine import ALIAS, BASE, Script

pytestmark = pytest.mark.slow

HEARD = """
window.heard = [];
new MutationObserver(() => {
    for (const region of document.querySelectorAll("[aria-live], [role=alert], [role=status]")) {
        const said = region.textContent.trim();
        if (said && window.heard.at(-1) !== said) window.heard.push(said);
    }
}).observe(document, { childList: true, characterData: true, subtree: true });
"""
"""What live regions say, one after the other."""


def test_it_works(page):
    page.add_init_script(HEARD)
    begin(page)
    until_complete(page)
    assert page.evaluate("window.heard") == [
        "Two storytellers are reading your post…",
        "They are writing…",
        "Both replies are complete. Which is better?",
    ]


def test_words_are_not_read_out_one_by_one(page, engine):
    engine.scripts = {name: Script("word " * 60, delay=0.05) for name in (BASE, ALIAS)}
    begin(page)
    page.locator("[data-side=left] p").first.wait_for()
    assert page.locator("[data-side]").locator("xpath=ancestor-or-self::*[@aria-live]").count() == 0
    assert page.get_by_role("button", name="A is better").is_disabled()


def test_parts_of_the_page_have_names(page):
    begin(page)
    until_complete(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Water Rights")
    for letter in ("A", "B"):
        expect(page.get_by_role("region", name=f"{letter} ", exact=False)).to_be_visible()
    expect(page.get_by_role("group", name="Which reply is better?")).to_be_visible()
    assert page.get_by_role("button", name="A is better").get_attribute("aria-keyshortcuts") == "1"
    expect(page.get_by_role("textbox", name="Or go on: your next post")).to_be_visible()


def test_after_the_vote_the_question_and_then_the_answer_are_read(page):
    begin(page)
    until_complete(page)
    page.get_by_test_id("vote-left").click()
    expect(page.get_by_role("region", name="A is better. Why?")).to_be_focused()
    expect(page.get_by_role("group", name="What about A?").get_by_role("checkbox", name="Good prose")).to_be_visible()
    page.get_by_test_id("show").click()
    expect(page.get_by_role("region", name="You chose the")).to_be_focused()


def test_a_failure_is_an_alert(page, engine):
    begin(page)
    until_complete(page)
    engine.scripts[ALIAS].break_after = 5
    page.fill("#post", "*I wait.*")
    page.get_by_test_id("send").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing of this try was counted")
