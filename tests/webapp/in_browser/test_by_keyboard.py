"""The whole way without a mouse: with Tab, Enter and the space bar alone, and by shortcuts."""

import pytest

from tests.webapp.in_browser.steps import begin, until_complete
from tests.webapp.scripted_engine import BASE

pytestmark = pytest.mark.slow


def tab_to(page, testid: str) -> None:
    """Press Tab until that control has the focus; whoever needs more than 150 of them has lost it."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.testid") == testid:
            return
    pytest.fail(f"Tab never comes to {testid}")


def test_it_works(page, site):
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")  # past the navigation
    tab_to(page, "tag-western")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?tag=Western")
    page.locator("[data-testid=tag-western][aria-current=true]").wait_for()
    tab_to(page, "begin-water-rights")
    page.keyboard.press("Enter")
    until_complete(page)
    tab_to(page, "vote-left")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_test_id("why").wait_for()
    tab_to(page, "reason-left.repeats")
    page.keyboard.press("Space")
    tab_to(page, "comment")
    page.keyboard.type("Twice the rain.")
    page.locator("#show:enabled").wait_for()
    tab_to(page, "show")
    page.keyboard.press("Enter")
    page.get_by_test_id("reveal").wait_for()
    tab_to(page, "next-scene")
    page.keyboard.press("Enter")
    until_complete(page)
    votes = site.rows("SELECT choice, reasons, comment FROM arena_vote")
    assert votes == [("right", ["left.repeats"], "Twice the rain.")]


@pytest.mark.parametrize(("key", "choice"), [("1", "left"), ("2", "right"), ("3", "tie"), ("4", "bothbad")])
def test_votes_by_key(page, site, key, choice):
    begin(page)
    page.locator("#votes:enabled").wait_for()
    page.keyboard.press(key)
    page.get_by_test_id("why").wait_for()
    assert page.evaluate("document.activeElement.id") == "reveal"
    page.locator("#show:enabled").wait_for()
    page.keyboard.press("s")
    page.get_by_test_id("reveal").wait_for()
    assert site.rows("SELECT choice, reasons, comment FROM arena_vote") == [(choice, [], "")]
    assert page.evaluate("document.activeElement.id") == "reveal"
    page.keyboard.press("n")
    page.locator("#votes:disabled").wait_for()


def test_a_scene_of_several_turns_by_key(page, site, engine):
    begin(page)
    page.locator("#votes:enabled").wait_for()
    page.keyboard.press("c")
    page.keyboard.type('*I wait.* "4 more, then?"')  # digits are no votes while somebody writes
    page.keyboard.press("Control+Enter")
    page.locator("[data-turn='2'] #votes:enabled").wait_for()
    assert page.locator("#last-post em").inner_text() == "I wait."
    assert page.get_by_test_id("past-1").count() == 1
    engine.scripts[BASE].reply = "Another try altogether."
    page.keyboard.press("r")
    page.get_by_text("Another try altogether.").wait_for()
    page.locator("#votes:enabled").wait_for()
    page.keyboard.press("e")
    assert page.evaluate("document.activeElement.value") == '*I wait.* "4 more, then?"'
    page.keyboard.press("Control+A")
    page.keyboard.type("*I leave.*")
    page.keyboard.press("Control+Enter")
    page.locator("#last-post em", has_text="I leave.").wait_for()
    page.locator("#votes:enabled").wait_for()
    page.reload()
    page.keyboard.press("2")
    page.get_by_test_id("why").wait_for()
    turns = "SELECT t.number, t.attempt, choice FROM arena_vote JOIN arena_turn t ON t.id = turn_id"
    assert site.rows(turns) == [(2, 3, "right")]
