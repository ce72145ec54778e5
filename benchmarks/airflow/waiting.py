"""What the wait for a job asks of Airflow's database and of its workers.

In: a running demo. Out: statements a second that the triggerer sends, all other services of Airflow being held still,
and the tasks that hold a worker slot.
"""

import contextlib
import re
from collections.abc import Iterator

import psutil
import psycopg2

from demo.layout import Layout
from demo.services import airflow_database_url
from demo.supervision import Supervision
from tests.statements import statements

OTHERS = ("airflow-api", "airflow-dags", "airflow-scheduler")


def statements_per_second(layout: Layout, seconds: float) -> float:
    """What the triggerer asks the database, without what stands around each transaction.

    The other services work in every moment, more when a core is free, so the difference that a waiting job makes would
    drown in theirs.
    """
    with _held_still(layout, OTHERS):
        return len(statements(airflow_database_url(layout), seconds)) / seconds


def slots_in_use(layout: Layout) -> int:
    """Tasks that a worker has or is about to have."""
    database = psycopg2.connect(dbname="airflow", user="postgres", host=str(layout.postgres))
    with contextlib.closing(database), database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM task_instance WHERE state IN ('queued', 'running', 'restarting')")
        return cursor.fetchone()[0]


@contextlib.contextmanager
def _held_still(layout: Layout, names: tuple[str, ...]) -> Iterator[None]:
    """These services and their children are stopped (SIGSTOP) within the block."""
    pids = [re.match(r"pid (\d+)", Supervision(layout).states()[name][1])[1] for name in names]
    first = [psutil.Process(int(pid)) for pid in pids]
    processes = first + [child for process in first for child in process.children(recursive=True)]
    try:
        for process in processes:
            _tell(process.suspend)
        yield
    finally:
        for process in processes:
            _tell(process.resume)


def _tell(send) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):  # a task's process that has just ended
        send()
