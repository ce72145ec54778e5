"""From the posts of all parts to threads.

In: the parts' posts.parquet. Out: train/, valid/ and test/*.parquet with one row a thread, and a reason for
every post that is in none. DuckDB judges and sorts (what does not fit in memory goes to disk); threads then
pass by one at a time.
"""

import contextlib
import itertools
import pathlib
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from contracts.recipe import Corpus
from jobs.corpus import rejects
from jobs.corpus.batched import BatchedRows
from jobs.corpus.clean import MENTION
from jobs.corpus.split import SPLITS, split_of

THREADS = pa.schema(
    [
        ("thread_id", pa.string()),
        ("title", pa.string()),
        ("tags", pa.list_(pa.string())),
        (
            "messages",
            pa.list_(
                pa.struct([("author", pa.string()), ("text", pa.string()), ("timestamp", pa.timestamp("us"))]),
            ),
        ),
        ("n_messages", pa.int32()),
        ("n_chars", pa.int64()),
        ("parts", pa.list_(pa.string())),
    ]
)
"""One row a thread, messages in time order. `author` is an alias of this thread, `n_chars` counts message texts."""


@dataclass
class Built:
    """What was written: threads and messages by split, kept posts by part."""

    threads: Counter = field(default_factory=lambda: Counter(dict.fromkeys(SPLITS, 0)))
    messages: Counter = field(default_factory=lambda: Counter(dict.fromkeys(SPLITS, 0)))
    kept: Counter = field(default_factory=Counter)


def build_threads(staged: Mapping[str, pathlib.Path], folder: pathlib.Path, corpus: Corpus) -> Built:
    """Write the threads of `staged` (part name to its folder, in the recipe's order) and rejects/<part>.parquet."""
    built = Built()
    work = folder / "work"
    work.mkdir()
    settings = {"temp_directory": str(work / "spill"), "memory_limit": "4GB"}
    with duckdb.connect(work / "threads.duckdb", config=settings) as connection:
        _judge(connection, staged, corpus)
        _write_rejects(connection, staged, folder / "rejects")
        with _split_files(folder) as files:
            for posts in _threads(connection):
                row = thread_row(posts, list(staged))
                split = split_of(row["thread_id"], corpus.split)
                files[split].add(row)
                built.threads[split] += 1
                built.messages[split] += len(posts)
                built.kept.update(post["part"] for post in posts)
    shutil.rmtree(work)
    return built


def thread_row(posts: list[dict], part_order: list[str]) -> dict:
    """The corpus row of one thread. `posts` are its kept posts in time order."""
    aliases = _aliases(post["username"] for post in posts)
    messages = [
        {
            "author": aliases[post["username"]],
            "text": _mentions_as_aliases(post["text"], aliases),
            "timestamp": post["posted_at"],
        }
        for post in posts
    ]
    return {
        "thread_id": posts[0]["thread_id"],
        "title": posts[0]["title"],
        "tags": posts[0]["tags"],
        "messages": messages,
        "n_messages": len(messages),
        "n_chars": sum(len(message["text"]) for message in messages),
        "parts": sorted({post["part"] for post in posts}, key=part_order.index),
    }


def alias(index: int) -> str:
    """`Player A`, `Player B`, … `Player Z`, `Player AA`, … for the authors of a thread in order of appearance."""
    letters = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"Player {letters}"


def _aliases(usernames: Iterable[str]) -> dict[str, str]:
    return {name: alias(index) for index, name in enumerate(dict.fromkeys(usernames))}


def _mentions_as_aliases(text: str, aliases: Mapping[str, str]) -> str:
    """`text` with mentions of the thread's authors as their aliases; other mentions name nobody in it and go."""
    text = MENTION.sub(lambda match: aliases.get(match[1], ""), text)
    return "\n".join(" ".join(line.split()) for line in text.split("\n"))


