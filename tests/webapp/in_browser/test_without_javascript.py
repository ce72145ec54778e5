"""The whole way with forms alone: both replies come at once, everything else is the same."""

import pytest

from tests.webapp.browsing import opened
from tests.webapp.in_browser.steps import begin
from tests.webapp.scripted_engine import ALIAS

pytestmark = pytest.mark.slow


def test_it_works(browser, site, engine):
    with opened(browser, site, java_script_enabled=False) as page:
        begin(page)
        page.get_by_test_id("replies-at-once").click()
        page.fill("#post", "*I wait.*")
        page.get_by_test_id("send").click()
        page.get_by_test_id("replies-at-once").click()
        page.get_by_test_id("vote-tie").click()
        page.get_by_test_id("reason-left.prose").check()
        page.get_by_test_id("show").click()
        page.get_by_test_id("reveal").wait_for()
        page.get_by_test_id("nav-mine").click()
        page.get_by_test_id("withdraw").click()
        page.get_by_test_id("confirm").click()
        page.get_by_test_id("withdrawn").wait_for()
    assert site.rows("SELECT reasons, withdrawn_at IS NULL FROM arena_vote") == [(["left.prose"], False)]


def test_what_fails_is_told_and_can_be_tried_again(browser, site, engine):
    with opened(browser, site, java_script_enabled=False) as page:
        page.goto("/")
        with page.expect_navigation():
            page.get_by_test_id("tag-western").click()
        assert page.locator(".card").count() == 1
        engine.down = True
        page.get_by_test_id("begin-water-rights").click()
        assert "cannot be reached" in page.get_by_test_id("refusal-message").inner_text()
        engine.down = False
        page.get_by_test_id("retry").click()
        engine.scripts[ALIAS].break_after = 5
        page.get_by_test_id("replies-at-once").click()
        page.get_by_test_id("failed").wait_for()
        engine.reset()
        page.get_by_test_id("retry").click()
        page.get_by_test_id("replies-at-once").click()
        assert page.get_by_test_id("vote-left").is_enabled()
