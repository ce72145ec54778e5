"""Publish a trained adapter: adapters/<name>@<version>/ with weights, configuration and manifest.

The version is the digest of the weights and a published folder never changes, so that every vote can be traced to
the weights that earned it.
"""

import json
import logging
import pathlib
import shutil

from filelock import FileLock

from contracts.adapter_manifest import AdapterManifest
from jobs.errors import JobError
from jobs.training.files import sha12, write_json, write_text

log = logging.getLogger(__name__)

WEIGHTS, CONFIG, MANIFEST = "adapter_model.safetensors", "adapter_config.json", "manifest.json"


def adapter_shape(adapter: pathlib.Path) -> dict:
    """rank, alpha and target_modules out of PEFT's adapter_config.json, under the manifest's names."""
    config = json.loads((adapter / CONFIG).read_text())
    modules = tuple(
        sorted({name.rpartition(".")[2] for name in config["target_modules"]})
    )  # PEFT may list each layer's
    return {"rank": config["r"], "alpha": config["lora_alpha"], "target_modules": modules}


def publish(adapter: pathlib.Path, manifest: AdapterManifest, adapters: pathlib.Path) -> tuple[pathlib.Path, bool]:
    """Copy the adapter under its reference; the folder, and whether it was there already.

    Raises:
        JobError: a folder of that name holds other weights.
    """
    folder = adapters / manifest.reference
    stage = adapters / f".{manifest.reference}.part"
    adapters.mkdir(parents=True, exist_ok=True)
    with FileLock(adapters / ".publish.lock"):
        if folder.is_dir():
            if sha12([folder / WEIGHTS]) != manifest.version:
                raise JobError(f"{folder}: its weights were changed after publication; remove it and publish again")
            log.info("%s is published already", manifest.reference)
            return folder, True
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir()
        shutil.copy(adapter / WEIGHTS, stage / WEIGHTS)
        config = json.loads((adapter / CONFIG).read_text())
        # PEFT notes the folder that the base was read from; an adapter that travels names the model instead.
        write_json(stage / CONFIG, config | {"base_model_name_or_path": manifest.base_model})
        write_text(stage / MANIFEST, manifest.model_dump_json(indent=2) + "\n")
        stage.rename(folder)
    return folder, False
