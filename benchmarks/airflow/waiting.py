"""What the wait for a job asks of Airflow's database and of its workers.

In: a running demo. Out: statements a second that the triggerer sends, all other services of Airflow being held still,
and the tasks that hold a worker slot.
"""

import contextlib
import re
import time
from collections.abc import Iterator

import psutil
import psycopg2

from demo.layout import Layout
from demo.supervision import Supervision

STATEMENT = re.compile(r"^airflow: LOG:  (?:statement|execute [^:]*):\s+(.*)$", re.MULTILINE)
FRAME = {"SELECT 1", "BEGIN", "COMMIT", "ROLLBACK"}
"""Around every transaction: is the connection alive, begin, end. No question to a table."""
OTHERS = ("airflow-api", "airflow-dags", "airflow-scheduler")


def statements_per_second(layout: Layout, seconds: float) -> float:
    """What the triggerer asks the database, without what stands around each transaction.

    PostgreSQL writes each statement into its log meanwhile. The other services work in every moment, more when a core
    is free, so the difference that a waiting job makes would drown in theirs.
    """
    log = layout.postgres / "log"
    with _held_still(layout, OTHERS), _every_statement_in_the_log(layout):
        time.sleep(1)  # what was under way
        begin = log.stat().st_size
        time.sleep(seconds)
        with log.open("rb") as lines:
            lines.seek(begin)
            said = lines.read().decode(errors="replace")
    return sum(line not in FRAME for line in STATEMENT.findall(said)) / seconds


def slots_in_use(layout: Layout) -> int:
    """Tasks that a worker has or is about to have."""
    with contextlib.closing(_connect(layout, "airflow")) as connection, connection.cursor() as cursor:
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


@contextlib.contextmanager
def _every_statement_in_the_log(layout: Layout) -> Iterator[None]:
    """PostgreSQL writes them down within the block, each behind the name of its database."""
    with contextlib.closing(_connect(layout, "postgres")) as connection, connection.cursor() as cursor:
        connection.autocommit = True  # ALTER SYSTEM cannot run inside a transaction
        cursor.execute("ALTER SYSTEM SET log_line_prefix = '%d: '")
        cursor.execute("ALTER SYSTEM SET log_statement = 'all'")
        cursor.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            cursor.execute("ALTER SYSTEM RESET log_line_prefix")
            cursor.execute("ALTER SYSTEM RESET log_statement")
            cursor.execute("SELECT pg_reload_conf()")


def _connect(layout: Layout, database: str):
    return psycopg2.connect(dbname=database, user="postgres", host=str(layout.postgres))


def _tell(send) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):  # a task's process that has just ended
        send()
