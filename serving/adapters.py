"""May this adapter be put on this engine? Asked before vLLM sees it, because vLLM does not ask.

vLLM 0.32 answers "loaded" to an adapter whose modules match nothing (the base then replies under its name) and to
NaN weights (every later reply of the engine is garbage until restart). In: a reference `name@version`, a home, the
base. Out: a `CheckedAdapter`, or a `Refusal` whose code says what is wrong.
"""

import dataclasses
import hashlib
import json
import pathlib
import re

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from contracts.adapter_manifest import AdapterManifest
from contracts.recipe import Serving
from serving.base_model import ServedBase
from serving.references import split_reference
from serving.refusal import Refusal

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
MANIFEST = "manifest.json"
PICKLED = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"}
"""Endings of files that run code when they are read."""
LARGEST_DOCUMENT = 1 << 20
"""Bytes of the configuration or the manifest; PEFT writes about a thousand."""

TENSOR = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
LARGEST_CHANGE = 1e4
"""Highest product of the norms of lora_A and lora_B with their scale: an upper bound of the norm of the change. What
has been trained is far below it, and far above it a single reply makes every later one of the engine garbage."""
PLAIN = {
    "bias": "none",
    "modules_to_save": None,
    "fan_in_fan_out": False,
    "rank_pattern": None,
    "alpha_pattern": None,
    "lora_bias": False,
    "layer_replication": None,
    "alora_invocation_tokens": None,
}
"""What adapter_config.json must say (or leave out, or leave empty) for the adapter to be plain LoRA."""


@dataclasses.dataclass(frozen=True)
class CheckedAdapter:
    """An adapter that may be loaded. `path` is its folder, `reference` its name in the API."""

    reference: str
    name: str
    version: str
    path: pathlib.Path
    manifest: AdapterManifest


