"""Job `base-model`: bring the base model to models/<name>/ as safetensors, once.

In: recipe.model, which names GGUF weights in an installed package, a local folder, or a hub id.
Out: models/<name>/ with config, weights, tokenizer and base.json {"name", "source", "digest", "template"}.
"""

import argparse
import importlib.util
import json
import logging
import os
import pathlib
import shutil

from filelock import FileLock

from contracts.recipe import Gguf, Model, Recipe
from jobs.errors import JobError
from jobs.training.chat_template import named_template
from jobs.training.files import full_disk_explained, sha12, write_json, write_text
from jobs.training.gguf_model import read_gguf

log = logging.getLogger(__name__)

BASE_FILE = "base.json"
HUB_FILES = ["*.safetensors", "*.json", "*.model", "*.jinja"]
"""What is fetched from a hub repository: no second copy of the weights in another format."""


def run(recipe: Recipe, home: pathlib.Path, arguments: argparse.Namespace) -> dict:
    """Make models/<name>/ if it is not there. Two processes at once do the work once.

    Raises:
        JobError: the package, folder or repository is missing, cannot be reached, or holds no safetensors;
            or models/<name>/ already holds another model under the same name.
    """
    model, folder = recipe.model, home / "models" / recipe.model.name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{model.name}.lock"), full_disk_explained(folder.parent):
        unchanged = (folder / BASE_FILE).is_file()
        if not unchanged:
            stage = folder.parent / f".{model.name}.part"
            _fill(stage, model)
            folder.exists() and shutil.rmtree(folder)  # no base.json in it: nothing that this job finished
            stage.rename(folder)
        base = read_base(folder)
        if base["source"] == _source(model):
            unchanged &= not _give_template(folder, base, recipe)
    if base["source"] != _source(model):
        raise JobError(
            f"{folder} holds {base['source']}, the recipe asks for {_source(model)}: remove that folder or "
            f"give the model another name"
        )
    return {"name": model.name, "path": str(folder), "digest": base["digest"], "unchanged": unchanged}


def _give_template(folder: pathlib.Path, base: dict, recipe: Recipe) -> bool:
    """Make the recipe's chat template the model's own, so that the engine asks in the form that is trained; whether
    that changed something. base.json remembers whose template it is.

    Raises:
        JobError: another recipe gave this model another template: each would teach what the other's engine never asks.
    """
    name, given = recipe.train.chat.template, base.get("template")
    if given and given["recipe"] != recipe.name and given["name"] != name:
        wanted = name or "the model's own"
        raise JobError(
            f"{folder}: recipe {given['recipe']} gave this model the chat template {given['name']}, this recipe asks "
            f"for {wanted}: set train.chat.template={given['name']}, or give the model a name of its own (model.name)"
        )
    if name is None or (given and given["name"] == name):
        return False
    path = folder / "chat_template.jinja"  # transformers prefers it to a template in tokenizer_config.json
    write_text(path, named_template(name))
    write_json(folder / BASE_FILE, base | {"template": {"name": name, "recipe": recipe.name}})
    return True


def read_base(folder: pathlib.Path) -> dict:
    """base.json of a model folder.

    Raises:
        JobError: the folder is not there or not finished.
    """
    try:
        return json.loads((folder / BASE_FILE).read_text())
    except FileNotFoundError as error:
        raise JobError(f"{folder}: no base model there, run `python -m jobs base-model` first") from error


def _source(model: Model) -> str:
    if model.gguf:
        return f"gguf:{model.gguf.package}/{model.gguf.file}"
    folder = pathlib.Path(model.base)
    return f"folder:{folder.resolve()}" if folder.is_dir() else f"hub:{model.base}"


def _fill(stage: pathlib.Path, model: Model) -> None:
    """Put the model and base.json into `stage`. A hub download that was cut off goes on where it stopped."""
    source = _source(model)
    if not source.startswith("hub:"):
        shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(exist_ok=True)
    log.info("base model %s from %s", model.name, source)
    if model.gguf:
        _from_gguf(stage, model.gguf)
    elif source.startswith("folder:"):
        shutil.copytree(model.base, stage, copy_function=_link_or_copy, dirs_exist_ok=True)
    else:
        _from_hub(stage, model.base)
    weights = sorted(stage.glob("*.safetensors"))
    if not weights:
        raise JobError(f"{source}: no *.safetensors there; convert the weights to safetensors first")
    write_json(stage / BASE_FILE, {"name": model.name, "source": source, "digest": sha12(weights)})


def _from_gguf(stage: pathlib.Path, gguf: Gguf) -> None:
    spec = importlib.util.find_spec(gguf.package)  # finds the folder without running the package's code
    if spec is None or not spec.submodule_search_locations:
        raise JobError(f"model.gguf.package: no Python package {gguf.package!r} is installed; pip install it")
    path = pathlib.Path(spec.submodule_search_locations[0]) / gguf.file
    if not path.is_file():
        there = ", ".join(sorted(p.name for p in path.parent.glob("*.gguf"))) or "none"
        raise JobError(f"model.gguf.file: no {gguf.file!r} in package {gguf.package}; GGUF files there: {there}")
    model, tokenizer = read_gguf(path)
    model.save_pretrained(stage)
    for weights in stage.glob("*.safetensors"):
        weights.chmod(0o644)  # safetensors writes 0600, and the serving process may be another user
    tokenizer.save_pretrained(stage)


def _link_or_copy(source: str, target: str) -> None:
    """Hard link (140 GB need not lie on the disk twice), or a copy where the folder is on another disk."""
    try:
        os.link(source, target)
    except OSError as error:
        log.info("copying %s: %s", source, error.strerror)
        shutil.copy2(source, target)


def _from_hub(stage: pathlib.Path, repository: str) -> None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError

    try:
        snapshot_download(repository, local_dir=stage, allow_patterns=HUB_FILES)
    except HFValidationError as error:
        raise JobError(f"model.base: {repository!r} is neither a folder here nor a hub id (owner/name)") from error
    except HfHubHTTPError as error:
        reason = " ".join(str(error).split())[:200]
        raise JobError(f"model.base: the hub refused {repository!r}: {reason}; check the name and HF_TOKEN") from error
    except (HTTPError, OSError) as error:
        reason = " ".join(str(error.__cause__ or error).split())[:200]
        raise JobError(
            f"model.base: {repository!r} could not be fetched from the hub: {reason}; check the network, "
            f"or give model.base a local folder"
        ) from error
    shutil.rmtree(stage / ".cache", ignore_errors=True)  # bookkeeping of the download
