"""How far a transfer is: one bar a file on a terminal, a line now and then in a log.

In: bytes as they arrive. Out: stderr, where neither the bars nor the log lines of several threads mix.
"""

import contextlib
import io
import logging
import sys

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

log = logging.getLogger(__name__)

LINE_EVERY_S = 15


def bar(name: str, initial: int, total: int | None) -> tqdm:
    """A bar for the file `name`, of which `initial` of `total` bytes are here. tqdm gives each its own line."""
    settings = {"desc": name, "initial": initial, "total": total, "unit": "B", "unit_scale": True, "leave": False}
    if sys.stderr.isatty():
        return tqdm(**settings, mininterval=0.2, file=sys.stderr)
    line = "{desc}: {n_fmt}B of {total_fmt}B, {rate_fmt}"
    seldom = {"mininterval": LINE_EVERY_S, "maxinterval": LINE_EVERY_S, "delay": LINE_EVERY_S}
    return _Lines(**settings, **seldom, bar_format=line, file=io.StringIO())


def logs_above_bars() -> contextlib.AbstractContextManager:
    """While it is open, log lines on a terminal go above the bars."""
    return logging_redirect_tqdm() if sys.stderr.isatty() else contextlib.nullcontext()


class _Lines(tqdm):
    """A progress bar that is written to the log."""

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        if msg is None:
            log.info("%s", self)

    def clear(self, nolock: bool = False) -> None:
        """A line that is written stays."""
