"""The published adapter that a job exports, and what it was made of.

In: the job's arguments (`--run-id`, or `--adapter name@version`). Out: adapter, base and run on disk, checked to belong
together.
"""

import argparse
import pathlib
from dataclasses import dataclass

import yaml

from contracts.adapter_manifest import AdapterManifest
from contracts.recipe import Recipe
from jobs.errors import JobError
from jobs.training.base_model import read_base
from jobs.training.files import sha12
from jobs.training.run_folder import RunFolder


@dataclass(frozen=True)
class Published:
    """An adapter under adapters/. `recipe` has the sections `train` and `corpus` of the run."""

    manifest: AdapterManifest
    adapter: pathlib.Path
    base: pathlib.Path
    base_source: str
    """`hub:<id>`, `folder:<path>` or `gguf:<package>/<file>`."""
    recipe: Recipe
    run: RunFolder
    exports: pathlib.Path
    """exports/<name>@<version>/ under the home folder: what the jobs of this package write."""


def find_published(recipe: Recipe, home: pathlib.Path, arguments: argparse.Namespace) -> Published:
    """The adapter that `--adapter` names, or the one that was published from `--run-id`.

    Raises:
        JobError: there is none, or several from one run; the run trained a whole model; the weights changed; it is
            another recipe's, or for another base than the one in models/; its run is gone.
    """
    folder = _folder(recipe, home, arguments)
    manifest = _manifest(folder)
    if manifest.recipe != recipe.name:
        raise JobError(f"{manifest.reference} was made by the recipe {manifest.recipe}, this one is {recipe.name}")
    if sha12([folder / "adapter_model.safetensors"]) != manifest.version:
        raise JobError(f"{folder}: its weights were changed after publication; remove it and publish again")
    base = home / "models" / recipe.model.name
    facts = read_base(base)
    if facts["digest"] != manifest.base_digest:
        raise JobError(
            f"{manifest.reference} was trained on {manifest.base_model} with digest {manifest.base_digest}, "
            f"models/{recipe.model.name} has {facts['digest']}: this adapter is for another base"
        )
    run = RunFolder(home, recipe, manifest.run_id)
    config = run.path / "config.yaml"
    if not config.is_file():
        raise JobError(f"{config} is gone: without the run nobody can say how {manifest.reference} was trained")
    try:
        trained = Recipe.model_validate(yaml.safe_load(config.read_text(encoding="utf-8")))
    except ValueError as error:
        raise JobError(f"{config}: no recipe of this version: {' '.join(str(error).split())[:200]}") from error
    as_trained = recipe.model_copy(update={"train": trained.train, "corpus": trained.corpus})
    exports = home / "exports" / manifest.reference
    return Published(manifest, folder, base, facts["source"], as_trained, run, exports)


def _folder(recipe: Recipe, home: pathlib.Path, arguments: argparse.Namespace) -> pathlib.Path:
    adapters = home / "adapters"
    if arguments.adapter:
        return adapters / arguments.adapter
    if not arguments.run_id:
        raise JobError("which adapter? Name its run (--run-id) or the adapter itself (--adapter name@version)")
    found = [
        path.parent
        for path in sorted(adapters.glob(f"{recipe.name}@*/manifest.json"))
        if _manifest(path.parent).run_id == arguments.run_id
    ]
    whole = RunFolder(home, recipe, arguments.run_id).path / "model"
    if not found and whole.is_dir():
        raise JobError(
            f"run {arguments.run_id} trained the whole model (train.tuning: full), merge and quantize take adapters: "
            f"the model that `python -m jobs evaluate` names (its last state is {whole}) is one of its own already"
        )
    if not found:
        raise JobError(f"no adapter was published from run {arguments.run_id}: run `python -m jobs evaluate` first")
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise JobError(f"run {arguments.run_id} was published more than once: choose with --adapter: {names}")
    return found[0]


def _manifest(folder: pathlib.Path) -> AdapterManifest:
    try:
        return AdapterManifest.model_validate_json((folder / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        there = ", ".join(sorted(path.name for path in folder.parent.glob("*@*"))) or "none"
        raise JobError(f"{folder}: no adapter there; published are: {there}") from error
    except ValueError as error:
        raise JobError(f"{folder / 'manifest.json'}: not a manifest: {' '.join(str(error).split())[:200]}") from error
