"""Adapters for the tests: made by PEFT on the real base model, with random weights that change its replies."""

import datetime
import hashlib
import json
import pathlib
import shutil

import torch
from safetensors.torch import load_file, save_file

from contracts.adapter_manifest import AdapterManifest

WEIGHTS = "adapter_model.safetensors"
STRENGTH = 0.08
"""Standard deviation of lora_B: replies differ from the base's and are still words."""


def peft_adapter(base: pathlib.Path, folder: pathlib.Path, seed: int, rank: int = 16) -> pathlib.Path:
    """`folder` as PEFT saves an adapter of all linear layers of the model in `base`."""
    from peft import LoraConfig, get_peft_model  # 8 s of imports that tests without an adapter do not need
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(model, config)
    for name, weights in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=STRENGTH)
    model.save_pretrained(folder)
    return folder


def publish(source: pathlib.Path, home: pathlib.Path, name: str, *, change=None, config=None, manifest=None) -> str:
    """Copy the adapter in `source` to adapters/<name>@<digest>/ with a manifest, as the job `evaluate` does.

    `change` gets the tensors (name to tensor) and may alter them, `config` and `manifest` are laid over what
    adapter_config.json and manifest.json would say. Returns the reference, `name@version`.
    """
    tensors = load_file(source / WEIGHTS)
    if change:
        change(tensors)
    stage = home / "adapters" / f".{name}.part"
    stage.mkdir(parents=True)
    save_file(tensors, stage / WEIGHTS, metadata={"format": "pt"})
    settings = json.loads((source / "adapter_config.json").read_text()) | (config or {})
    (stage / "adapter_config.json").write_text(json.dumps(settings))
    return _finish(stage, home, name, settings, manifest or {})


def publish_bytes(source: pathlib.Path, home: pathlib.Path, name: str, weights: bytes) -> str:
    """Like `publish`, with these bytes as the weights file and a digest that fits them."""
    stage = home / "adapters" / f".{name}.part"
    stage.mkdir(parents=True)
    (stage / WEIGHTS).write_bytes(weights)
    settings = json.loads((source / "adapter_config.json").read_text())
    (stage / "adapter_config.json").write_text(json.dumps(settings))
    return _finish(stage, home, name, settings, {})


def _finish(stage: pathlib.Path, home: pathlib.Path, name: str, settings: dict, changes: dict) -> str:
    (base,) = (home / "models").glob("*/base.json")
    model = json.loads(base.read_text())
    version = hashlib.sha256((stage / WEIGHTS).read_bytes()).hexdigest()[:12]
    values = {
        "name": name,
        "version": version,
        "base_model": model["name"],
        "base_digest": model["digest"],
        "rank": settings["r"],
        "alpha": settings["lora_alpha"],
        "target_modules": sorted(settings["target_modules"]),
        "recipe": "demo",
        "run_id": "test",
        "corpus_digest": "0" * 12,
        "created_at": datetime.datetime.now(datetime.UTC),
    }
    document = AdapterManifest.model_validate(values | changes)
    (stage / "manifest.json").write_text(document.model_dump_json())
    target = stage.with_name(f"{name}@{version}")
    if target.exists():  # the same weights again, with another config or manifest
        shutil.rmtree(target)
    stage.rename(target)
    return f"{name}@{version}"
