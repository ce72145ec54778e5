"""No page needs anything that the Content-Security-Policy forbids: no inline code or style, nothing from elsewhere.

tests/webapp/in_browser visits every page, and fails on what the policy has to stop; here is what people do on some.
"""

import re

import pytest

from tests.webapp.browsing import LISTEN, opened
from tests.webapp.conftest import ROOT

pytestmark = pytest.mark.slow


def test_it_works(browser, site, engine):
    with opened(browser, site) as page:
        for path in ("/", "/?tag=Western", "/write/", "/no-such-page", "/admin/login/"):
            page.goto(path)
            page.wait_for_load_state("networkidle")
        page.goto("/")
        page.get_by_test_id("begin-water-rights").click()
        page.get_by_test_id("vote-left").and_(page.locator(":enabled")).wait_for()
        page.get_by_test_id("vote-left").click()
        page.get_by_test_id("show").click()
        page.get_by_test_id("reveal").wait_for()


def test_the_apis_page(browser, site):
    with opened(browser, site) as page:
        page.goto("/api/docs")
        page.get_by_text("/api/compare").first.wait_for()
        page.get_by_text("/api/compare").first.click()
        page.get_by_text("Try it out").wait_for()


def test_the_browser_would_have_told(browser, site):
    """The check can fail: an inline script that is put into a page is stopped and told."""
    context = browser.new_context(base_url=site.url)
    context.add_init_script(LISTEN)
    page, told = context.new_page(), []
    page.on("console", lambda message: told.append(message.text))
    page.goto("/")
    page.evaluate("document.body.appendChild(document.createElement('script')).textContent = 'window.ran = 1'")
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") is None
    assert any(text.startswith("POLICY script-src-elem inline") for text in told)
    context.close()


def test_no_template_has_code_or_style_in_it():
    inline = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son[a-z]+=|javascript:|\|safe\b|autoescape off")
    templates = list((ROOT / "webapp").rglob("templates/**/*.html"))
    assert len(templates) > 8
    found = {path.name: inline.findall(path.read_text()) for path in templates}
    assert {name: hits for name, hits in found.items() if hits} == {}
