"""BatchJobTrigger: follows a job while its task holds no worker slot, and wakes the task when the job has ended.

In: backend and submission id. Out: lines in the task's log, the XCom `progress`, one event when the job is over. Ends
the job when a person ended the task, and never because the triggerer stops.
"""

import asyncio
import datetime
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.sdk.execution_time.xcom import XCom
from airflow.triggers.base import BaseTrigger, TriggerEvent

from bardloop_airflow.batch.backends import backend, records_folder
from bardloop_airflow.batch.connections import place_of
from bardloop_airflow.batch.follow import BOOKMARK, FIRST_PAUSE_S, LONGEST_PAUSE_S, Follower, longer
from bardloop_airflow.batch.interface import BatchBackend, BatchError
from bardloop_airflow.links import WANDB_RUN, WandbRunLink
from bardloop_airflow.places import home
from bardloop_airflow.triggers.task_state import task_state

PROGRESS_EVERY_S = 30.0
"""Each time costs Airflow's database some queries."""
UNREACHABLE_FOR_S = 900.0
"""A backend that restarts (Ray's head, slurmctld, a disk of the network) gets this long to answer again."""
CANCEL_WITHIN_S = 25.0
"""Airflow gives on_kill 30 s."""


class BatchJobTrigger(BaseTrigger):
    """Waits for the job `submission_id` on `backend`; the event's payload is {"submission_id"}.

    Every call that may block runs in a thread. Airflow's database is asked for a connection at the start (none for
    the local backend) and told the progress every PROGRESS_EVERY_S seconds while it changes; looks at the job cost it
    nothing.
    """

    def __init__(self, backend: str, submission_id: str):
        super().__init__()
        self.backend = backend
        self.submission_id = submission_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"backend": self.backend, "submission_id": self.submission_id}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Follow the job to its end.

        Raises:
            BatchError, OSError: the backend or the disk did not answer for UNREACHABLE_FOR_S seconds. The task is
                retried then, and attaches to the job.
        """
        follower, pause, silent_since = None, FIRST_PAUSE_S, None
        told, told_at = None, float("-inf")
        while True:
            try:
                if follower is None:
                    follower = await asyncio.to_thread(self._follower)
                look = await asyncio.to_thread(follower.look)
            except (BatchError, OSError) as error:
                if silent_since is None:
                    silent_since = time.monotonic()
                    self.log.warning("Waiting for the backend %s to answer: %s", self.backend, error)
                elif time.monotonic() - silent_since > UNREACHABLE_FOR_S:
                    raise
                await asyncio.sleep(LONGEST_PAUSE_S)
                continue
            silent_since = None
            for line in look.lines:
                self.log.info("%s", line)
                if run := WANDB_RUN.search(line):
                    await asyncio.to_thread(self._push, WandbRunLink().xcom_key, run[1])
            if look.over:
                yield TriggerEvent({"submission_id": self.submission_id})
                return
            if look.progress and look.progress != told and time.monotonic() - told_at > PROGRESS_EVERY_S:
                told, told_at = look.progress, time.monotonic()
                now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
                await asyncio.to_thread(self._push, "progress", told | {"at": now})
            await asyncio.sleep(pause)
            pause = longer(pause)  # also while the job talks: the triggerer asks the database after each burst of lines

    async def on_kill(self) -> None:
        """Cancel the job: a person marked the task or cleared it, or its run took too long.

        Airflow also calls this in a triggerer that was silent for so long that another one has taken its triggers
        over; the task still waits then, and the job is left alone.
        """
        ti = self.task_instance
        state = await asyncio.to_thread(task_state, ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
        if state == "deferred":
            self.log.info("Another triggerer follows job %s now", self.submission_id)
            return
        self.log.info("Cancelling job %s: the task is %s", self.submission_id, state or "cleared")
        await asyncio.to_thread(self._cancel)

    def _backend(self) -> BatchBackend:
        return backend(self.backend, home(), place_of(self.backend))

    def _follower(self) -> Follower:
        bookmark = records_folder(home()) / self.submission_id / BOOKMARK
        return Follower(self._backend(), self.submission_id, bookmark)

    def _cancel(self) -> None:
        give_up = time.monotonic() + CANCEL_WITHIN_S
        while True:
            try:
                return self._backend().cancel(self.submission_id)
            except BatchError as error:
                if time.monotonic() > give_up:
                    raise
                self.log.warning("Job %s is not cancelled yet, trying again: %s", self.submission_id, error)
                time.sleep(2)

    def _push(self, key: str, value: Any) -> None:
        """Leave something for people to see; that this fails must not end the wait."""
        ti = self.task_instance
        if ti is None:  # `dag.test()` gives a trigger none
            return
        where = {"dag_id": ti.dag_id, "task_id": ti.task_id, "run_id": ti.run_id, "map_index": ti.map_index}
        try:
            XCom.set(key=key, value=value, **where)
        except AirflowRuntimeError as error:
            self.log.warning("The XCom %s was not written: %s", key, error)
