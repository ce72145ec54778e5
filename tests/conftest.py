"""Fixtures that several folders of tests share. Everything here is the real thing."""

import signal

import pytest

from tests.browser import chromium_path

# A shell that starts the suite in the background has it ignore SIGINT; so would every process that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium. Gone after the module: Playwright holds an event loop, in which Django refuses to query."""
    from playwright.sync_api import sync_playwright

    path = chromium_path()  # looks into Playwright too, which cannot be opened twice
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox",  # the tests may run as root
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
            ],
        )
        yield chromium
        chromium.close()
