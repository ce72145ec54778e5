"""What the services of Airflow ask their database: every statement, as PostgreSQL writes it into its log meanwhile.

In: the database's address, how long to listen. Out: the statements. The counters of pg_stat_database will not do: a
session that has nothing to do adds what it did before up to 10 s later.
"""

import contextlib
import pathlib
import re
import time
from collections.abc import Iterator

import psycopg2
from sqlalchemy.engine import make_url

FRAME = {"SELECT 1", "BEGIN", "COMMIT", "ROLLBACK"}
"""Around every transaction: is the connection alive, begin, end. No question to a table."""


def statements(database_url: str, seconds: float) -> list[str]:
    """The first line of each statement that this database is sent within `seconds`, without FRAME.

    The server is one of `demo.postgres`, whose folder holds its socket and its log.
    """
    database = make_url(database_url)
    log = pathlib.Path(database.query["host"]) / "log"
    with _every_statement_in_the_log(database_url):
        time.sleep(1)  # what was under way
        begin = log.stat().st_size
        time.sleep(seconds)
        with log.open("rb") as lines:
            lines.seek(begin)
            said = lines.read().decode(errors="replace")
    statement = rf"^{database.database}: LOG:  (?:statement|execute [^:]*):\s+(.*)$"
    return [line for line in re.findall(statement, said, re.MULTILINE) if line not in FRAME]


@contextlib.contextmanager
def _every_statement_in_the_log(database_url: str) -> Iterator[None]:
    """PostgreSQL writes them down within the block, each behind the name of its database."""
    elsewhere = make_url(database_url).set(drivername="postgresql", database="postgres")
    with contextlib.closing(psycopg2.connect(elsewhere.render_as_string(hide_password=False))) as connection:
        connection.autocommit = True  # ALTER SYSTEM cannot run inside a transaction
        cursor = connection.cursor()
        cursor.execute("ALTER SYSTEM SET log_line_prefix = '%d: '")
        cursor.execute("ALTER SYSTEM SET log_statement = 'all'")
        cursor.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            cursor.execute("ALTER SYSTEM RESET log_line_prefix")
            cursor.execute("ALTER SYSTEM RESET log_statement")
            cursor.execute("SELECT pg_reload_conf()")
