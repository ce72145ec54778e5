"""Publish a trained adapter: adapters/<name>@<version>/ with weights, configuration and manifest.

The version is the digest of the weights. Weights and configuration never change, so that every vote can be traced to
the weights that earned it; the manifest has the metrics and the verdict of the latest evaluation.
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
JUDGED = ("metrics", "passed", "reasons")
"""What another evaluation of the same weights may say otherwise."""


def adapter_shape(adapter: pathlib.Path) -> dict:
    """rank, alpha and target_modules out of PEFT's adapter_config.json, under the manifest's names."""
    config = json.loads((adapter / CONFIG).read_text())
    modules = tuple(
        sorted({name.rpartition(".")[2] for name in config["target_modules"]})
    )  # PEFT may list each layer's
    return {"rank": config["r"], "alpha": config["lora_alpha"], "target_modules": modules}


def publish(adapter: pathlib.Path, manifest: AdapterManifest, adapters: pathlib.Path) -> tuple[pathlib.Path, bool]:
    """Copy the adapter under its reference; the folder, and whether all of it was there already.

    Raises:
        JobError: a folder of that name holds other weights, or no manifest that can be read.
    """
    folder = adapters / manifest.reference
    stage = adapters / f".{manifest.reference}.part"
    adapters.mkdir(parents=True, exist_ok=True)
    with FileLock(adapters / ".publish.lock"):
        if folder.is_dir():
            if sha12([folder / WEIGHTS]) != manifest.version:
                raise JobError(f"{folder}: its weights were changed after publication; remove it and publish again")
            return folder, not _judge_anew(folder / MANIFEST, manifest)
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir()
        shutil.copy(adapter / WEIGHTS, stage / WEIGHTS)
        config = json.loads((adapter / CONFIG).read_text())
        # PEFT notes the folder that the base was read from; an adapter that travels names the model instead.
        write_json(stage / CONFIG, config | {"base_model_name_or_path": manifest.base_model})
        write_text(stage / MANIFEST, manifest.model_dump_json(indent=2) + "\n")
        stage.rename(folder)
    return folder, False


def _judge_anew(path: pathlib.Path, manifest: AdapterManifest) -> bool:
    """Bring the published manifest at `path` up to what `manifest` says of the same weights; whether it had to be."""
    try:
        published = AdapterManifest.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise JobError(f"{path}: no manifest that can be read ({reason}); remove the folder, publish again") from error
    latest = published.model_copy(update={field: getattr(manifest, field) for field in JUDGED})
    if latest == published:
        log.info("%s is published already", manifest.reference)
        return False
    write_text(path, latest.model_dump_json(indent=2) + "\n")
    was, now = ({True: "passed", False: "failed", None: "not judged"}[each.passed] for each in (published, latest))
    log.info("%s was published before (%s): its manifest has the new figures (%s)", manifest.reference, was, now)
    return True
