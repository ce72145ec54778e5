"""How tests are dealt to processes, and fixtures that several folders share. Everything here is the real thing."""

import signal

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.browser import chromium_path

# A shell that starts the suite in the background has it ignore SIGINT; so would every process that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

WITH_ENGINES = ("tests/e2e", "tests/serving")
"""Folders that start engines. Two at once would want more memory and processors than a laptop has."""
ENGINES_OF_THEIR_OWN = ("tests/serving/test_autoscaling.py", "tests/serving/test_faults.py")
"""Modules that have no use for the engine of their folder."""


def folder_of(nodeid: str) -> str:
    """The folder below tests/ that a test stands in."""
    return "/".join(nodeid.partition("::")[0].split("/")[:2])


class FolderScheduling(LoadScopeScheduling):
    """Runs the tests of a folder in one process, in their order: they share the servers that its fixtures start."""

    def _split_scope(self, nodeid: str) -> str:
        folder = folder_of(nodeid)
        return "with engines" if folder in WITH_ENGINES else folder


def pytest_xdist_make_scheduler(config, log) -> FolderScheduling:
    """How `make test` deals the tests to its processes."""
    return FolderScheduling(config, log)


def servers_of(item: pytest.Item) -> str:
    """Whose servers a test uses: those of its folder, or of its module."""
    module = item.nodeid.partition("::")[0]
    return module if module in ENGINES_OF_THEIR_OWN else folder_of(item.nodeid)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put modules with engines of their own behind their folder, whose engine they would interrupt."""
    items.sort(key=servers_of)


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None):
    """End servers with the last test that uses them. Pytest keeps what has the scope of a session to its end, which
    would cost memory and time."""
    if nextitem is not None and servers_of(item) != servers_of(nextitem):
        return item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
    return None


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
