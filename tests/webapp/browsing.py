"""A page in a real browser that fails the test when the browser had to complain.

In: the site and how large the window is. Out: a page of a new visitor, and what the browser said while it was open.
"""

from collections.abc import Iterator
from contextlib import contextmanager

DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
LISTEN = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`POLICY ${event.violatedDirective} ${event.blockedURI} at ${event.documentURI}: ${event.sample}`));
"""
ASKED_FOR = "the server responded with a status of"
"""Chromium reports an answer of 4xx or 5xx as an error, and those some tests ask for."""


@contextmanager
def opened(browser, site, **options) -> Iterator:
    """A page of a new visitor. A stopped script or style, an error of a script, a dialogue: each fails the test."""
    with listened(browser, site, **options) as (page, complaints):
        yield page
    said = [text for text in complaints if ASKED_FOR not in text]
    assert said == [], said  # the list again for who runs this without pytest


@contextmanager
def listened(browser, site, **options) -> Iterator[tuple]:
    """The page, and the list that everything the browser complains about is appended to."""
    context = browser.new_context(base_url=site.url, **options)
    context.set_default_timeout(20_000)
    context.add_init_script(LISTEN)
    page, complaints = context.new_page(), []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: (complaints.append(f"dialogue: {dialog.message}"), dialog.dismiss()))
    yield page, complaints
    context.close()
