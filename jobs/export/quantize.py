"""Job `quantize`: a merged model as GGUF files, each loaded again and measured.

In: exports/<name>@<version>/merged/, the corpus's held-out split. Out: exports/<name>@<version>/gguf/ with a file for
each kind in `export.gguf`, README.md (the model card) and quantize.json. What is there is not made again.
"""

import argparse
import importlib.util
import json
import logging
import pathlib
import shutil

from filelock import FileLock

from contracts.recipe import Recipe
from jobs.errors import JobError
from jobs.export.converter import convert_to_f16
from jobs.export.gguf_file import fell_back, load_gguf, perplexity, tensor_types
from jobs.export.llama_quantize import VARIABLE, build_quantizer, find_quantizer, quantize
from jobs.export.merge import MERGE_FILE
from jobs.export.model_card import write_gguf_card
from jobs.export.published import Published, find_published
from jobs.export.row_quantizer import rows_quantized
from jobs.training.cpu import yield_waiting_cores
from jobs.training.files import full_disk_explained, write_json

log = logging.getLogger(__name__)

QUANTIZE_FILE = "quantize.json"
WORST = {"F16": 1.01, "Q8_0": 1.02, "Q5_K_M": 1.25, "Q4_K_M": 1.25}
"""Largest perplexity that passes, as a multiple of the merged model's. A 135M model, of which 181 of 211 matrices fall
back, has 1.000, 1.001, 1.087 and 1.046 (docs/export.md); larger ones lose less."""


def run(recipe: Recipe, home: pathlib.Path, arguments: argparse.Namespace) -> dict:
    """Make the files that are missing, measure them, describe them all.

    Raises:
        JobError: not merged yet; no quantizer; the converter refuses the model; a file that cannot be loaded again, or
            whose perplexity is beyond reason; the disk is full.
    """
    yield_waiting_cores()
    if not recipe.export.gguf:
        raise JobError("export.gguf is empty: nothing to make; name kinds (F16, Q8_0, Q5_K_M, Q4_K_M) in the recipe")
    published = find_published(recipe, home, arguments)
    merged, folder = published.exports / "merged", published.exports / "gguf"
    if not (merged / MERGE_FILE).is_file():
        raise JobError(f"{merged}: not there, run `python -m jobs merge` first")
    with FileLock(published.exports / ".lock"), full_disk_explained(home):
        folder.mkdir(exist_ok=True)
        record = folder / QUANTIZE_FILE
        files = json.loads(record.read_text())["files"] if record.is_file() else {}
        missing = [kind for kind in recipe.export.gguf if kind not in files]
        if missing:
            quantizer = _quantizer(recipe, missing, build=arguments.build_quantizer)
            for kind, facts in _make(published, home, missing, quantizer):
                files[kind] = facts
                write_json(record, {"adapter": published.manifest.reference, "files": files})
        described = write_gguf_card(folder, published, home, files)
    summary = {"adapter": published.manifest.reference, "path": str(folder), "files": files}
    return summary | {"unchanged": not missing and not described}


def _quantizer(recipe: Recipe, kinds: list[str], build: bool) -> pathlib.Path | None:
    """llama-quantize, or None where libgguf does it.

    Raises:
        JobError: there is neither.
    """
    if kinds == ["F16"]:
        return None
    program = build_quantizer(recipe.batch.cpus) if build else find_quantizer()
    if program is None and not importlib.util.find_spec("libgguf"):
        raise JobError(
            f"no quantizer: put llama.cpp's llama-quantize on PATH or name it in {VARIABLE}, or have it built once "
            f"with --build-quantizer (minutes; needs a C++ compiler), or pip install libgguf (slower)"
        )
    log.info("quantising with %s", program or "libgguf")
    return program


def _make(published: Published, home: pathlib.Path, kinds: list[str], quantizer: pathlib.Path | None):
    """(kind, what quantize.json says about it) for each file, once it lies under its name."""
    folder, stage = published.exports / "gguf", published.exports / ".gguf.part"
    recipe, merged = published.recipe, published.exports / "merged"
    samples = _samples(published, home)
    compared = perplexity(_merged_model(merged, recipe), samples, recipe.evaluate.batch_size, "merged")
    stage.mkdir(exist_ok=True)
    f16 = _in_16_bits(published, stage)
    for kind in sorted(kinds, key=lambda kind: kind == "F16"):  # last: the others are made from it
        path = f16 if kind == "F16" else stage / _file_name(published, kind)
        if kind != "F16" and quantizer:
            quantize(quantizer, f16, path, kind, recipe.batch.cpus)
        elif kind != "F16":
            rows_quantized(f16, path, kind)
        types = tensor_types(path)
        model = load_gguf(path, recipe.train.dtype)
        found = perplexity(model, samples, recipe.evaluate.batch_size, kind)
        del model
        if not found <= compared * WORST[kind]:
            path.unlink()
            raise JobError(
                f"{path.name}: perplexity {found:.4g}, the merged model has {compared:.4g}: {kind} costs at most a "
                f"factor of {WORST[kind]}, so this file is broken; it is not kept"
            )
        made_by = "llama.cpp's converter" if kind == "F16" else "llama-quantize" if quantizer else "libgguf"
        facts = {
            "file": path.name,
            "bytes": path.stat().st_size,
            "made_by": made_by,
            "tensors": types,
            "fell_back": fell_back(types, kind),
            "split": recipe.evaluate.split,
            "samples": len(samples),
            "perplexity": round(found, 4),
            "merged_perplexity": round(compared, 4),
            "difference": round(found / compared - 1, 6),
        }
        path.rename(folder / path.name)
        yield kind, facts
    shutil.rmtree(stage)


def _in_16_bits(published: Published, stage: pathlib.Path) -> pathlib.Path:
    """The F16 file that all others are made from: finished before, left by a run that was killed, or made now."""
    name = _file_name(published, "F16")
    for there in (published.exports / "gguf" / name, stage / name):
        if there.is_file():
            return there
    part = stage / f".{name}.part"
    convert_to_f16(published.exports / "merged", part)
    return part.rename(stage / name)


def _file_name(published: Published, kind: str) -> str:
    return f"{published.manifest.name}-{published.manifest.version}-{kind}.gguf"


def _samples(published: Published, home: pathlib.Path):
    from transformers import PreTrainedTokenizerFast

    from jobs.evaluation.held_out import read_held_out

    recipe, split = published.recipe, published.recipe.evaluate.split
    tokenizer = PreTrainedTokenizerFast.from_pretrained(published.base)
    samples = read_held_out(recipe, home, published.manifest.corpus_digest, split, tokenizer).samples
    if not samples:
        raise JobError(f"corpus {published.manifest.corpus_digest}: split {split} gives no sample to measure on")
    return samples


def _merged_model(folder: pathlib.Path, recipe: Recipe):
    import torch
    from transformers import AutoModelForCausalLM

    placement = {"device_map": "auto"} if torch.cuda.is_available() else {}
    if not placement:
        torch.set_num_threads(recipe.batch.cpus)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, recipe.train.dtype), **placement).eval()
