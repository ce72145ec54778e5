"""An adapter merged into its base's weights, one tensor after the other.

In: the base's safetensors files and a PEFT LoRA adapter. Out: files of the same names in bfloat16. At no moment is
more in memory than the adapter, one file of weights and one matrix in float32: a 70B base needs no 140 GB.
"""

import json
import pathlib

from jobs.errors import JobError

INDEX = "model.safetensors.index.json"


def merge_weights(base: pathlib.Path, adapter: pathlib.Path, target: pathlib.Path) -> int:
    """Write the merged weights to `target`, in shards like the base's; returns how many matrices were changed.

    PEFT's own layers do the arithmetic (rsLoRA's scale, DoRA's magnitudes), in float32; the sum is rounded once.

    Raises:
        JobError: the base is quantised or its weights have other names than its layers; the adapter is no LoRA, holds
            more than LoRA matrices, or leads to weights that are no numbers.
    """
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file
    from tqdm import tqdm

    layers = _lora_layers(base, adapter)
    merged: set[str] = set()
    total = 0
    files = sorted(base.glob("*.safetensors"))
    for path in tqdm(files, desc="merge", unit="file"):
        tensors = {}
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - safe_open cannot be iterated over
                tensor = file.get_tensor(name)
                if layer := layers.get(name):
                    tensor = _merged(layer, tensor, name)
                    merged.add(name)
                tensors[name] = tensor.to(torch.bfloat16) if tensor.is_floating_point() else tensor
        save_file(tensors, target / path.name, metadata={"format": "pt"})
        (target / path.name).chmod(0o644)  # safetensors writes 0600, and the engine may be another user
        total += sum(tensor.nbytes for tensor in tensors.values())
    if missing := sorted(layers.keys() - merged):
        raise JobError(f"{adapter}: the files of {base.name} hold no {missing[0]} ({len(missing)} missing in all)")
    if (base / INDEX).is_file():
        index = json.loads((base / INDEX).read_text())
        index["metadata"] = index.get("metadata", {}) | {"total_size": total}
        (target / INDEX).write_text(json.dumps(index, indent=2) + "\n")
    return len(merged)


def _lora_layers(base: pathlib.Path, adapter: pathlib.Path) -> dict:
    """Name of a base weight to PEFT's layer around it. The layers hold the adapter; their base weights hold nothing."""
    import torch
    from peft import LoraConfig, PeftConfig, PeftModel
    from peft.tuners.lora import LoraLayer
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(base)
    if getattr(config, "quantization_config", None):
        raise JobError(f"{base}: its weights are quantised; merging needs the base in 16 or 32 bits")
    lora = PeftConfig.from_pretrained(adapter)
    if not isinstance(lora, LoraConfig):
        raise JobError(f"{adapter}: a {lora.peft_type} adapter, only LoRA can be merged")
    if lora.modules_to_save or lora.trainable_token_indices or lora.bias != "none":
        raise JobError(f"{adapter}: holds whole modules, tokens or biases; merge knows LoRA matrices only")
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    for module in model.modules():
        for name, weight in module.named_parameters(recurse=False):
            # One zero that looks like the whole matrix: PEFT puts the adapter where the base's weights are.
            place = torch.zeros((), dtype=torch.float32).expand(weight.shape)
            setattr(module, name, torch.nn.Parameter(place, requires_grad=False))
    model = PeftModel.from_pretrained(model, adapter, low_cpu_mem_usage=True)
    prefix = "base_model.model."
    return {
        f"{name.removeprefix(prefix)}.weight": layer
        for name, layer in model.named_modules()
        if isinstance(layer, LoraLayer)
    }


def _merged(layer, tensor, name: str):
    """`tensor`, float32, with the adapter's share in it."""
    import torch

    weight = layer.get_base_layer().weight
    if tensor.shape != weight.shape:
        raise JobError(f"{name}: {tuple(tensor.shape)} in the file, {tuple(weight.shape)} in the model")
    layer.get_base_layer().weight = torch.nn.Parameter(tensor.float(), requires_grad=False)
    try:
        layer.merge(safe_merge=True)
    except ValueError as error:  # PEFT found numbers that are none
        raise JobError(f"{name}: {error}") from error
    result = layer.get_base_layer().weight.data
    layer.get_base_layer().weight = weight  # nothing again
    return result
