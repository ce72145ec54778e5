"""The part of a loop in which no job ran, charged to the tasks that it was spent on.

In: spans of time: the loop's, its tasks' from Airflow, its jobs' from home/batch. Out: a cost for each task. A job's
time is what its keeper wrote down, not Airflow's idea of it, which has Airflow's own time in it.
"""

import dataclasses
import itertools
import json
import pathlib
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Span:
    """From `begin` to `end`, both seconds since 1970, the task `name` or its job was there."""

    name: str
    begin: float
    end: float

    def covers(self, moment: float) -> bool:
        return self.begin <= moment < self.end


@dataclasses.dataclass
class Cost:
    """Seconds of the loop: with a job of this task, before the task started, while it ran but no job did."""

    in_jobs: float = 0.0
    before: float = 0.0
    around: float = 0.0


def charge(loop: Span, tasks: Sequence[Span], jobs: Sequence[Span]) -> dict[str, Cost]:
    """Each moment of the loop charged once, in the order in which the tasks started. The sum is the loop's length.

    A moment with jobs is the first of them's. One without is charged to the task that runs, the first of several; when
    none does, to the task that is the next to start; after the last one to `loop.name`.
    """
    tasks, jobs = (sorted(spans, key=lambda span: span.begin) for spans in (tasks, jobs))
    costs = {name: Cost() for name in [task.name for task in tasks] + [loop.name]}
    edges = {edge for span in (*tasks, *jobs) for edge in (span.begin, span.end) if loop.covers(edge)}
    edges = sorted(edges | {loop.begin, loop.end})
    for begin, end in itertools.pairwise(edges):
        if at_work := [job for job in jobs if job.covers(begin)]:
            costs[at_work[0].name].in_jobs += end - begin
        elif running := [task for task in tasks if task.covers(begin)]:
            costs[running[0].name].around += end - begin
        else:
            following = [task for task in tasks if task.begin >= end]
            costs[following[0].name if following else loop.name].before += end - begin
    return costs


def job_spans(batch: pathlib.Path, run_ids: Sequence[str]) -> list[Span]:
    """The jobs of these DAG runs: from the moment when the command had been started to when its end was written down.

    A job of a mapped task carries the task's name.

    Raises:
        FileNotFoundError: a job of theirs has no end: it was lost, or runs.
    """
    spans = []
    for note in batch.glob("[!.]*/task.json"):
        owner = json.loads(note.read_text())
        if owner["run_id"] in run_ids:
            begin, end = ((note.parent / name).stat().st_mtime for name in ("pid", "exit_code"))
            spans.append(Span(f"{owner['dag_id']}.{owner['task_id']}", begin, end))
    return spans
