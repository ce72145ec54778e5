"""UnwantedJobsTrigger: ends jobs whose task nobody follows any more. The watcher of an asset, so it always runs.

In: the records of jobs under home, the states of their tasks. Out: an event for each job that it had to cancel.
"""

import asyncio
import json
import pathlib
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from bardloop_airflow.batch.backends import backend, records_folder
from bardloop_airflow.batch.connections import place_of
from bardloop_airflow.batch.records import OWNER
from bardloop_airflow.places import home
from bardloop_airflow.triggers.task_state import OVER, task_states

EVERY_S = 12.0
"""Each question makes the triggerer ask the database for other things too."""


class UnwantedJobsTrigger(BaseEventTrigger):
    """Cancels the jobs that run while their task is over, seen twice in looks EVERY_S seconds apart.

    A job's own trigger does that in its on_kill, but Airflow calls that only in a triggerer that already ran the
    trigger: not while the triggerer is down, nor in the second after a task was deferred. The payload of an event is
    {"submission_id", "state", "dag_id", "run_id", "task_id", "map_index"}. Costs one query for each DAG that has
    running jobs.
    """

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{type(self).__module__}.{type(self).__qualname__}", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        ended: set[str] = set()
        suspects: set[str] = set()
        while True:
            try:
                suspects, cancelled = await asyncio.to_thread(self._look, ended, suspects)
            except Exception:
                self.log.exception("Could not look for unwanted jobs, trying again in %g s", EVERY_S)
                cancelled = []
            for job in cancelled:
                yield TriggerEvent(job)
            await asyncio.sleep(EVERY_S)

    def _look(self, ended: set[str], suspects: set[str]) -> tuple[set[str], list[dict[str, Any]]]:
        """Which jobs run although their task is over, and what was cancelled: those that were `suspects` before.

        In between a job's own trigger, if it runs, has cancelled the job.
        """
        unwanted, cancelled = set(), []
        running = _running(ended)
        tasks = [{name: value for name, value in owner.items() if name != "backend"} for _, owner in running]
        for (folder, owner), task, state in zip(running, tasks, task_states(tasks), strict=True):
            if state not in OVER:  # a cleared one (no state) runs soon, and ends its old job then
                continue
            unwanted.add(folder.name)
            if folder.name not in suspects:
                continue
            again = (folder / "cancelled").exists()  # what was to end it may have been killed
            try:
                did = _cancel(owner["backend"], folder.name)
            except Exception as error:  # noqa: BLE001  (whatever one backend has to say, the other jobs' turn comes)
                self.log.warning("Job %s cannot be cancelled now: %s", folder.name, error)
                continue
            if did and not again:
                self.log.info("Cancelled job %s: its task is %s", folder.name, state)
                cancelled.append({"submission_id": folder.name, "state": state, **task})
        return unwanted, cancelled


def _running(ended: set[str]) -> list[tuple[pathlib.Path, dict]]:
    """Folders of jobs that have not ended, as far as their files say, with whose each is. Adds others to `ended`."""
    found = []
    for note in records_folder(home()).glob(f"[!.]*/{OWNER}"):
        folder = note.parent
        if folder.name in ended:
            continue
        owner = json.loads(note.read_text())
        if not owner or any((folder / mark).exists() for mark in ("exit_code", "lost")):
            ended.add(folder.name)
        else:
            found.append((folder, owner))
    return found


def _cancel(name: str, submission_id: str) -> bool:
    """Cancel a job on the backend `name`; whether there was something to cancel."""
    place = backend(name, home(), place_of(name))
    status = place.find(submission_id)
    if status is None or status.state.final:
        return False
    place.cancel(submission_id)
    return True
