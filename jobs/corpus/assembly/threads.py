"""From buckets of posts to threads: train/, valid/ and test/*.parquet with one row a thread.

In: the buckets that scatter.py filled. Out: one file a bucket in each split that it has threads of. Buckets are worked
on side by side, each column by column.
"""

import functools
import pathlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.corpus.assembly import tag_groups
from jobs.corpus.assembly.scatter import Buckets
from jobs.corpus.assembly.split import SPLITS
from jobs.corpus.assembly.staged import OFFSET_BITS
from jobs.corpus.cleaning import contact_details
from jobs.corpus.cleaning.clean import MENTION
from jobs.corpus.cleaning.mojibake import repair
from jobs.corpus.cores import Processes

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
ORDER = ("thread", "posted_at", "part", "byte_offset")
ROW_GROUP = 2_000
"""Threads."""
REPEATED = ["tags.list.element", "messages.list.element.author", "parts.list.element"]
"""Columns whose values come again and again."""


@dataclass
class WrittenSplit:
    """What was written of one split: counts, kept posts by part, and the ids of the posts in the order of the files."""

    threads: int = 0
    messages: int = 0
    chars: int = 0
    by_part: Counter = field(default_factory=Counter)
    ids: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    def add(self, other: "WrittenSplit") -> None:
        """Add what was written of the split after this."""
        self.threads += other.threads
        self.messages += other.messages
        self.chars += other.chars
        self.by_part.update(other.by_part)
        self.ids = np.concatenate([self.ids, other.ids])


def write_threads(
    buckets: Buckets, parts: Sequence[str], folder: pathlib.Path, processes: Processes, only: Sequence[str] = SPLITS
) -> dict[str, WrittenSplit]:
    """Write the threads of all buckets into the splits in `only`, which are emptied first. `parts` are names.

    The ids are noted for held-out splits alone, which are small.
    """
    for split in only:
        target = folder / split
        target.mkdir(exist_ok=True)
        for old in target.glob("*.parquet"):
            old.unlink()
        pq.write_table(THREADS.empty_table(), target / "00000.parquet")  # a split that stays empty has a file too
    written = {split: WrittenSplit() for split in only}
    calls = [(buckets, bucket, list(parts), folder) for bucket in range(buckets.count)]
    for result in processes.run(_write_bucket, calls):
        for split, part in result.items():
            written[split].add(part)
    return written


def _write_bucket(buckets: Buckets, bucket: int, parts: list[str], folder: pathlib.Path) -> dict[str, WrittenSplit]:
    """Write the threads of one bucket."""
    tables = [pa.ipc.open_file(path).read_all() for path in buckets.posts(bucket)]
    if not tables:
        return {}
    posts = pa.concat_tables(tables).combine_chunks()
    posts = posts.take(pc.sort_indices(posts, [(name, "ascending") for name in ORDER])).combine_chunks()
    facts = pq.read_table(buckets.facts, filters=[("bucket", "=", bucket)])
    rows = _rows(posts, facts, parts)
    borders = _borders(posts["thread"].to_numpy())
    dealt = facts["split"].to_numpy()
    ids = (posts["part"].to_numpy().astype(np.int64) << OFFSET_BITS) + posts["byte_offset"].to_numpy()
    written = {}
    for index in np.unique(dealt).tolist():
        mine, split = dealt == index, SPLITS[index]
        chosen = rows.take(np.flatnonzero(mine))
        target = folder / split / f"{bucket:05}.parquet"
        pq.write_table(chosen, target, compression="zstd", row_group_size=ROW_GROUP, use_dictionary=REPEATED)
        mine_ids = ids[np.repeat(mine, np.diff(borders))]
        counts = np.unique(mine_ids >> OFFSET_BITS, return_counts=True)
        written[split] = WrittenSplit(
            threads=len(chosen),
            messages=len(mine_ids),
            chars=int(chosen["n_chars"].to_numpy().sum()),
            by_part=Counter({parts[part]: int(count) for part, count in zip(*counts, strict=True)}),
            ids=mine_ids if split != SPLITS[0] else np.empty(0, np.int64),
        )
    return written


@functools.cache
def alias(index: int) -> str:
    """`Player A`, `Player B`, … `Player Z`, `Player AA`, … for the authors of a thread in order of appearance."""
    letters = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"Player {letters}"


def _borders(threads: np.ndarray) -> np.ndarray:
    """Where each run of the same thread begins, and the end."""
    return np.concatenate([[0], np.flatnonzero(threads[1:] != threads[:-1]) + 1, [len(threads)]])


def _rows(posts: pa.Table, facts: pa.Table, part_names: list[str]) -> pa.Table:
    """One row a thread of `posts`; both are ordered by thread."""
    numbers = posts["thread"].to_numpy()
    borders = _borders(numbers)
    usernames = posts["username"].to_numpy().tolist()
    texts = posts["text"].combine_chunks()
    parts = posts["part"].to_numpy().tolist()
    titles, tag_lists = facts["title"].to_pylist(), facts["tags"].to_pylist()
    authors, columns = [], {name: [] for name in ("thread_id", "title", "tags", "tag_groups", "n_authors", "parts")}
    has_mention = pc.match_substring_regex(texts, r"\[@")
    named, resolved = np.flatnonzero(has_mention.to_numpy(zero_copy_only=False)), []
    for begin, end, title, tags in zip(borders[:-1].tolist(), borders[1:].tolist(), titles, tag_lists, strict=True):
        aliases = {name: alias(index) for index, name in enumerate(dict.fromkeys(usernames[begin:end]))}
        authors += [aliases[name] for name in usernames[begin:end]]
        for index in named[np.searchsorted(named, begin) : np.searchsorted(named, end)].tolist():
            resolved.append(with_aliases(texts[index].as_py(), aliases))
        columns["thread_id"].append(f"{int(numbers[begin]):016x}")
        columns["title"].append(_public(title))
        columns["tags"].append(tags)
        columns["tag_groups"].append(tag_groups.grouped(tags))
        columns["n_authors"].append(len(aliases))
        columns["parts"].append([part_names[part] for part in sorted(set(parts[begin:end]))])
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
