"""One part of the archive, from .7z to cleaned posts: the step that runs once a part, side by side with others.

In: raw/<recipe>/<part>.7z. Out: corpus/<recipe>/parts/<part>-<digest>/, renamed into place when it is whole:

    posts.parquet       in-character posts that have text (posts.POSTS)
    threads.parquet     threads of all readable records (thread_table.THREADS)
    signatures.parquet  band hashes of the posts, when near-duplicates are asked for
    rejects.parquet     every other record (rejects.STAGED)
    part.json           Parsed: the account, and what the cleaning rules did
"""

import pathlib
from collections import Counter
from collections.abc import Iterator

import filelock
import numpy as np
import pyarrow.parquet as pq
from pydantic import BaseModel

from contracts.corpus_report import Account
from contracts.recipe import Recipe
from jobs.corpus import atomic
from jobs.corpus.cleaning.samples import RuleWork, Witness
from jobs.corpus.digest import part_digest
from jobs.corpus.duplicates.shingles import words
from jobs.corpus.duplicates.signatures import schema as signature_schema
from jobs.corpus.duplicates.signatures import signatures
from jobs.corpus.fetching.sidecar import Sidecar
from jobs.corpus.parsing import rejects
from jobs.corpus.parsing.archive import GIB, stream_csv
from jobs.corpus.parsing.posts import POSTS, PostBuilder
from jobs.corpus.parsing.read import Reader
from jobs.corpus.parsing.scan import REASONS, Block, blocks
from jobs.corpus.parsing.thread_table import ThreadTable

STAGING = {"compression": "zstd", "compression_level": 1, "use_dictionary": False}
"""Staged files are written once and read once or twice."""
_REASON_OF = np.array([REASONS.get(verdict) for verdict in range(1 + max(REASONS))], object)


class Parsed(BaseModel):
    """What a parsed part holds. In `account`, `kept` are the posts that go on to the next step."""

    account: Account
    cleaning: dict[str, RuleWork]


def staging_folder(recipe: Recipe, home: pathlib.Path, part: str, sidecar: Sidecar) -> pathlib.Path:
    """Where the posts of `part` lie once they are parsed."""
    return home / "corpus" / recipe.name / "parts" / f"{part}-{part_digest(recipe, sidecar.sha256)}"


def read_parsed(folder: pathlib.Path) -> Parsed:
    """The facts of a parsed part."""
    return Parsed.model_validate_json((folder / "part.json").read_text())


def parse_part(recipe: Recipe, home: pathlib.Path, part: str, sidecar: Sidecar) -> tuple[pathlib.Path, bool]:
    """Stream, scan, read and clean `part` unless that is done. Returns the folder and whether it is new.

    Raises:
        JobError: a damaged or dangerous archive, a CSV with other columns, readers that disagree.
    """
    folder = staging_folder(recipe, home, part, sidecar)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.with_name(f".{folder.name}.lock")):  # a retry may meet a run its worker outlived
        if folder.exists():
            return folder, False
        archive = home / "raw" / recipe.name / f"{part}.7z"
        with atomic.new_folder(folder) as partial:
            pieces = stream_csv(archive, int(recipe.corpus.archive.max_part_gib * GIB))
            try:
                parsed = _write_part(part, blocks(pieces, archive.name), partial, recipe)
            finally:
                pieces.close()
            atomic.write_json(partial / "part.json", parsed.model_dump())
        return folder, True


def _write_part(part: str, found: Iterator[Block], folder: pathlib.Path, recipe: Recipe) -> Parsed:
    """Write the files of one part and count."""
    corpus = recipe.corpus
    near = corpus.duplicates.near
    records, kept, dropped = 0, 0, Counter()
    reader, threads, witness = Reader(), ThreadTable(corpus.policy.sexual_minors), Witness(corpus.clean)
    builder = PostBuilder(threads, witness)
    with (
        pq.ParquetWriter(folder / "posts.parquet", POSTS, **STAGING) as posts,
        pq.ParquetWriter(folder / "rejects.parquet", rejects.STAGED, **STAGING) as refused,
        pq.ParquetWriter(folder / "signatures.parquet", signature_schema(near), **STAGING) as signed,
    ):
        for block in found:
            rows = reader.rows(block)
            table, reasons, row_threads = builder.build(block, rows)
            verdicts, threads_of = _REASON_OF[block.verdict], np.zeros(len(block.verdict), np.uint64)
            read = rows["record"].to_numpy()
            verdicts[read], threads_of[read] = reasons, row_threads.fill_null(0).to_numpy()
            out = np.flatnonzero(verdicts != None)  # noqa: E711 - element by element
            dropped.update(verdicts[out].tolist())
            refused.write_table(rejects.table(part, block, out, verdicts[out], threads_of[out]))
            posts.write_table(table)
            if near.enabled and len(table):
                text_words = words(table["text"].combine_chunks())
                signed.write_table(signatures(text_words, table["byte_offset"].to_numpy(), near))
            records += len(block.start)
            kept += len(table)
    pq.write_table(threads.table(), folder / "threads.parquet")
    account = Account(records=records, kept=kept, dropped=dict(sorted(dropped.items())))
    return Parsed(account=account, cleaning=witness.work())
