"""Job `corpus`: from the downloaded parts to corpus/<recipe>/<digest>/ with threads, rejects, duplicates and report.

With `--part` it only parses that part into its staging folder (side by side with others); without, it parses
what is missing and builds the threads of all parts. latest.json is written last: it names a whole corpus.
"""

import argparse
import json
import logging
import pathlib
import shutil

import filelock
import numpy as np

from contracts.corpus_report import CorpusReport, Input, Leakage, Lineage
from contracts.recipe import Corpus, Recipe
from jobs.corpus import atomic
from jobs.corpus.assembly import leakage
from jobs.corpus.assembly.components import thread_links
from jobs.corpus.assembly.dropped import write_duplicates, write_rejects
from jobs.corpus.assembly.scatter import scatter, split_table
from jobs.corpus.assembly.split import SPLITS, Links, deal
from jobs.corpus.assembly.staged import Staged
from jobs.corpus.assembly.threads import WrittenSplit, write_threads
from jobs.corpus.assembly.verdicts import drop_overlapping, judge
from jobs.corpus.cores import Processes
from jobs.corpus.digest import CODE_VERSION, corpus_digest, recipe_digest
from jobs.corpus.disk import full_disk_explained
from jobs.corpus.download import choose_parts
from jobs.corpus.duplicates.copies import find_copies
from jobs.corpus.duplicates.near_duplicates import find_near_duplicates
from jobs.corpus.engine import parse_parts
from jobs.corpus.fetching.sidecar import Sidecar, read_sidecar
from jobs.corpus.parsing.part import parse_part, read_parsed
from jobs.corpus.reporting.page import render
from jobs.corpus.reporting.report import make_report
from jobs.corpus.stages import stage
from jobs.errors import JobError

log = logging.getLogger(__name__)


def run(recipe: Recipe, home: pathlib.Path, arguments: argparse.Namespace) -> dict:
    """Parse one part (`--part`) or build the corpus. Summary: see `_parse` and `_build`."""
    sidecars = {part.name: _sidecar(recipe, home, part.name) for part in choose_parts(recipe, arguments.part)}
    with full_disk_explained(home):
        if arguments.part:
            return _parse(recipe, home, arguments.part, sidecars[arguments.part])
        return _build(recipe, home, sidecars)


def _sidecar(recipe: Recipe, home: pathlib.Path, part: str) -> Sidecar:
    archive = home / "raw" / recipe.name / f"{part}.7z"
    sidecar = read_sidecar(archive)
    if sidecar is None:
        raise JobError(f"{archive}: is not there or not whole; run the job download first")
    return sidecar


def _parse(recipe: Recipe, home: pathlib.Path, part: str, sidecar: Sidecar) -> dict:
    """One part. Summary: part, records, kept_ic (in-character posts with text), dropped by reason, unchanged."""
    folder, new = parse_part(recipe, home, part, sidecar)
    account = read_parsed(folder).account
    log.info("%s: %s records, %s in-character posts", part, f"{account.records:,}", f"{account.kept:,}")
    return {
        "part": part,
        "records": account.records,
        "kept_ic": account.kept,
        "dropped": account.dropped,
        "unchanged": not new,
    }


def _build(recipe: Recipe, home: pathlib.Path, sidecars: dict[str, Sidecar]) -> dict:
    """All parts. Summary: digest, paths of report and page, threads and messages by split, unchanged."""
    root = home / "corpus" / recipe.name
    digest = corpus_digest(recipe, {part: sidecar.sha256 for part, sidecar in sidecars.items()})
    folder = root / digest
    root.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(root / ".build.lock"):
        new = not folder.exists()
        if new:
            _write_corpus(recipe, home, sidecars, folder)
        report = CorpusReport.model_validate_json((folder / "report.json").read_text())
        latest = root / "latest.json"
        if not latest.exists() or json.loads(latest.read_text()) != {"digest": digest}:
            atomic.write_json(latest, {"digest": digest})
    return {
        "digest": digest,
        "report": str(folder / "report.json"),
        "page": str(folder / "report.html"),
        "threads": report.threads,
        "messages": report.messages,
        "unchanged": not new,
    }


