"""What is kept, and why; all else of this recipe may go.

In: what lies under home, the recipe's section `housekeeping`. Out: a verdict on each adapter, run and corpus.
"""

import json
import pathlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from filelock import FileLock, Timeout

from contracts.adapter_manifest import AdapterManifest
from contracts.recipe import Recipe
from jobs.errors import JobError

AT_WORK = "a training is at it"
"""Why a run stays whose lock is held."""


@dataclass(frozen=True)
class Found:
    """A folder that an earlier run left. `made_at` orders those of a kind: seconds since the epoch."""

    kind: str
    """`adapter`, `run` or `corpus`."""
    name: str
    path: pathlib.Path
    made_at: float
    corpus: str | None = None
    """Digest of the corpus that a run was started on."""


@dataclass(frozen=True)
class Verdict:
    """What happens to a folder. `keep` says why it stays; None: it goes."""

    found: Found
    keep: str | None


def judge(recipe: Recipe, home: pathlib.Path, served: Mapping[str, str]) -> list[Verdict]:
    """A verdict on everything of this recipe, adapters first, the newest of a kind first.

    Args:
        served: reference to role of what the engine may serve.

    Raises:
        JobError: a manifest cannot be read, so that nobody can say whose parent it is.
    """
    limits, manifests = recipe.housekeeping, _manifests(home)
    verdicts = _adapters(recipe, home, manifests, served)
    kept = [manifests[verdict.found.name] for verdict in verdicts if verdict.keep]
    kept += [manifest for manifest in manifests.values() if manifest.name != recipe.name]
    mine = [manifest for manifest in kept if manifest.recipe == recipe.name]
    found = _runs(home / "runs" / recipe.name)
    why = {manifest.run_id: f"adapter {manifest.reference} comes from it" for manifest in mine}
    why |= {run.name: AT_WORK for run in found if _is_at_work(run.path)}
    runs = _limited(found, limits.keep_runs, why)
    needed = {manifest.corpus_digest: f"adapter {manifest.reference} comes from it" for manifest in mine}
    needed |= {each.found.corpus: f"run {each.found.name} needs it" for each in runs if each.keep}
    folder = home / "corpus" / recipe.name
    if (folder / "latest.json").is_file():
        needed[json.loads((folder / "latest.json").read_text())["digest"]] = "the latest"
    return [*verdicts, *runs, *_limited(_corpora(folder), limits.keep_corpora, needed)]


def _adapters(
    recipe: Recipe, home: pathlib.Path, manifests: Mapping[str, AdapterManifest], served: Mapping[str, str]
) -> list[Verdict]:
    """What is served stays with all that it was trained on from; what stays for another reason, with its parent."""
    why = {recipe.train.parent: "train.parent of the recipe"} if recipe.train.parent else {}
    for reference in served:
        child = manifests.get(reference)
        while child is not None and child.parent:
            why[child.parent] = f"parent of {child.reference}, from which {reference} is served"
            child = manifests.get(child.parent)
    why |= {reference: f"served ({role})" for reference, role in served.items()}
    found = [
        Found("adapter", reference, home / "adapters" / reference, manifest.created_at.timestamp())
        for reference, manifest in manifests.items()
        if manifest.name == recipe.name
    ]
    verdicts = _limited(found, recipe.housekeeping.keep_adapters, why)
    staying = {each.found.name for each in verdicts if each.keep}
    staying |= {reference for reference, manifest in manifests.items() if manifest.name != recipe.name}
    parents = {manifests[each].parent: f"parent of {each}" for each in sorted(staying)}
    return _limited(found, recipe.housekeeping.keep_adapters, parents | why)


def _limited(found: Iterable[Found], limit: int, why: Mapping[str, str]) -> list[Verdict]:
    newest_first = sorted(found, key=lambda each: each.made_at, reverse=True)
    return [
        Verdict(each, why.get(each.name) or (f"among the newest {limit}" if number < limit else None))
        for number, each in enumerate(newest_first)
    ]


def _manifests(home: pathlib.Path) -> dict[str, AdapterManifest]:
    found = {}
    for path in sorted((home / "adapters").glob("*@*/manifest.json")):
        try:
            manifest = AdapterManifest.model_validate_json(path.read_bytes())
        except ValueError as error:
            reason = " ".join(str(error).split())[:200]
            raise JobError(f"{path}: no manifest ({reason}); repair or remove it: nothing is removed before") from error
        found[manifest.reference] = manifest
    return found


def _runs(folder: pathlib.Path) -> list[Found]:
    """Runs that were started; what has no run.json is no run of ours."""
    return [
        Found("run", path.parent.name, path.parent, path.stat().st_mtime, _corpus_of(path))
        for path in folder.glob("[!.]*/run.json")
    ]


def _is_at_work(run: pathlib.Path) -> bool:
    """Whether a training holds the run."""
    lock = run / ".lock"
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def _corpus_of(path: pathlib.Path) -> str:
    return json.loads(path.read_text())["corpus_digest"]


def _corpora(folder: pathlib.Path) -> list[Found]:
    """Whole corpora."""
    return [
        Found("corpus", path.parent.name, path.parent, path.stat().st_mtime)
        for path in folder.glob("[!.]*/report.json")
        if not path.parent.name.endswith(".partial")
    ]