def _judge(connection: duckdb.DuckDBPyConnection, staged: Mapping[str, pathlib.Path], corpus: Corpus) -> None:
    """Make the table `verdict`: part, byte offset and reason (NULL: kept) of every post.

    Tags first, so that the copy in an excluded thread never displaces the one that can be kept; thread
    length last, since duplicates do not count.
    """
    files = ", ".join(_quoted(folder / "posts.parquet") for folder in staged.values())
    connection.execute(f"CREATE VIEW post AS SELECT * FROM read_parquet([{files}])")
    connection.execute("CREATE TABLE part (part VARCHAR, position INTEGER)")
    connection.executemany("INSERT INTO part VALUES (?, ?)", [[part, index] for index, part in enumerate(staged)])
    connection.execute(
        """
        CREATE TABLE verdict AS
        WITH tagged AS (
            SELECT part, position, byte_offset, thread_id, username, posted_at, md5(text) AS content,
                list_has_any(list_transform(tags, lambda tag: lower(tag)), $excluded) AS is_excluded
            FROM post JOIN part USING (part)
        ), copies AS (
            SELECT *, NOT is_excluded AND row_number() OVER (
                PARTITION BY is_excluded, username, content ORDER BY posted_at, position, byte_offset
            ) > 1 AS is_copy
            FROM tagged
        ), lengths AS (
            SELECT thread_id, count(*) AS posts, count(DISTINCT username) AS authors
            FROM copies WHERE NOT is_excluded AND NOT is_copy GROUP BY thread_id
        )
        SELECT part, byte_offset, CASE
            WHEN is_excluded THEN 'excluded.tag'
            WHEN is_copy THEN 'duplicate'
            WHEN posts < $min_posts THEN 'excluded.min_posts'
            WHEN authors < $min_authors THEN 'excluded.min_authors' END AS reason
        FROM copies LEFT JOIN lengths USING (thread_id)
        """,
        {
            "excluded": [tag.lower() for tag in corpus.exclude_tags],
            "min_posts": corpus.min_posts,
            "min_authors": corpus.min_authors,
        },
    )


def _write_rejects(
    connection: duckdb.DuckDBPyConnection, staged: Mapping[str, pathlib.Path], folder: pathlib.Path
) -> None:
    """rejects/<part>.parquet: what the part's own parsing dropped, and what was dropped here."""
    folder.mkdir()
    names = ", ".join(rejects.SCHEMA.names)
    for part, source in staged.items():
        connection.execute(
            f"""
            COPY (
                SELECT {names} FROM read_parquet({_quoted(source / "rejects.parquet")})
                UNION ALL
                SELECT {names} FROM post JOIN verdict USING (part, byte_offset)
                WHERE part = '{part}' AND reason IS NOT NULL
                ORDER BY byte_offset
            ) TO {_quoted(folder / f"{part}.parquet")} (FORMAT parquet, COMPRESSION zstd)
            """
        )


def _threads(connection: duckdb.DuckDBPyConnection) -> Iterator[list[dict]]:
    """Kept posts, thread by thread, each in time order."""
    relation = connection.sql(
        """
        SELECT thread_id, title, tags, username, posted_at, text, part
        FROM post JOIN verdict USING (part, byte_offset) JOIN part USING (part)
        WHERE reason IS NULL
        ORDER BY thread_id, posted_at, position, byte_offset
        """
    )
    posts = itertools.chain.from_iterable(batch.to_pylist() for batch in relation.to_arrow_reader(2_000))
    for _, thread in itertools.groupby(posts, key=lambda post: post["thread_id"]):
        yield list(thread)


@contextlib.contextmanager
def _split_files(folder: pathlib.Path) -> Iterator[dict[str, BatchedRows]]:
    """One parquet file a split, also for a split that stays empty."""
    with contextlib.ExitStack() as stack:
        files = {}
        for split in SPLITS:
            (folder / split).mkdir()
            path = folder / split / "00000.parquet"
            files[split] = stack.enter_context(BatchedRows(path, THREADS, batch=200))
        yield files


def _quoted(path: pathlib.Path) -> str:
    """`path` as an SQL string."""
    return "'" + str(path).replace("'", "''") + "'"