def _write_corpus(recipe: Recipe, home: pathlib.Path, sidecars: dict[str, Sidecar], folder: pathlib.Path) -> None:
    """Build the corpus under a temporary name and rename it to `folder`."""
    corpus = recipe.corpus
    with stage("parts"):
        folders = parse_parts(recipe, home, sidecars)
    parsed = {part: read_parsed(path) for part, path in folders.items()}
    with atomic.new_folder(folder) as partial:
        work = partial / "work"
        work.mkdir()
        with stage("load"):
            staged = Staged(folders, work)
        with staged:
            with stage("copies"):
                find_copies(staged)
            with stage("near-duplicates"):
                find_near_duplicates(staged, corpus.duplicates.near)
            with stage("verdicts"):
                judge(staged, corpus)
                links = thread_links(staged, corpus.split)
                splits = _splits(staged, links, recipe)
            with stage("threads"):
                written = _write_splits(staged, splits, partial)
            with stage("leakage"):
                leaked, written = _without_overlap(staged, splits, partial, corpus, written)
            with stage("rejects"):
                write_rejects(staged, partial)
                write_duplicates(staged, partial)
            with stage("report"):
                records = {part: facts.account.records for part, facts in parsed.items()}
                cleaning = [facts.cleaning for facts in parsed.values()]
                lineage = _lineage(recipe, sidecars)
                report = make_report(recipe, partial, staged, written, links, records, cleaning, lineage, leaked)
        shutil.rmtree(work)
        (partial / "report.json").write_text(report.model_dump_json(indent=1) + "\n")
        (partial / "report.html").write_text(render(report))
    log.info("%s: %s threads, %s messages", folder, sum(report.threads.values()), sum(report.messages.values()))


def _splits(staged: Staged, links: Links, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """All threads, and the index into SPLITS of each."""
    found = staged.connection.execute("SELECT thread, first_part FROM thread ORDER BY thread").fetchnumpy()
    threads = np.asarray(found["thread"])
    return threads, deal(threads, np.asarray(found["first_part"]), links, recipe.corpus.split)


def _write_splits(
    staged: Staged, splits: tuple[np.ndarray, np.ndarray], folder: pathlib.Path, only: tuple[str, ...] = SPLITS
) -> dict[str, WrittenSplit]:
    """Write the kept threads of the splits in `only`, by way of buckets."""
    target = folder / "work" / "buckets"
    with Processes() as processes:
        buckets = scatter(staged, split_table(*splits, only), target, processes)
        written = write_threads(buckets, staged.parts, folder, processes, only)
    shutil.rmtree(target)
    return written


def _without_overlap(
    staged: Staged,
    splits: tuple[np.ndarray, np.ndarray],
    folder: pathlib.Path,
    corpus: Corpus,
    written: dict[str, WrittenSplit],
) -> tuple[Leakage, dict[str, WrittenSplit]]:
    """Measure what held-out posts share with train; those above the recipe's limit are dropped.

    Raises:
        JobError: a post above the limit is still there.
    """
    held_out, limit = SPLITS[1:], corpus.split.max_overlap
    rate = leakage.one_in(sum(written[split].chars for split in held_out))
    found = leakage.measure(folder, held_out, rate)
    ids = {split: written[split].ids for split in held_out}
    overlapping = np.concatenate([ids[split][found[split].above(limit)] for split in held_out])
    if len(overlapping):
        drop_overlapping(staged, corpus, overlapping)
        written = written | _write_splits(staged, splits, folder, held_out)
    figures = {split: found[split].overlap(np.isin(ids[split], written[split].ids), limit) for split in held_out}
    for split, overlap in figures.items():
        if overlap.above:
            raise JobError(f"{split}: {overlap.above} posts share more than {limit:.0%} with train; please report this")
    return Leakage(gram_words=leakage.GRAM_WORDS, one_in=rate, max_overlap=limit, splits=figures), written


def _lineage(recipe: Recipe, sidecars: dict[str, Sidecar]) -> Lineage:
    return Lineage(
        inputs={part: Input(size=sidecar.size, sha256=sidecar.sha256) for part, sidecar in sidecars.items()},
        recipe_digest=recipe_digest(recipe),
        code_version=CODE_VERSION,
    )
