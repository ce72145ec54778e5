"""How a base model is made trainable: LoRA in its kinds on a plain or quantised base, or all of its weights.

In: the recipe's train section. Out: what transformers and PEFT want to be told.
"""

import json
import pathlib

from contracts.adapter_manifest import AdapterManifest
from contracts.recipe import Recipe
from jobs.errors import JobError


def load_base(recipe: Recipe, folder: pathlib.Path):
    """The base model in `folder` with the recipe's dtype, quantisation and attention."""
    import torch
    from transformers import AutoModelForCausalLM

    train = recipe.train
    try:
        return AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=getattr(torch, train.dtype),
            quantization_config=quantization(recipe),
            attn_implementation=train.attention,
        )
    except ImportError as error:  # flash-attention and bitsandbytes are asked for here
        wanted = f"train.attention {train.attention}, train.quantization {train.quantization}"
        raise JobError(f"{wanted}: {error}") from error


def quantization(recipe: Recipe):
    """bitsandbytes settings for the base, None when it is not quantised.

    nf4 with double quantisation is QLoRA's (Dettmers et al. 2023); blocks are stored in the training dtype, so that
    FSDP can shard them beside the other weights.
    """
    import torch
    from transformers import BitsAndBytesConfig

    dtype = getattr(torch, recipe.train.dtype)
    if recipe.train.quantization == "nf4":
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
            bnb_4bit_quant_storage=dtype,
        )
    if recipe.train.quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return None


def lora_config(recipe: Recipe):
    """The recipe's LoRA settings as PEFT's."""
    from peft import LoraConfig

    lora, modules = recipe.train.lora, recipe.train.lora.target_modules
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=modules if isinstance(modules, str) else list(modules),
        use_rslora=lora.rank_stabilized,
        use_dora=lora.dora,
        task_type="CAUSAL_LM",
    )


def loraplus_optimizer(trainer, ratio: float):
    """The trainer's optimizer with B matrices learning `ratio` times as fast as A matrices (LoRA+)."""
    from peft.optimizers import create_loraplus_optimizer

    optimizer, settings = trainer.get_optimizer_cls_and_kwargs(trainer.args, trainer.model)
    return create_loraplus_optimizer(
        model=trainer.model,
        optimizer_cls=optimizer,
        loraplus_lr_ratio=ratio,
        loraplus_weight_decay=trainer.args.weight_decay,
        **settings,
    )


def parent_folder(recipe: Recipe, home: pathlib.Path, base_digest: str) -> pathlib.Path | None:
    """The adapter from which the training goes on, None for a fresh one.

    Raises:
        JobError: it is not there, is for another base, or is not of the recipe's rank and modules.
    """
    if recipe.train.parent is None:
        return None
    folder = home / "adapters" / recipe.train.parent
    try:
        manifest = AdapterManifest.model_validate_json((folder / "manifest.json").read_text())
    except FileNotFoundError as error:
        there = ", ".join(sorted(path.name for path in folder.parent.glob("*@*"))) or "none"
        raise JobError(f"train.parent: no adapter {folder.name} in {folder.parent}; there are: {there}") from error
    if manifest.base_digest != base_digest:
        raise JobError(
            f"train.parent {folder.name} is for a base with digest {manifest.base_digest}, models/{recipe.model.name} "
            f"has {base_digest}: an adapter goes on from its own base only"
        )
    config, wanted = json.loads((folder / "adapter_config.json").read_text()), lora_config(recipe)
    for setting in ("r", "lora_alpha", "use_rslora", "use_dora"):
        if config.get(setting, False) != getattr(wanted, setting):
            raise JobError(
                f"train.parent {folder.name} has {setting} {config.get(setting)}, the recipe asks for "
                f"{getattr(wanted, setting)}: an adapter keeps its shape"
            )
    return folder
