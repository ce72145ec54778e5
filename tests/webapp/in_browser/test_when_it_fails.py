"""The engine or the connection fails: it is told, nothing is counted, and it can be tried again."""

import pytest

from tests.webapp.in_browser.steps import begin, vote
from tests.webapp.scripted_engine import ALIAS, Script

pytestmark = pytest.mark.slow


def test_a_failing_engine_is_told_and_can_be_tried_again(page, engine):
    engine.scripts[ALIAS].break_after = 5
    begin(page)
    page.get_by_test_id("failed").wait_for()
    assert "before both replies were complete" in page.get_by_test_id("refusal-message").inner_text()
    engine.reset()
    page.get_by_test_id("retry").click()
    vote(page, "bothbad")


def test_an_engine_that_is_down_is_told_and_can_be_tried_again(page, engine):
    engine.down = True
    page.goto("/")
    page.get_by_test_id("surprise").click()
    assert "cannot be reached" in page.get_by_test_id("refusal-message").inner_text()
    engine.down = False
    page.get_by_test_id("retry").click()
    vote(page, "tie")


def test_a_later_turn_that_fails_is_told_and_can_be_tried_again(page, engine):
    begin(page)
    page.locator("#votes:enabled").wait_for()
    engine.scripts[ALIAS].break_after = 5
    page.fill("#post", "*I wait.*")
    page.get_by_test_id("send").click()
    page.get_by_test_id("turn-failed").wait_for()
    assert page.get_by_test_id("vote-left").is_enabled()
    assert page.locator("#post").input_value() == "*I wait.*"
    engine.reset()
    page.get_by_test_id("retry").click()
    page.locator("[data-turn='2'] #votes:enabled").wait_for()


def test_a_reload_in_mid_stream_starts_again(page, engine):
    engine.scripts[ALIAS] = Script("word " * 40, delay=0.05)
    begin(page)
    page.locator("[data-side=left] p").first.wait_for()
    engine.reset()
    page.reload()
    page.locator("#votes:enabled").wait_for()
