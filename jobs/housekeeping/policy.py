"""What is kept, and why; all else of this recipe may go.

In: what lies under home, the recipe's section `housekeeping`. Out: a verdict on each adapter, run and corpus.
"""

import json
import pathlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import yaml
from filelock import FileLock, Timeout

from contracts.adapter_manifest import AdapterManifest
from contracts.recipe import Recipe
from jobs.errors import JobError

AT_WORK = "a training or an evaluation is at it"
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
        JobError: a manifest or a run's configuration cannot be read, so that nobody can say whose parent it is.
    """
    limits, manifests = recipe.housekeeping, _manifests(home)
    found = _runs(home / "runs" / recipe.name)
    needed_runs = {run.name: reason for run in found if (reason := _still_needed(run.path))}
    staying = [each.found.path for each in _limited(found, limits.keep_runs, needed_runs) if each.keep]
    staying += [run.path for folder in _other_folders(recipe, home) for run in _runs(folder)]
    verdicts = _adapters(recipe, home, manifests, served, _parents(staying))
    kept = [manifests[verdict.found.name] for verdict in verdicts if verdict.keep]
    kept += [manifest for manifest in manifests.values() if manifest.name != recipe.name]
    mine = [manifest for manifest in kept if manifest.recipe == recipe.name]
    why = {manifest.run_id: f"adapter {manifest.reference} comes from it" for manifest in mine}
    runs = _limited(found, limits.keep_runs, why | needed_runs)
    needed = {manifest.corpus_digest: f"adapter {manifest.reference} comes from it" for manifest in mine}
    needed |= {each.found.corpus: f"run {each.found.name} needs it" for each in runs if each.keep}
    folder = home / "corpus" / recipe.name
    if (folder / "latest.json").is_file():
        needed[json.loads((folder / "latest.json").read_text())["digest"]] = "the latest"
    return [*verdicts, *runs, *_limited(_corpora(folder), limits.keep_corpora, needed)]


def _adapters(
    recipe: Recipe,
    home: pathlib.Path,
    manifests: Mapping[str, AdapterManifest],
    served: Mapping[str, str],
    parents_of_runs: Mapping[str, str],
) -> list[Verdict]:
    """What is served stays with all that it was trained on from; what stays for another reason, with its parent."""
    why = dict(parents_of_runs)
    if recipe.train.parent:
        why[recipe.train.parent] = "train.parent of the recipe"
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


def _other_folders(recipe: Recipe, home: pathlib.Path) -> list[pathlib.Path]:
    """Where the runs of the other recipes lie."""
    return [folder for folder in sorted((home / "runs").glob("[!.]*")) if folder.name != recipe.name]


def _parents(runs: Iterable[pathlib.Path]) -> dict[str, str]:
    """Reference of each adapter that one of the runs goes on from, to the reason why it stays.

    Raises:
        JobError: the configuration of a run cannot be read.
    """
    parents = {}
    for run in runs:
        path = run / "config.yaml"
        try:
            parent = yaml.safe_load(path.read_text())["train"].get("parent")
        except (OSError, yaml.YAMLError, ValueError, AttributeError, KeyError, TypeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise JobError(
                f"{path}: no configuration of a run ({reason}); remove the run: nothing is removed before"
            ) from error
        if parent:
            parents[parent] = f"train.parent of run {run.name} of {run.parent.name}"
    return parents


def _still_needed(run: pathlib.Path) -> str | None:
    """Why a run stays, whatever was made from it."""
    if _is_at_work(run):
        return AT_WORK
    if _is_trial(run):
        return None
    if (run / "train.json").is_file() and not (run / "evaluation.json").is_file():
        return "waits for its evaluation"
    return "holds a whole model" if (run / "model").is_dir() else None


def _is_trial(run: pathlib.Path) -> bool:
    """Whether a sweep trained it, which reads its loss and nothing else: nobody will evaluate it."""
    sweep, _, _ = run.name.rpartition("-trial-")
    return bool(sweep) and (run.with_name(sweep) / "sweep").is_dir()


def _is_at_work(run: pathlib.Path) -> bool:
    """Whether a training or an evaluation holds the run."""
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
