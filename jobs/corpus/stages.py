"""Seconds of each stage of a job, in its log: `stage threads: 12.3 s`."""

import contextlib
import logging
import time
from collections.abc import Iterator

log = logging.getLogger(__name__)


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    """Log how long the block took."""
    begin = time.monotonic()
    yield
    log.info("stage %s: %.1f s", name, time.monotonic() - begin)
