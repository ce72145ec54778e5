"""One try of one task with a BatchJobOperator, outside of Airflow."""

import pathlib
from types import SimpleNamespace

from airflow.sdk import NEVER_EXPIRE
from airflow.sdk.timezone import utcnow

from bardloop_airflow.operators.batch_job import BatchJobOperator

SETTINGS = {"recipe": "demo", "overrides": []}


def run(run_id="manual__1", outlet_events=None, store=None, max_tries=2, **fields):
    """One try of a task of one run; the task's result."""
    return operator(**fields).execute(context(run_id, outlet_events, store, max_tries))


def operator(**fields):
    fields = {"task_id": "download", "job": "download", "settings": SETTINGS} | fields
    return BatchJobOperator(**fields)


def context(run_id="manual__1", outlet_events=None, store=None, max_tries=2):
    """What Airflow gives a task. `store` is its state store, which outlives the tries."""
    ti = SimpleNamespace(
        dag_id="corpus", run_id=run_id, task_id="download", map_index=-1, max_tries=max_tries, start_date=utcnow()
    )
    return {"ti": ti, "outlet_events": outlet_events, "task_state_store": Store() if store is None else store}


class Store(dict):
    """The two methods of Airflow's task state store. Every run of a DAG has its own."""

    def set(self, key, value, *, retention):
        assert retention is NEVER_EXPIRE  # else a training of two months would be started again
        self[key] = value


def jobs(tmp_path: pathlib.Path) -> list[str]:
    """The submission ids under a home folder."""
    return sorted(folder.name for folder in (tmp_path / "batch").iterdir())
