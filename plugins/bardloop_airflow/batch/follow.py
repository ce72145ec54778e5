"""Follow a job to its end: show each line of its log once, whole, and say how it ended."""

import time
from collections.abc import Callable

from bardloop_airflow.batch.interface import BatchBackend, JobStatus

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0


def follow(backend: BatchBackend, submission_id: str, show: Callable[[str], None]) -> JobStatus:
    """Call `show` with every line that the job wrote or writes to its log, from the first on; final status.

    Raises:
        BatchError: the job is not (or no longer) there.
    """
    offset, pause, open_line = 0, FIRST_PAUSE_S, ""
    while True:
        status = backend.status(submission_id)  # before the log: once it is final, nothing more is written
        chunk = backend.read_log(submission_id, offset)
        if chunk.offset > offset:
            offset = chunk.offset
            *lines, open_line = (open_line + chunk.text).split("\n")
            for line in lines:
                _show(line, show)
            open_line = "\r".join(open_line.rsplit("\r", 2)[-2:])  # a progress bar of days is one line: keep its end
        elif status.state.final:
            _show(open_line, show)
            return status
        else:
            time.sleep(pause)
            pause = min(LONGEST_PAUSE_S, pause * 1.3)


def _show(line: str, show: Callable[[str], None]) -> None:
    """Show a line unless it is blank; of a progress bar, its last state."""
    shown = line.rstrip("\r").rsplit("\r", 1)[-1].rstrip()
    if shown:
        show(shown)
