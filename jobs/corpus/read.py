"""Read the sound records of a part with DuckDB.

In: the file that scan.py wrote. Out: batches of rows, each with its place, its values and a verdict: None,
or the reason why the row is dropped.

DuckDB reads strictly and keeps what it refuses (`store_rejects`). After scan.py only bytes that are no UTF-8
are left to refuse; they are `malformed.encoding`. Rows read and rows refused must add up to the rows
written, or the two readers disagree and the job stops.
"""

import pathlib
from collections.abc import Iterator

import duckdb

from jobs.corpus.scan import COLUMNS, Place, Scan
from jobs.errors import JobError

BATCH = 2_000
"""Rows handed over at a time."""
MEMORY_LIMIT = "2GB"
"""Of one part; parts may be read side by side. What does not fit goes to disk."""

_TIMESTAMP = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}"


class Reader:
    """The sound records of one part in a database file in `folder`, which the caller removes."""

    def __init__(self, sound: pathlib.Path, scan: Scan, folder: pathlib.Path):
        settings = {"temp_directory": str(folder / "spill"), "memory_limit": MEMORY_LIMIT}
        self._connection = duckdb.connect(folder / "read.duckdb", config=settings)
        # every column in one pass: DuckDB does not see what is wrong with a column that nobody selects
        self._connection.execute(f"CREATE TABLE record AS SELECT * FROM {_read_csv(scan)}", [str(sound)])
        rows = self._one("SELECT count(*) FROM record")
        refused = self._one(f"SELECT count(DISTINCT {_REFUSED_OFFSET}) FROM refused")
        written = scan.records - len(scan.unsound)
        if rows + refused != written:
            raise JobError(
                f"{sound}: DuckDB read {rows} rows and refused {refused}, but {written} records were written: "
                "the two readers disagree; please report this part"
            )

    def close(self) -> None:
        """Close the database file."""
        self._connection.close()

    def refused(self) -> Iterator[tuple[Place, str]]:
        """Place and reason of every record that is not UTF-8."""
        yield from (
            (Place(offset, line, length), "malformed.encoding")
            for offset, line, length in self._connection.execute(
                f"SELECT DISTINCT {_REFUSED_OFFSET}, split_part(csv_line, ',', 2)::BIGINT, "
                "split_part(csv_line, ',', 3)::BIGINT FROM refused ORDER BY 1"
            ).fetchall()
        )

    def rows(self) -> Iterator[dict]:
        """Rows in the archive's order: `byte_offset`, `line`, `length`, the text of COLUMNS (empty when
        missing, `message` None unless the row is in-character), `posted_at` (datetime or None), `reason`.
        """
        values = ", ".join(f"coalesce({name}, '') AS {name}" for name in COLUMNS)
        relation = self._connection.sql(f"""
            WITH typed AS (
                SELECT byte_offset, line, length, {values},
                    CASE WHEN regexp_matches(message_timestamp, '{_TIMESTAMP}')
                        THEN try_cast(message_timestamp AS TIMESTAMP) END AS posted_at
                FROM record
            ), judged AS (
                SELECT *, CASE
                    WHEN posted_at IS NULL THEN 'malformed.timestamp'
                    WHEN thread_type <> 'IC' THEN 'not_ic' END AS reason
                FROM typed
            )
            SELECT * REPLACE (CASE WHEN reason IS NULL THEN message END AS message) FROM judged
        """)
        for batch in relation.to_arrow_reader(BATCH):
            yield from batch.to_pylist()

    def _one(self, query: str) -> int:
        return self._connection.execute(query).fetchall()[0][0]


_REFUSED_OFFSET = "try_cast(split_part(csv_line, ',', 1) AS BIGINT)"


def _read_csv(scan: Scan) -> str:
    """The table function that reads what scan.py wrote; its columns are known, nothing is guessed.

    The line end is named as well: left to itself, DuckDB takes it from the first break that it meets, which may
    lie inside a message.
    """
    place = {"byte_offset": "BIGINT", "line": "BIGINT", "length": "BIGINT"}
    names = [name if name in COLUMNS else f"other_{index}" for index, name in enumerate(scan.columns)]
    columns = place | dict.fromkeys(names, "VARCHAR")
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    return (
        f"read_csv(?, columns = {{{types}}}, auto_detect = false, header = false, strict_mode = true, "
        "new_line = '\\n', delim = ',', quote = '\"', escape = '\"', store_rejects = true, rejects_limit = 0, "
        f"rejects_table = 'refused', max_line_size = {max(2 << 20, scan.longest + 100)})"
    )
