"""The floor: decompress and read, and nothing else: `python floor.py ARCHIVE_FOLDER`.

In: a folder of .7z parts. Out: on stdout how many rows DuckDB read and refused. Two processes, one a core, take a part
at a time: py7zr unpacks it to a temporary file, DuckDB reads every column of that strictly with one thread.
"""

import concurrent.futures
import json
import pathlib
import sys
import tempfile

import duckdb
import py7zr

COLUMNS = ("thread_title", "thread_type", "thread_tags", "message_username", "message_timestamp", "message")
LONGEST_RECORD = 64 << 20
"""Bytes. DuckDB keeps a buffer of this size, so no record is refused for its length alone."""


def read_part(path: pathlib.Path) -> tuple[int, int]:
    """Rows read and records refused of the part at `path`."""
    with tempfile.TemporaryDirectory() as folder:
        with py7zr.SevenZipFile(path) as container:
            container.extractall(folder)
        (csv,) = pathlib.Path(folder).glob("*/*.csv")
        columns = ", ".join(f"'{name}': 'VARCHAR'" for name in COLUMNS)
        bytes_read = " + ".join(f"sum(strlen(coalesce({name}, '')))" for name in COLUMNS)
        with duckdb.connect(config={"threads": 1, "memory_limit": "1GB"}) as connection:
            rows, _ = connection.execute(
                f"SELECT count(*), {bytes_read} FROM read_csv(?, columns = {{{columns}}}, auto_detect = false, "
                "header = true, strict_mode = true, delim = ',', quote = '\"', escape = '\"', store_rejects = true, "
                f"rejects_limit = 0, max_line_size = {LONGEST_RECORD})",
                [str(csv)],
            ).fetchall()[0]
            refused = "SELECT count(DISTINCT line_byte_position) FROM reject_errors"
            return rows, connection.execute(refused).fetchall()[0][0]


def main(archive: pathlib.Path) -> None:
    """Read all parts and print the sums."""
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        parts = list(pool.map(read_part, sorted(archive.glob("*.7z"))))
    print(json.dumps({"rows": sum(rows for rows, _ in parts), "refused": sum(refused for _, refused in parts)}))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
