"""The whole demo, started once for the tests of this folder and gone before the next folder's begin."""

import os
import pathlib
import shutil
import tempfile

import pytest

from tests.stack import Stack


@pytest.fixture(scope="module")
def stack():
    """The whole demo, as `make demo` starts it, on free ports with a home of its own, after its first loop.

    Training is cut to a few steps; nothing else differs from what a newcomer gets. At the end `down` has to
    leave no process behind.
    """
    # Unix sockets allow about 100 characters, so the home is not pytest's own deep temporary folder.
    home = pathlib.Path(tempfile.mkdtemp(prefix="bardloop-"))
    stack = Stack(home)
    try:
        done = stack.demo("up", "--set", "train.max_steps=6", timeout=1700)
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
