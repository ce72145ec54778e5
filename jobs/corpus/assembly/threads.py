"""From judged posts to threads: train/, valid/ and test/*.parquet with one row a thread.

In: the staged parts with table `verdict`, and a split for each thread. DuckDB sorts the posts (what does not fit in
memory goes to disk); they pass by in batches of whole threads, column by column.
"""

import contextlib
import pathlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.corpus.assembly import tag_groups
from jobs.corpus.assembly.split import SPLITS
from jobs.corpus.assembly.staged import OFFSET_BITS, Staged
from jobs.corpus.cleaning import contact_details
from jobs.corpus.cleaning.clean import MENTION
from jobs.corpus.cleaning.mojibake import repair

MESSAGE = pa.struct([("author", pa.string()), ("text", pa.string()), ("timestamp", pa.timestamp("us"))])
THREADS = pa.schema(
    [
        ("thread_id", pa.string()),
        ("title", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("tag_groups", tag_groups.TYPE),
        ("messages", pa.list_(MESSAGE)),
        ("n_messages", pa.int32()),
        ("n_authors", pa.int32()),
        ("n_chars", pa.int64()),
        ("parts", pa.list_(pa.string())),
    ]
)
"""One row a thread, messages in time order. `author` is an alias of this thread, `n_chars` counts message texts."""
BATCH = 20_000
"""Posts in memory at a time, and those of the longest thread."""


@dataclass
class WrittenSplit:
    """What was written of one split: counts, kept posts by part, and the ids of the posts in the file's order."""

    threads: int = 0
    messages: int = 0
    chars: int = 0
    by_part: Counter = field(default_factory=Counter)
    ids: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))


def write_threads(
    staged: Staged, splits: dict[int, int], folder: pathlib.Path, only: Sequence[str] = SPLITS
) -> dict[str, WrittenSplit]:
    """Write the kept posts as threads, those of the splits in `only`. `splits` maps a thread to its index in SPLITS.

    The ids are noted for held-out splits alone, which are small.
    """
    written = {split: WrittenSplit() for split in only}
    ids = {split: [written[split].ids] for split in only}
    facts = {
        thread: (title, tags)
        for thread, title, tags in staged.connection.execute("SELECT thread, title, tags FROM thread").fetchall()
    }
    wanted = [SPLITS.index(split) for split in only]
    chosen = pa.table({"thread": pa.array([t for t, split in splits.items() if split in wanted], pa.uint64())})
    with _split_files(folder, only) as files:
        for posts in _whole_threads(staged, chosen):
            threads = _rows(posts, facts, staged.parts)
            borders = _borders(posts["thread"].to_numpy())
            dealt = np.array([splits[thread] for thread in posts["thread"].to_numpy()[borders[:-1]].tolist()])
            for split in only:
                mine = dealt == SPLITS.index(split)
                if mine.any():
                    rows = threads.take(np.flatnonzero(mine))
                    files[split].write_table(rows)
                    mine_ids = posts["id"].to_numpy()[np.repeat(mine, np.diff(borders))]
                    _count(written[split], rows, mine_ids, staged.parts)
                    if split != SPLITS[0]:
                        ids[split].append(mine_ids)
    for split in only:
        written[split].ids = np.concatenate(ids[split])
    return written


def _count(written: WrittenSplit, rows: pa.Table, ids: np.ndarray, part_names: list[str]) -> None:
    written.threads += len(rows)
    written.messages += len(ids)
    written.chars += int(rows["n_chars"].to_numpy().sum())
    parts, counts = np.unique(ids >> OFFSET_BITS, return_counts=True)
    written.by_part.update({part_names[part]: int(count) for part, count in zip(parts, counts, strict=True)})


def alias(index: int) -> str:
    """`Player A`, `Player B`, … `Player Z`, `Player AA`, … for the authors of a thread in order of appearance."""
    letters = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"Player {letters}"


