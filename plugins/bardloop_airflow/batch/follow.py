"""Follow a job: each line of its log once and whole, how far it is, and how it ended.

In: a backend and a submission id; a bookmark file, so that whoever follows the job next goes on where this one stopped.
"""

import os
import pathlib
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from bardloop_airflow.batch.interface import BatchBackend, BatchError, JobStatus
from bardloop_airflow.batch.records import write_whole

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 3.0
BOOKMARK = "log_shown"
"""Beside the job's records: the offset (bytes) behind the last line of its log that was shown."""
SETTLES_S = 20.0
"""A line that was handed to Airflow's logging this long ago is taken to be on disk.

A triggerer writes nothing while it answers its first question (13 s were seen), nor while it ends for want of its
database, when it leaves the process that hands it the lines 10 s.
"""
REASON_AMONG_LINES = 200
"""A launcher may write this many lines of its own after the job's last."""

BAR = re.compile(r"(?P<done>\d+)/(?P<of>\d+) \[(?P<elapsed>[\d:]+)<(?P<remaining>[^,\]]+)(?P<rest>[^\]]*)\]")
LOSS = re.compile(r"\bloss=([^,\]\s]+)")


@dataclass(frozen=True)
class Look:
    """What one look at a job found. `status` is final only in the last look, when all lines have been given."""

    lines: tuple[str, ...]
    status: JobStatus
    over: bool
    progress: dict[str, str | int] | None
    """Of a progress bar that stands in the log's last line: done, of, elapsed, remaining, and loss where it has one."""


class Follower:
    """Reads a job's log from its bookmark (or its start) on.

    A line's place is noted SETTLES_S after it was given out, in the next look: if this process is killed, its successor
    loses no line and repeats those of the last moments.
    """

    def __init__(self, backend: BatchBackend, submission_id: str, bookmark: pathlib.Path | None = None):
        self._backend, self._submission_id, self._bookmark = backend, submission_id, bookmark
        self._read_to = self._shown_to = self._noted = _offset(bookmark)
        self._open_line = ""
        self._given: deque[tuple[float, int]] = deque()

    def look(self) -> Look:
        """The lines that are new since the last look, blank ones left out; of a progress bar, its last state.

        Raises:
            BatchError: the job is not (or no longer) there, or its backend does not answer.
        """
        self._note(older_than=time.monotonic() - SETTLES_S)
        status = self._backend.status(self._submission_id)  # before the log: once final, nothing more is written
        chunk = self._backend.read_log(self._submission_id, self._read_to)
        lines: list[str] = []
        over = status.state.final and chunk.offset <= self._read_to
        if over:
            lines, self._open_line = [self._open_line], ""
            self._shown_to = self._read_to
        elif chunk.offset > self._read_to:
            self._read_to = chunk.offset
            *lines, self._open_line = (self._open_line + chunk.text).split("\n")
            if lines:
                self._shown_to = self._read_to - len(self._open_line.encode())
            self._open_line = "\r".join(self._open_line.rsplit("\r", 2)[-2:])  # a bar of days is one line: keep its end
        self._given.append((time.monotonic(), self._shown_to))
        shown = (line.rstrip("\r").rsplit("\r", 1)[-1].rstrip() for line in lines)
        return Look(tuple(line for line in shown if line), status, over, progress(self._open_line))

    def close(self) -> None:
        """Note the place behind all that was given out: it will not be given out again."""
        self._note(older_than=time.monotonic())

    def _note(self, older_than: float) -> None:
        place = self._noted
        while self._given and self._given[0][0] <= older_than:
            place = self._given.popleft()[1]
        if place != self._noted and self._bookmark is not None:
            write_whole(self._bookmark, str(place))
        self._noted = place


def follow(
    backend: BatchBackend,
    submission_id: str,
    show: Callable[[str], None],
    within_s: float = float("inf"),
    bookmark: pathlib.Path | None = None,
) -> JobStatus:
    """Call `show` with every line of the job's log until it ends, or for `within_s` seconds; its status then.

    Raises:
        BatchError: as Follower.look, or this process has lost its parent.
    """
    follower, pause, give_up = Follower(backend, submission_id, bookmark), FIRST_PAUSE_S, time.monotonic() + within_s
    parent = os.getppid()
    while True:
        if os.getppid() != parent:  # it writes the log: what is shown from here on nobody would see
            raise BatchError("the worker that ran this task is gone; the task's next try goes on with the job")
        look = follower.look()
        for line in look.lines:
            show(line)
        if look.over or (time.monotonic() > give_up and not look.status.state.final):
            follower.close()
            return look.status
        if look.lines:
            pause = FIRST_PAUSE_S
        else:
            time.sleep(pause)
            pause = longer(pause)


def longer(pause: float) -> float:
    """Seconds between the next two looks."""
    return min(LONGEST_PAUSE_S, pause * 1.3)


def progress(line: str) -> dict[str, str | int] | None:
    """How far a tqdm bar is; None when the line is none."""
    bar = BAR.search(line.rsplit("\r", 1)[-1]) or BAR.search(line)
    if bar is None:
        return None
    told = {"done": int(bar["done"]), "of": int(bar["of"]), "elapsed": bar["elapsed"], "remaining": bar["remaining"]}
    loss = LOSS.search(bar["rest"])
    return told | ({"loss": loss[1]} if loss else {})


def reason(backend: BatchBackend, submission_id: str, job: str) -> str:
    """Why a job failed: the last line that it wrote about itself (`<job>: …`), else the last line of all."""
    end: deque[str] = deque(maxlen=REASON_AMONG_LINES)
    follow(backend, submission_id, end.append)
    own = [line for line in end if line.startswith(f"{job}: ")]
    return (own or list(end) or [f"{job} wrote nothing to stderr"])[-1]


def _offset(bookmark: pathlib.Path | None) -> int:
    """The offset in a bookmark, 0 when there is none yet."""
    if bookmark is None or not bookmark.exists():
        return 0
    return int(bookmark.read_text())
