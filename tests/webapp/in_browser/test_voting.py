"""Two replies stream in, are voted on once, and the names are told after that."""

import pytest

from tests.webapp.in_browser.steps import begin, vote
from tests.webapp.scripted_engine import ALIAS, BASE, VERSION, Script

pytestmark = pytest.mark.slow


def test_it_works(page, site):
    begin(page)
    vote(page, "left")
    ((left, choice),) = site.rows(
        "SELECT model_left, choice FROM arena_vote JOIN arena_comparison c ON c.id = comparison_id"
    )
    assert choice == "left"
    assert page.get_by_test_id("model-left").inner_text() == left
    assert {page.get_by_test_id(f"model-{side}").inner_text() for side in ("left", "right")} == {BASE, VERSION}
    assert page.get_by_test_id("reply-left").get_attribute("class") == "reply chosen"
    assert page.get_by_test_id("vote").count() == 0
    page.get_by_test_id("next-scene").click()
    page.locator("#votes:enabled").wait_for()


def test_reasons_and_a_comment(page, site):
    begin(page)
    page.locator("#votes:enabled").wait_for()
    page.get_by_test_id("vote-left").click()
    page.get_by_test_id("reason-right.repeats").check()
    page.fill("#comment", "Twice the same.")
    assert not any(name in page.content() for name in (BASE, VERSION))
    page.get_by_test_id("show").click()
    page.get_by_test_id("reveal").wait_for()
    assert site.rows("SELECT reasons, comment FROM arena_vote") == [(["right.repeats"], "Twice the same.")]


def test_buttons_open_when_both_replies_are_complete(page, engine):
    engine.scripts[ALIAS] = Script("word " * 40, delay=0.05)
    begin(page)
    page.locator("[data-side=left] p").first.wait_for()
    assert page.get_by_test_id("status").inner_text() == "They are writing…"
    assert page.get_by_test_id("vote-left").is_disabled()
    page.keyboard.press("1")
    page.locator("#votes:enabled").wait_for()
    assert page.get_by_test_id("status").inner_text() == "Both replies are complete. Which is better?"
    assert page.get_by_test_id("reveal").count() == 0


def test_a_double_click_is_one_vote(page, site):
    begin(page)
    page.locator("#votes:enabled").wait_for()
    page.get_by_test_id("vote-tie").dblclick()
    page.get_by_test_id("why").wait_for()
    assert site.rows("SELECT count(*) FROM arena_vote") == [(1,)]


def test_a_second_vote_from_an_old_tab_is_told(page, site):
    begin(page)
    page.locator("#votes:enabled").wait_for()
    old = page.context.new_page()
    old.goto(page.url)
    vote(page, "left")
    old.get_by_test_id("vote-right").click()
    old.get_by_test_id("notice").wait_for()
    assert "has its vote already" in old.get_by_test_id("notice").inner_text()
    assert site.rows("SELECT choice FROM arena_vote") == [("left",)]


def test_a_scene_of_ones_own(page, engine):
    page.goto("/write/")
    for name, text in {"title": "Night Ferry", "player": "Sam", "character": "Charon", "post": "*I pay.*"}.items():
        page.fill(f"#id_{name}", text)
    page.get_by_test_id("begin-own").click()
    vote(page, "right")
    assert page.locator(".opening em").inner_text() == "I pay."


def test_tags_narrow_the_library_in_place(page):
    page.goto("/")
    page.get_by_test_id("tag-western").click()
    page.wait_for_url("**/?tag=Western")
    page.locator("[data-testid=tag-western][aria-current=true]").wait_for()
    assert page.locator(".card").count() == 1
    assert page.evaluate("document.querySelectorAll('h1').length") == 1


def test_statistics_in_the_admin(page, site):
    begin(page)
    vote(page, "tie")
    page.goto("/admin/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", site.password)
    page.click("[type=submit]")
    page.get_by_test_id("to-statistics").click()
    assert page.get_by_test_id("votes-total").inner_text() == "1"
    assert page.get_by_test_id("win-rate").inner_text() == "50 %"
