"""A page in a real browser that fails the test when the Content-Security-Policy had to stop something."""

from contextlib import contextmanager

LISTEN = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`POLICY ${event.violatedDirective} ${event.blockedURI} at ${event.documentURI}: ${event.sample}`));
"""
EXPECTED = "the server responded with a status of"
"""Chromium reports an answer of 4xx or 5xx as an error, and those some tests ask for."""


@contextmanager
def opened(browser, site):
    """A page of a new visitor. A stopped script or style, an error of a script, a dialogue: each fails the test."""
    context = browser.new_context(base_url=site.url)
    context.set_default_timeout(20_000)
    context.add_init_script(LISTEN)
    page = context.new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: (complaints.append(f"dialogue: {dialog.message}"), dialog.dismiss()))
    yield page
    context.close()
    assert [text for text in complaints if EXPECTED not in text] == []
