"""The whole way with forms alone: both replies come at once, everything else is the same."""

import pytest

from tests.webapp.browsing import opened
from tests.webapp.in_browser.steps import begin

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
        assert page.get_by_test_id("reveal").count() == 1
        page.get_by_test_id("nav-mine").click()
        page.get_by_test_id("withdraw").click()
        page.get_by_test_id("confirm").click()
        assert page.get_by_test_id("withdrawn").count() == 1
    assert site.rows("SELECT reasons, withdrawn_at IS NULL FROM arena_vote") == [(["left.prose"], False)]
