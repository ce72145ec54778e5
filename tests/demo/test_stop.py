"""Stopping the one-machine stack: whoever else stops it at the same moment."""

import pathlib
import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from demo.layout import Layout
from demo.supervision import Supervision, left_behind
from tests.ports import demo_ports
from tests.stack import ROOT


@pytest.fixture
def layout():
    """Unix sockets allow about 100 characters: hence a short home."""
    with tempfile.TemporaryDirectory(prefix="bardloop-") as home:
        yield Layout(home=pathlib.Path(home), ports=demo_ports(), recipe=ROOT / "recipes" / "demo.yaml")


@pytest.mark.parametrize("attempt", range(3))
def test_several_who_stop_it_at_once_all_see_it_stopped(layout, attempt):
    Supervision(layout).start()
    with ThreadPoolExecutor(4) as pool:
        stops = [pool.submit(Supervision(layout).stop) for _ in range(4)]
        assert [stop.result(timeout=60) for stop in stops] == [None] * 4
    assert not Supervision(layout).is_running()
    assert not left_behind(layout.home)
