"""What became of a run whose services were killed: its state, its job, the lines of its log.

In: running services, a run. Out: an Outcome. Whoever asks is patient: the API server may be the one that was killed.
"""

import collections
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import httpx

from tests.airflow_services import Run, RunningAirflow
from tests.processes import lives

Answer = TypeVar("Answer")
ENDS_WITHIN_S = 180.0
STARTS_WITHIN_S = 120.0
WHOLE_WITHIN_S = 30.0
"""Whoever writes the log of a try may be behind: one that outlived its scheduler came 7 s after the run's success."""


@dataclass(frozen=True)
class Outcome:
    """Of one run. `lost` and `repeated` count lines of the job's log, as people see it in the task's log."""

    state: str | None
    tries: int
    started: int
    """How often a job was started."""
    doubled: bool
    """Two of its jobs were there at the same time."""
    lines: int
    lost: int
    repeated: int
    left: int
    """Processes of its jobs that still run."""
    took_s: float
    """From the end of the job to the end of the run."""

    @property
    def well(self) -> bool:
        return (self.state, self.started, self.doubled, self.lost, self.left) == ("success", 1, False, 0, 0)


def start_run(running: RunningAirflow, part: str) -> Run:
    """A run whose job has started."""
    run = patiently(lambda: Run(running, running.log_in(), "patient", part), STARTS_WITHIN_S)
    give_up = time.monotonic() + STARTS_WITHIN_S
    while not run.pids():
        assert time.monotonic() < give_up, f"{part}: no job was started, the task is {state(run)}"
        time.sleep(0.1)
    return run


def outcome(running: RunningAirflow, run: Run) -> Outcome:
    """Let the job end, wait for the run's end, and look at what it left."""
    run.end()
    ended = time.monotonic()
    while state(run) not in ("success", "failed") and time.monotonic() < ended + ENDS_WITHIN_S:
        time.sleep(0.2)
    took = time.monotonic() - ended
    task = patiently(lambda: run.ask("get", run.task))
    tries = task["try_number"]
    written = lines_written(running, run)
    wanted = {f"line {number:05} of {run.part}" for number in range(1, written + 1)}
    while True:
        shown = lines_shown(run, tries)
        if wanted <= shown.keys() or time.monotonic() > ended + took + WHOLE_WITHIN_S:
            break
        time.sleep(1)
    return Outcome(
        state=task["state"],
        tries=tries,
        started=len(run.pids()),
        doubled=run.place.with_suffix(".doubled").exists(),
        lines=written,
        lost=len(wanted - shown.keys()),
        repeated=sum(shown.values()) - len(shown),
        left=sum(map(lives, run.pids())),
        took_s=took,
    )


def lines_shown(run: Run, tries: int) -> collections.Counter:
    """The numbered lines in the task's log, of all tries, as the UI shows them."""
    shown = collections.Counter()
    for attempt in range(1, tries + 1):
        shown.update(patiently(lambda attempt=attempt: run.numbered_lines(attempt)))
    return shown


def lines_written(running: RunningAirflow, run: Run) -> int:
    """How many numbered lines the job has written, as its own log says, which no service of Airflow holds."""
    logs = [file.read_text() for file in (running.home / "batch").glob("*/stderr")]
    return max(int(number) for log in logs for number in re.findall(rf"^line (\d+) of {run.part}$", log, re.M))


def state(run: Run) -> str | None:
    """The task's state, `unknown` while the API server or its database is away."""
    try:
        answer = run.client.get(f"/api/v2/{run.task}")
    except httpx.HTTPError:
        return "unknown"
    return answer.json()["state"] if answer.is_success else "unknown"


def patiently(ask: Callable[[], Answer], within_s: float = 90.0) -> Answer:
    """The answer of the API server, once it is there."""
    give_up = time.monotonic() + within_s
    while True:
        try:
            return ask()
        except (httpx.HTTPError, AssertionError, KeyError, ValueError):
            if time.monotonic() > give_up:
                raise
            time.sleep(0.5)
