"""Fixtures that several folders of tests share. Everything here is the real thing, started once a session."""

import os
import pathlib
import shutil
import tempfile

import pytest

from tests.browser import chromium_path
from tests.stack import Stack


@pytest.fixture(scope="session")
def stack():
    """The whole demo, as `make demo` starts it, on free ports with a home of its own, after its first loop.

    Training is cut to a few steps; nothing else differs from what a newcomer gets. At the end `down` has to
    leave no process behind.
    """
    # Unix sockets allow about 100 characters, so the home is not pytest's own deep temporary folder.
    home = pathlib.Path(tempfile.mkdtemp(prefix="bardloop-"))
    stack = Stack(home)
    try:
        done = stack.demo("up", "--set", "train.max_steps=6", timeout=900)
        if done.returncode != 0:
            pytest.fail(f"demo up ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        stack.first_start = done
        yield stack
    finally:
        stopped = stack.demo("down", timeout=180)
        left = stack.processes()
        kept = os.environ.get("BARDLOOP_TEST_LOGS")
        if kept:
            shutil.copytree(home / "logs", kept, dirs_exist_ok=True)
        shutil.rmtree(home)
    assert stopped.returncode == 0, stopped.stderr
    assert left == []


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=chromium_path(),
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