class AdapterCheck:
    """The checks of one engine: its base, highest rank and dtype. Reads files, loads nothing, is slow for big ones."""

    def __init__(self, home: pathlib.Path, base: ServedBase, linears: dict[str, tuple[int, int]], serving: Serving):
        self._folder = home / "adapters"
        self._base = base
        self._linears = linears
        self._max_rank = serving.max_lora_rank
        self._dtype = getattr(torch, serving.dtype)

    def check(self, reference: str) -> CheckedAdapter:
        """`reference` as an adapter that may be loaded.

        Raises:
            Refusal: bad_reference, no_such_adapter, symlink, unsafe_file, bad_manifest, wrong_digest, wrong_base,
                dora, not_plain_lora, rank_too_high, unreadable_weights, unknown_module, wrong_shape, missing_half,
                not_finite, too_large, no_effect.
        """
        name, version = split_reference(reference)
        path = self._locate(reference)
        manifest = self._manifest(path, name, version)
        config = self._config(path, manifest)
        self._weights(path / WEIGHTS, rank=config["r"], scale=config["lora_alpha"] / config["r"])
        return CheckedAdapter(reference, name, version, path, manifest)

    def _locate(self, reference: str) -> pathlib.Path:
        path = self._folder / reference
        if path.is_symlink():
            raise Refusal("symlink", f"adapters/{reference} is a symbolic link: adapters are copied in, never linked")
        if not path.is_dir():
            raise Refusal("no_such_adapter", f"no folder {reference} in {self._folder}", status=404)
        for file in sorted(path.rglob("*")):
            if file.is_symlink():
                raise Refusal("symlink", f"{reference}/{file.name} is a symbolic link: adapters are whole files")
            if file.suffix in PICKLED:
                raise Refusal("unsafe_file", f"{reference}/{file.name} can run code when read: safetensors only")
        for required in (WEIGHTS, CONFIG, MANIFEST):
            if not (path / required).is_file():
                raise Refusal("no_such_adapter", f"{reference}: {required} is missing", status=404)
        for document, code in ((CONFIG, "not_plain_lora"), (MANIFEST, "bad_manifest")):
            if (size := (path / document).stat().st_size) > LARGEST_DOCUMENT:
                raise Refusal(code, f"{reference}/{document}: {size} bytes, at most {LARGEST_DOCUMENT} are read")
        return path

    def _manifest(self, path: pathlib.Path, name: str, version: str) -> AdapterManifest:
        try:
            manifest = AdapterManifest.model_validate_json((path / MANIFEST).read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "document"
            raise Refusal("bad_manifest", f"{path.name}/{MANIFEST}: {where}: {first['msg']}") from error
        if manifest.reference != f"{name}@{version}":
            raise Refusal("bad_manifest", f"{path.name}/{MANIFEST} speaks of {manifest.reference}")
        with (path / WEIGHTS).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[: len(version)]
        if digest != version:
            raise Refusal("wrong_digest", f"{path.name}/{WEIGHTS} has digest {digest}: cut off or changed")
        if manifest.base_digest != self._base.digest:
            raise Refusal(
                "wrong_base",
                f"{path.name} was trained on {manifest.base_model} ({manifest.base_digest}), "
                f"this engine holds {self._base.name} ({self._base.digest})",
            )
        return manifest

    def _config(self, path: pathlib.Path, manifest: AdapterManifest) -> dict:
        where = f"{path.name}/{CONFIG}"
        try:
            config = json.loads((path / CONFIG).read_text())
            rank = config["r"]
        except (ValueError, KeyError, TypeError) as error:
            raise Refusal("not_plain_lora", f"{where}: expected PEFT's JSON object with a rank `r`") from error
        if config.get("use_dora"):
            raise Refusal("dora", f"{where}: vLLM does not serve DoRA, train with use_dora=false")
        if config.get("peft_type") != "LORA":
            raise Refusal("not_plain_lora", f"{where}: peft_type is {config.get('peft_type')!r}, expected 'LORA'")
        for key, plain in PLAIN.items():
            value = config.get(key)
            if value and value != plain:
                raise Refusal("not_plain_lora", f"{where}: {key} is {value!r}, expected {plain!r}")
        if not isinstance(rank, int) or not 0 < rank <= self._max_rank:
            raise Refusal("rank_too_high", f"{where}: rank {rank}, this engine serves 1 to {self._max_rank}")
        if (rank, config.get("lora_alpha")) != (manifest.rank, manifest.alpha):
            raise Refusal("bad_manifest", f"{where} and {MANIFEST} disagree on rank or alpha")
        return config

    def _weights(self, file: pathlib.Path, rank: int, scale: float) -> None:
        where, changes_something = f"{file.parent.name}/{file.name}", False
        halves: dict[str, dict[str, float]] = {"A": {}, "B": {}}
        try:
            with safe_open(file, framework="pt") as tensors:
                for key in tensors.keys():  # noqa: SIM118, safe_open is no dict
                    match = TENSOR.fullmatch(key)
                    if not match or match["module"] not in self._linears:
                        raise Refusal("unknown_module", f"{where}: {key}: {self._base.name} has no such linear layer")
                    inputs, outputs = self._linears[match["module"]]
                    expected = (rank, inputs) if match["side"] == "A" else (outputs, rank)
                    tensor = tensors.get_tensor(key)
                    if tuple(tensor.shape) != expected:
                        raise Refusal("wrong_shape", f"{where}: {key} is {tuple(tensor.shape)}, expected {expected}")
                    tensor = tensor.to(self._dtype)  # as the engine will hold it
                    if not torch.isfinite(tensor).all():
                        raise Refusal("not_finite", f"{where}: {key} holds NaN or infinite values in {self._dtype}")
                    changes_something |= match["side"] == "B" and bool(tensor.any())
                    halves[match["side"]][match["module"]] = torch.linalg.vector_norm(
                        tensor, dtype=torch.float64
                    ).item()
        except SafetensorError as error:
            raise Refusal("unreadable_weights", f"{where}: {error}") from error
        if alone := halves["A"].keys() ^ halves["B"].keys():
            raise Refusal("missing_half", f"{where}: {min(alone)} has only one of lora_A and lora_B")
        for module, norm in halves["A"].items():
            if norm * halves["B"][module] * scale > LARGEST_CHANGE:
                change = f"{norm * halves['B'][module] * scale:.1e}"
                raise Refusal("too_large", f"{where}: {module} changes by up to {change}: its replies would overflow")
        if not changes_something:
            raise Refusal("no_effect", f"{where}: every lora_B is zero, the base would reply under this name")