def _whole_threads(staged: Staged, chosen: pa.Table) -> Iterator[pa.Table]:
    """Kept posts of the `chosen` threads, ordered by thread and time, in tables that end where a thread ends."""
    reader = staged.connection.sql(f"""
        SELECT thread, posted_at, id, username, text
        FROM ({staged.union("posts.parquet", "id, username, posted_at, text")})
        JOIN (SELECT id, thread FROM verdict SEMI JOIN chosen USING (thread) WHERE reason IS NULL) USING (id)
        ORDER BY thread, posted_at, id
    """).to_arrow_reader(BATCH)
    waiting = None
    for batch in reader:
        posts = pa.Table.from_batches([batch])
        posts = posts if waiting is None else pa.concat_tables([waiting, posts]).combine_chunks()
        last = int(_borders(posts["thread"].to_numpy())[-2])
        if last:
            yield posts.slice(0, last).combine_chunks()
        waiting = posts.slice(last)
    if waiting is not None:
        yield waiting.combine_chunks()


def _borders(threads: np.ndarray) -> np.ndarray:
    """Where each run of the same thread begins, and the end."""
    return np.concatenate([[0], np.flatnonzero(threads[1:] != threads[:-1]) + 1, [len(threads)]])


def _rows(posts: pa.Table, facts: dict[int, tuple[str, list[str]]], part_names: list[str]) -> pa.Table:
    """One row a thread of `posts`."""
    numbers = posts["thread"].to_numpy()
    borders = _borders(numbers)
    usernames = posts["username"].to_numpy().tolist()
    texts = posts["text"].combine_chunks()
    parts = posts["id"].to_numpy() >> OFFSET_BITS
    authors, columns = [], {name: [] for name in ("thread_id", "title", "tags", "tag_groups", "n_authors", "parts")}
    has_mention = pc.match_substring(texts, "[@")
    named, resolved = np.flatnonzero(has_mention.to_numpy(zero_copy_only=False)), []
    for begin, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
        aliases = {name: alias(index) for index, name in enumerate(dict.fromkeys(usernames[begin:end]))}
        authors += [aliases[name] for name in usernames[begin:end]]
        for index in named[np.searchsorted(named, begin) : np.searchsorted(named, end)].tolist():
            resolved.append(with_aliases(texts[index].as_py(), aliases))
        title, tags = facts[int(numbers[begin])]
        columns["thread_id"].append(f"{int(numbers[begin]):016x}")
        columns["title"].append(_public(title))
        columns["tags"].append(tags)
        columns["tag_groups"].append(tag_groups.grouped(tags))
        columns["n_authors"].append(len(aliases))
        columns["parts"].append([part_names[part] for part in np.unique(parts[begin:end]).tolist()])
    texts = pc.replace_with_mask(texts, has_mention, pa.array(resolved, pa.string()))
    lengths = np.concatenate([[0], np.cumsum(pc.utf8_length(texts).to_numpy())])
    messages = pa.StructArray.from_arrays(
        [pa.array(authors, pa.string()), texts, posts["posted_at"].combine_chunks()],
        fields=list(MESSAGE),
    )
    columns["messages"] = pa.ListArray.from_arrays(pa.array(borders, pa.int32()), messages)
    columns["n_messages"] = np.diff(borders)
    columns["n_chars"] = lengths[borders[1:]] - lengths[borders[:-1]]
    return pa.table({field.name: pa.array(columns[field.name], field.type) for field in THREADS}, schema=THREADS)


def with_aliases(text: str, aliases: dict[str, str]) -> str:
    """`text` with mentions of the thread's authors as their aliases; other mentions name nobody in it and go."""
    known = {_folded(name): alias for name, alias in aliases.items()}
    text = MENTION.sub(lambda match: known.get(_folded(match[1]), ""), text)
    return "\n".join(" ".join(line.split()) for line in text.split("\n"))


def _folded(name: str) -> str:
    """A forum name as it may be written in a mention."""
    return " ".join(repair(name).casefold().split())


def _public(title: str) -> str:
    """A title on one line, without contact details."""
    text = " ".join(title.split())
    return contact_details.ip_address(contact_details.phone(contact_details.email(text)))


@contextlib.contextmanager
def _split_files(folder: pathlib.Path, splits: Sequence[str]) -> Iterator[dict[str, pq.ParquetWriter]]:
    """One parquet file a split, also for a split that stays empty."""
    with contextlib.ExitStack() as stack:
        files = {}
        for split in splits:
            (folder / split).mkdir(exist_ok=True)
            writer = pq.ParquetWriter(folder / split / "00000.parquet", THREADS, compression="zstd")
            files[split] = stack.enter_context(writer)
        yield files
