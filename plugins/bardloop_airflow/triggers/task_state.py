"""The states of tasks as Airflow's database has them now, asked from within a triggerer.

In: which tasks of which runs. Out: their states, None for one that was cleared, GONE where there is no such task (any
more).
"""

from collections.abc import Mapping, Sequence
from typing import Any

GONE = "gone"
OVER = {"failed", "success", "skipped", "removed", "upstream_failed", GONE}
"""The task has no use for a running job any more."""


def task_state(dag_id: str, run_id: str, task_id: str, map_index: int) -> str | None:
    """One query. Blocks: to be called in a thread."""
    task = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": map_index}
    return task_states([task])[0]


def task_states(tasks: Sequence[Mapping[str, Any]]) -> list[str | None]:
    """The state of each task, named as in `task_state`. One query a DAG. Blocks: to be called in a thread."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance  # late: a DAG file must not wait for it

    found = {}
    for dag_id in {task["dag_id"] for task in tasks}:
        own = [task for task in tasks if task["dag_id"] == dag_id]
        names, runs = ({task[key] for task in own} for key in ("task_id", "run_id"))
        found[dag_id] = RuntimeTaskInstance.get_task_states(dag_id=dag_id, task_ids=sorted(names), run_ids=sorted(runs))
    return [found[task["dag_id"]].get(task["run_id"], {}).get(_name(task), GONE) for task in tasks]


def _name(task: Mapping[str, Any]) -> str:
    """How Airflow's answer calls a task of a run."""
    return task["task_id"] if task["map_index"] < 0 else f"{task['task_id']}_{task['map_index']}"
