"""All staged parts as tables in one DuckDB database, which the steps of the build share.

In: the staging folders of the parts, in the recipe's order. Out: a connection with

    post(id, thread, author, posted_at, content, chars)     every in-character post with text
    thread(thread, title, tags, sexual, minor, first_part)  every thread, whatever part it stands in

A post's `id` is its part's position and its byte offset in one number: it orders posts by part and place.
"""

import pathlib
from collections.abc import Iterable, Mapping

import duckdb

OFFSET_BITS = 42
"""A part may have 4 TiB of CSV."""


def post_id(position: int) -> str:
    """SQL expression for the id of a post of the part at `position`, from its `byte_offset`."""
    return f"({position}::BIGINT << {OFFSET_BITS}) + byte_offset"


OFFSET_OF_ID = f"(id & {(1 << OFFSET_BITS) - 1})"


class Staged:
    """The staged parts and the database over them. Use it as a context manager.

    `folders` maps part names to staging folders, `work` is a folder for the database and what does not fit in
    `memory` (in DuckDB's notation).
    """

    def __init__(self, folders: Mapping[str, pathlib.Path], work: pathlib.Path, memory: str = "400MB"):
        self.parts = list(folders)
        self.folders = dict(folders)
        settings = {"temp_directory": str(work / "spill"), "memory_limit": memory, "preserve_insertion_order": False}
        self.connection = duckdb.connect(work / "build.duckdb", config=settings)
        self._load()

    def __enter__(self) -> "Staged":
        return self

    def __exit__(self, *failure) -> None:
        self.connection.close()

    def union(self, file: str, columns: str) -> str:
        """SQL that reads `columns` of `file` of every part; `id` stands for the post's id."""
        return " UNION ALL ".join(
            f"SELECT {columns.replace('id', f'{post_id(position)} AS id', 1)} "
            f"FROM read_parquet({quoted(self.folders[part] / file)})"
            for position, part in enumerate(self.parts)
        )

    def value(self, query: str):
        """The one value that `query` gives."""
        return self.connection.execute(query).fetchall()[0][0]

    def _load(self) -> None:
        columns = "id, thread, author, posted_at, content, chars"
        self.connection.execute(f"CREATE TABLE post AS {self.union('posts.parquet', columns)}")
        threads = " UNION ALL ".join(
            f"SELECT *, {position} AS part FROM read_parquet({quoted(self.folders[part] / 'threads.parquet')})"
            for position, part in enumerate(self.parts)
        )
        self.connection.execute(f"""
            CREATE TABLE thread AS
            SELECT thread, any_value(title) AS title, any_value(tags) AS tags,
                bool_or(sexual) AS sexual, bool_or(minor) AS minor, min(part) AS first_part
            FROM ({threads}) GROUP BY thread
        """)


def read_all(files: Iterable[pathlib.Path]) -> str:
    """SQL that reads all of `files`, each by its name: a folder's name may look like a pattern to DuckDB."""
    return f"read_parquet([{', '.join(map(quoted, sorted(files)))}])"


def quoted(path: pathlib.Path) -> str:
    """`path` as an SQL string."""
    return "'" + str(path).replace("'", "''") + "'"
