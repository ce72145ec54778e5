"""Finds a Chromium for the browser tests, or installs one."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium_path() -> str:
    """Path of a Chromium: one that is there, else the system's package (as root), else Playwright's own.

    Where none can be had the tests that need it are skipped, except under CI=true, where that is a failure.
    """
    found = _installed()
    if found:
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        install = "apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium"
        environment = dict(os.environ) | {"DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(["sh", "-c", install], env=environment, capture_output=True, text=True)
    else:
        done = subprocess.run(
            [sys.executable, "-m", "playwright", "install", "chromium"], capture_output=True, text=True
        )
    found = _installed()
    if found:
        return found
    why = f"no Chromium, and none could be installed: {(done.stderr or done.stdout).strip()[-300:]}"
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def _installed() -> str | None:
    for name in NAMES:
        if path := shutil.which(name):
            return path
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if pathlib.Path(own).exists() else None
