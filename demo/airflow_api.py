"""Airflow's REST API, as far as following a first run needs it."""

import dataclasses
import datetime
import pathlib
import time

import httpx

from demo.layout import Layout


@dataclasses.dataclass(frozen=True)
class DagRun:
    """One run of a DAG. `run_after` is when it was asked for, `ended` when it ended: aware datetimes."""

    dag_id: str
    run_id: str
    state: str
    run_after: datetime.datetime
    ended: datetime.datetime | None


@dataclasses.dataclass(frozen=True)
class TaskInstance:
    """One try of one (perhaps mapped) task. A deferred task keeps the time at which it started first."""

    task_id: str
    map_index: int
    try_number: int
    state: str | None
    started: datetime.datetime | None
    ended: datetime.datetime | None

    @property
    def seconds(self) -> float:
        """From its start to its end or, while it runs, until now; 0 before."""
        if self.started is None:
            return 0.0
        return ((self.ended or datetime.datetime.now(datetime.UTC)) - self.started).total_seconds()


class Airflow:
    """A client with a token of the demo's admin."""

    def __init__(self, layout: Layout, password: str):
        self._log_folder = layout.logs / "airflow"
        self._client = httpx.Client(base_url=layout.address("BARDLOOP_AIRFLOW_PORT"), timeout=60)
        token = self._client.post("/auth/token", json={"username": "admin", "password": password})
        token.raise_for_status()
        self._client.headers["Authorization"] = f"Bearer {token.json()['access_token']}"

    def wait_for_dags(self, dag_ids: tuple[str, ...], patience_s: float = 90) -> None:
        """Wait until the dag-processor has read these DAGs.

        Raises:
            TimeoutError: one is missing; the message holds Airflow's import errors.
        """
        deadline = time.monotonic() + patience_s
        while missing := set(dag_ids) - {dag["dag_id"] for dag in self._get("/api/v2/dags")["dags"]}:
            if time.monotonic() > deadline:
                errors = self._get("/api/v2/importErrors")["import_errors"]
                told = "; ".join(error["stack_trace"].strip().splitlines()[-1] for error in errors)
                raise TimeoutError(f"Airflow does not know the DAGs {sorted(missing)}: {told or 'no import error'}")
            time.sleep(1)

    def trigger(self, dag_id: str, conf: dict) -> DagRun:
        """Start a run by hand, with `conf` over the DAG's params."""
        answer = self._client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf})
        answer.raise_for_status()
        return _dag_run(answer.json())

    def latest_run(self, dag_id: str, since: datetime.datetime | None = None) -> DagRun | None:
        """The newest run of a DAG, None when there is none (after `since`)."""
        query = {"order_by": "-run_after", "limit": 1}
        if since is not None:
            query["run_after_gte"] = since.isoformat()
        runs = self._get(f"/api/v2/dags/{dag_id}/dagRuns", **query)["dag_runs"]
        return _dag_run(runs[0]) if runs else None

    def wait_for(self, run: DagRun, patience_s: float) -> DagRun:
        """The run when it has ended.

        Raises:
            TimeoutError: it has not after `patience_s`.
        """
        deadline = time.monotonic() + patience_s
        while run.state not in ("success", "failed"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{run.dag_id} {run.run_id} is {run.state} after {patience_s:.0f} s")
            time.sleep(1)
            run = _dag_run(self._get(f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}"))
        return run

    def tasks(self, run: DagRun) -> list[TaskInstance]:
        """All task instances of a run, mapped ones one by one."""
        answer = self._get(f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances", limit=200)
        return [
            TaskInstance(
                task_id=task["task_id"],
                map_index=task["map_index"],
                try_number=task["try_number"],
                state=task["state"],
                started=_time(task["start_date"]),
                ended=_time(task["end_date"]),
            )
            for task in answer["task_instances"]
        ]

    def log_file(self, run: DagRun, task: TaskInstance) -> pathlib.Path:
        """Where Airflow keeps the log of a try."""
        folder = self._log_folder / f"dag_id={run.dag_id}" / f"run_id={run.run_id}" / f"task_id={task.task_id}"
        if task.map_index >= 0:
            folder /= f"map_index={task.map_index}"
        return folder / f"attempt={task.try_number}.log"

    def _get(self, path: str, **query):
        answer = self._client.get(path, params=query)
        answer.raise_for_status()
        return answer.json()


def _dag_run(document: dict) -> DagRun:
    return DagRun(
        dag_id=document["dag_id"],
        run_id=document["dag_run_id"],
        state=document["state"],
        run_after=_time(document["run_after"]),
        ended=_time(document["end_date"]),
    )


def _time(text: str | None) -> datetime.datetime | None:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
