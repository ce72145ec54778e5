"""Triggers the first run and follows it through corpus, train and rollout until an adapter is live.

In: an Airflow that runs. Out: snapshots for a display while it goes on, or a `RunFailed` with the reason.
"""

import dataclasses
import datetime
import json
import pathlib
import time
from collections.abc import Iterator

from demo.airflow_api import Airflow, DagRun, TaskInstance
from demo.layout import Layout
from demo.start import last_line

STAGES = ("corpus", "train", "rollout")
"""The DAGs of the loop in the order in which each one's asset starts the next."""
PATIENCE_BETWEEN_STAGES_S = 60
UNDER_WAY = ("queued", "running")


class RunFailed(RuntimeError):
    """A task of the loop failed for good. The message names it, its reason and its log."""


@dataclasses.dataclass(frozen=True)
class TaskLine:
    """One row of the display: a task (mapped ones together) of one stage."""

    stage: str
    task_id: str
    done: int
    total: int
    state: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The loop at one moment. `working` is the last thing that a running job said, empty when none does."""

    lines: tuple[TaskLine, ...]
    working: str


def live_adapter(layout: Layout, name: str) -> str | None:
    """`name@version` that the engine's registry calls stable, None when no adapter has gone live yet."""
    registry = layout.home / "serving" / "registry.json"
    if not registry.exists():
        return None
    return json.loads(registry.read_text()).get(name, {}).get("stable")


class FirstLoop:
    """The loop of the first start: begun once Airflow answers, followed until an adapter is live."""

    def __init__(self, layout: Layout, password: str):
        self._layout, self._password = layout, password

    def begin(self, recipe: str, overrides: list[str]) -> None:
        """Start the loop, or find the one that an earlier `make demo` started and that still goes on."""
        self._airflow = airflow = Airflow(self._layout, self._password)
        airflow.wait_for_dags(STAGES)
        latest = [run for stage in STAGES if (run := airflow.latest_run(stage))]
        if any(run.state in UNDER_WAY for run in latest):
            self._since = latest[0].run_after
        else:
            self._since = datetime.datetime.now(datetime.UTC)
            airflow.trigger(STAGES[0], {"recipe": recipe, "overrides": overrides})

    def follow(self, poll_s: float = 3) -> Iterator[Snapshot]:
        """Yield a snapshot every `poll_s` seconds until the last stage succeeded.

        Raises:
            RunFailed: a stage failed, or did not start after the one before it succeeded.
        """
        airflow, ended_at = self._airflow, None
        while True:
            runs = [run for stage in STAGES if (run := airflow.latest_run(stage, self._since))]
            tasks = {run.dag_id: airflow.tasks(run) for run in runs}
            yield Snapshot(tuple(_lines(tasks)), _working(self._layout.home / "batch"))
            for run in runs:
                if run.state == "failed":
                    raise RunFailed(_reason(airflow, run, tasks[run.dag_id]))
            succeeded = [run.dag_id for run in runs if run.state == "success"]
            if STAGES[-1] in succeeded:
                return
            if len(succeeded) == len(runs) and runs:
                ended_at = ended_at or time.monotonic()
                if time.monotonic() - ended_at > PATIENCE_BETWEEN_STAGES_S:
                    missing = STAGES[len(runs)]
                    raise RunFailed(f"{runs[-1].dag_id} succeeded, but {missing} was not started; see the Airflow UI")
            else:
                ended_at = None
            time.sleep(poll_s)


def _lines(tasks: dict[str, list[TaskInstance]]) -> Iterator[TaskLine]:
    """Task instances as rows in the order in which they ran, instances of a mapped task together."""
    for stage, instances in tasks.items():
        rows: dict[str, list[TaskInstance]] = {}
        for instance in sorted(instances, key=lambda instance: instance.state is None):
            rows.setdefault(instance.task_id, []).append(instance)
        for task_id, mapped in rows.items():
            states = [instance.state or "waiting" for instance in mapped]
            yield TaskLine(
                stage=stage,
                task_id=task_id,
                done=states.count("success"),
                total=len(mapped),
                state=_together(states),
                seconds=max(instance.seconds for instance in mapped),
            )


def _together(states: list[str]) -> str:
    """One word for the states of a mapped task's instances: the one a person should know of."""
    for state in ("failed", "upstream_failed", "up_for_retry", "running", "deferred", "queued", "scheduled"):
        if state in states:
            return state
    return "success" if set(states) == {"success"} else states[0]


def _working(batch: pathlib.Path) -> str:
    """The last line that the most recent running job wrote."""
    started = {path.parent for path in batch.glob("*/pid")}
    running = started - {path.parent for path in batch.glob("*/exit_code")}
    if not running:
        return ""
    newest = max(running, key=lambda folder: folder.stat().st_mtime)
    return last_line(newest / "stderr")


def _reason(airflow: Airflow, run: DagRun, tasks: list[TaskInstance]) -> str:
    for task in tasks:
        if task.state == "failed":
            log = airflow.log_file(run, task)
            return f"{run.dag_id}.{task.task_id} failed: {_last_error(log)}\n  log: {log}"
    return f"{run.dag_id} failed; see the Airflow UI"


def _last_error(log: pathlib.Path) -> str:
    """The reason in a task log (JSON lines): the last exception's text, else the last error's event."""
    reason = ""
    if log.exists():
        for line in log.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue  # raw output of a library between the JSON lines
            if entry.get("level") not in ("error", "critical"):
                continue
            detail = entry.get("error_detail") or []
            # error_detail[0] is the exception that was raised, those behind it its causes
            reason = detail[0].get("exc_value") or entry.get("event", "") if detail else entry.get("event", reason)
    return reason or "no error in its log"
