"""Random kill schedules: which parts of Airflow are killed, when, and for how long they are away.

In: a number of schedules, a seed. Out: Schedule objects, the same ones for the same seed.
"""

import random
from dataclasses import dataclass

SERVICES = ("airflow-scheduler", "airflow-triggerer", "airflow-api", "airflow-dags", "postgres")
PARTS = ("worker", "task", "trigger runner")
"""Processes within a service: the executor's process that holds the task, the task's own, the triggerer's child."""
JOB_S = (10.0, 20.0)
PAUSE_S = (0.0, 5.0)
TASK_RUNS_FOR_S = 4.0
"""A worker follows a job only in its first seconds; then the task is deferred."""


@dataclass(frozen=True, order=True)
class Kill:
    """SIGKILL to `what`, `at_s` seconds after the job's start; a service is started again after `pause_s`."""

    at_s: float
    what: str
    pause_s: float


@dataclass(frozen=True)
class Schedule:
    number: int
    job_s: float
    kills: tuple[Kill, ...]

    def __str__(self) -> str:
        return ", ".join(f"{kill.what} at {kill.at_s:.1f} s" for kill in self.kills)


def schedules(count: int, seed: int) -> list[Schedule]:
    """`count` schedules of one to three kills each."""
    return [_schedule(number, random.Random(f"{seed}/{number}")) for number in range(1, count + 1)]


def _schedule(number: int, draw: random.Random) -> Schedule:
    job_s = draw.uniform(*JOB_S)
    kills = []
    for what in draw.sample(SERVICES + PARTS, draw.randint(1, 3)):
        until = TASK_RUNS_FOR_S if what in ("worker", "task") else job_s
        kills.append(Kill(draw.uniform(0, until), what, draw.uniform(*PAUSE_S)))
    return Schedule(number, job_s, tuple(sorted(kills)))
