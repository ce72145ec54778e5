"""One part of the archive, from .7z to cleaned posts: the step that runs once a part, side by side with others.

In: raw/<recipe>/<part>.7z. Out: corpus/<recipe>/parts/<part>-<digest>/ with posts.parquet (in-character
posts that have text), rejects.parquet (every other record) and account.json. The folder is renamed into
place when it is whole.
"""

import ast
import functools
import hashlib
import json
import mmap
import pathlib
import shutil

import filelock
import pyarrow as pa

from contracts.corpus_report import Account
from contracts.recipe import Recipe
from jobs.corpus import atomic, rejects
from jobs.corpus.batched import BatchedRows
from jobs.corpus.clean import Style, clean
from jobs.corpus.digest import part_digest
from jobs.corpus.download import Sidecar
from jobs.corpus.extract import GIB, extract_csv
from jobs.corpus.read import Reader
from jobs.corpus.scan import Place, raw_text, scan

POSTS = pa.schema(
    [
        ("part", pa.string()),
        ("byte_offset", pa.int64()),
        ("line", pa.int64()),
        ("thread_id", pa.string()),
        ("title", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("username", pa.string()),
        ("posted_at", pa.timestamp("us")),
        ("text", pa.string()),
        ("raw", pa.string()),
    ]
)
"""A cleaned post. `username` is the forum name: it never leaves the staging folder. `raw` is the record as it
stands in the CSV, for the reject store should a later step drop the post."""


def staging_folder(recipe: Recipe, home: pathlib.Path, part: str, sidecar: Sidecar) -> pathlib.Path:
    """Where the posts of `part` lie once they are parsed."""
    return home / "corpus" / recipe.name / "parts" / f"{part}-{part_digest(recipe, sidecar.sha256)}"


def read_account(folder: pathlib.Path) -> Account:
    """The account of a parsed part."""
    return Account.model_validate_json((folder / "account.json").read_text())


def parse_part(recipe: Recipe, home: pathlib.Path, part: str, sidecar: Sidecar) -> tuple[pathlib.Path, bool]:
    """Extract, scan, read and clean `part` unless that is done. Returns the folder and whether it is new.

    Raises:
        JobError: a damaged or dangerous archive, a CSV with other columns, readers that disagree.
    """
    folder = staging_folder(recipe, home, part, sidecar)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.with_name(f".{folder.name}.lock")):  # a retry may meet a run its worker outlived
        if folder.exists():
            return folder, False
        with atomic.new_folder(folder) as partial:
            source = partial / "work" / f"{part}.csv"
            source.parent.mkdir()
            archive = home / "raw" / recipe.name / f"{part}.7z"
            extract_csv(archive, source, int(recipe.corpus.archive.max_part_gib * GIB))
            account = _write_posts(part, source, partial, Style(recipe.corpus.emphasis, recipe.corpus.emoji))
            atomic.write_json(partial / "account.json", account.model_dump())
            shutil.rmtree(source.parent)
        return folder, True


def _write_posts(part: str, source: pathlib.Path, folder: pathlib.Path, style: Style) -> Account:
    """Write posts.parquet and rejects.parquet of the CSV at `source`."""
    work = source.parent
    found = scan(source, work / "sound.csv")
    reader = Reader(work / "sound.csv", found, work)
    kept, dropped = 0, {}
    with (
        source.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        BatchedRows(folder / "posts.parquet", POSTS) as posts,
        BatchedRows(folder / "rejects.parquet", rejects.SCHEMA) as refused,
    ):

        def drop(place: Place, reason: str) -> None:
            dropped[reason] = dropped.get(reason, 0) + 1
            origin = {"part": part, "byte_offset": place.byte_offset, "line": place.line}
            refused.add(origin | {"reason": reason, "raw": raw_text(data, place)})

        for place, reason in (*found.unsound, *reader.refused()):
            drop(place, reason)
        for row in reader.rows():
            place = Place(row["byte_offset"], row["line"], row["length"])
            post, reason = judge(row, style)
            if post is None:
                drop(place, reason)
            else:
                origin = {"part": part, "byte_offset": place.byte_offset, "line": place.line}
                posts.add(origin | post | {"raw": raw_text(data, place)})
                kept += 1
    reader.close()
    return Account(records=found.records, kept=kept, dropped=dropped)


def judge(row: dict, style: Style) -> tuple[dict | None, str]:
    """The cleaned post of a row that was read, or None and the reason why it is dropped."""
    if row["reason"]:
        return None, row["reason"]
    tags = parse_tags(row["thread_tags"])
    if tags is None:
        return None, "malformed.tags"
    text = clean(row["message"], style)
    if not text:
        return None, "empty"
    title = row["thread_title"]
    return {
        "thread_id": thread_id(title, tags),
        "title": " ".join(title.split()),
        "tags": list(tags),
        "username": row["message_username"],
        "posted_at": row["posted_at"],
        "text": text,
    }, ""


@functools.lru_cache(maxsize=4096)
def parse_tags(literal: str) -> tuple[str, ...] | None:
    """The tags in a Python list literal such as `['Casual', 'Fantasy']`; None when it is none."""
    try:
        tags = ast.literal_eval(literal)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return tuple(tags) if isinstance(tags, list) and all(isinstance(tag, str) for tag in tags) else None


def thread_id(title: str, tags: tuple[str, ...]) -> str:
    """16 hex digits for a thread: it is its title, exactly as written, and its tags."""
    return hashlib.sha256(json.dumps([title, list(tags)]).encode()).hexdigest()[:16]
