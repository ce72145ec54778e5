"""Job `corpus`: from the downloaded parts to corpus/<recipe>/<digest>/ with threads, rejects and report.

With `--part` it only parses that part into its staging folder (side by side with others); without, it parses
what is missing and builds the threads of all parts. latest.json is written last: it names a whole corpus.
"""

import argparse
import json
import logging
import pathlib

import filelock

from contracts.corpus_report import CorpusReport
from contracts.recipe import Recipe
from jobs.corpus import atomic
from jobs.corpus.digest import corpus_digest
from jobs.corpus.disk import full_disk_explained
from jobs.corpus.download import Sidecar, choose_parts, read_sidecar
from jobs.corpus.part import parse_part, read_account
from jobs.corpus.report import make_report
from jobs.corpus.threads import build_threads
from jobs.errors import JobError

log = logging.getLogger(__name__)


def run(recipe: Recipe, home: pathlib.Path, arguments: argparse.Namespace) -> dict:
    """Parse one part (`--part`) or build the corpus. Summary: see `_parse` and `_build`."""
    if recipe.corpus.engine != "local":
        raise JobError(f"corpus.engine: {recipe.corpus.engine} is not there yet; expected local")
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
    account = read_account(folder)
    log.info("%s: %s records, %s in-character posts", part, f"{account.records:,}", f"{account.kept:,}")
    return {
        "part": part,
        "records": account.records,
        "kept_ic": account.kept,
        "dropped": account.dropped,
        "unchanged": not new,
    }


def _build(recipe: Recipe, home: pathlib.Path, sidecars: dict[str, Sidecar]) -> dict:
    """All parts. Summary: digest, path of the report, threads and messages by split, unchanged."""
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
        "threads": report.threads,
        "messages": report.messages,
        "unchanged": not new,
    }


def _write_corpus(recipe: Recipe, home: pathlib.Path, sidecars: dict[str, Sidecar], folder: pathlib.Path) -> None:
    """Build the corpus under a temporary name and rename it to `folder`."""
    staged = {part: parse_part(recipe, home, part, sidecar)[0] for part, sidecar in sidecars.items()}
    with atomic.new_folder(folder) as partial:
        built = build_threads(staged, partial, recipe.corpus)
        records = {part: read_account(path).records for part, path in staged.items()}
        report = make_report(recipe.name, folder.name, records, built, partial / "rejects")
        (partial / "report.json").write_text(report.model_dump_json(indent=1) + "\n")
    log.info("%s: %s threads, %s messages", folder, sum(report.threads.values()), sum(report.messages.values()))
