"""The reckoned activations against what autograd really keeps, counted tensor by tensor on a small Llama."""

import contextlib

import pytest

from contracts.recipe import Train
from jobs.planning.activations import activation_bytes
from jobs.planning.shape import ModelShape

SHAPE = ModelShape(256, 3, 4, 2, 64, 896, 512)
TOKENS = 512
ADAPTER_WIDTH = 4
"""PEFT keeps an adapter in float32, whatever the base's dtype."""


def settings(**more) -> Train:
    common = {"accelerate": "cpu.yaml", "max_steps": 1, "max_length": TOKENS, "packing": False}
    return Train(**common | {"gradient_checkpointing": False} | more)


def kept_bytes(train: Train) -> int:
    """Bytes of the distinct memory that the layers' forward pass leaves to the backward pass, weights left out."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=SHAPE.vocabulary,
        hidden_size=SHAPE.hidden,
        intermediate_size=SHAPE.intermediate,
        num_hidden_layers=SHAPE.layers,
        num_attention_heads=SHAPE.heads,
        num_key_value_heads=SHAPE.key_value_heads,
        attn_implementation=train.attention,
    )
    model = LlamaForCausalLM(config).to(getattr(torch, train.dtype))
    lora = LoraConfig(r=train.lora.rank, lora_dropout=train.lora.dropout, target_modules="all-linear")
    model = get_peft_model(model, lora)
    model.train()
    if train.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        model.enable_input_require_grads()
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)  # held, so that no address is used twice
        return tensor

    ids = torch.randint(0, SHAPE.vocabulary, (1, TOKENS))
    bfloat16 = train.dtype == "bfloat16"
    mixed = torch.autocast("cpu", torch.bfloat16) if bfloat16 else contextlib.nullcontext()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), mixed:
        model.get_base_model().model(ids, use_cache=False)
    return sum(size for size, _ in kept.values())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_all_layers_keep_what_was_reckoned(dtype, dropout, attention):
    train = settings(dtype=dtype, attention=attention, lora={"rank": 8, "dropout": dropout})
    assert activation_bytes(SHAPE, train, ADAPTER_WIDTH, cpu=True) == pytest.approx(kept_bytes(train), rel=0.05)


def test_with_checkpointing_only_the_layers_inputs_are_kept():
    train = settings(dtype="float32", gradient_checkpointing=True)
    inputs = SHAPE.layers * TOKENS * SHAPE.hidden * 4
    assert kept_bytes(train) == pytest.approx(
        inputs, rel=0.35
    )  # and the last norm's, which is small where layers are many
    without = settings(dtype="float32", lora=train.lora)
    inside = activation_bytes(SHAPE, without, ADAPTER_WIDTH) / SHAPE.layers
    assert activation_bytes(SHAPE, train, ADAPTER_WIDTH) == pytest.approx(inputs + inside)


def test_a_packed_batch_without_flash_attention_has_a_mask_over_all_pairs():
    sdpa, flash = (
        settings(packing=True, gradient_checkpointing=True, batch_size=8, attention=attention)
        for attention in ("sdpa", "flash_attention_2")
    )
    more = activation_bytes(SHAPE, sdpa, ADAPTER_WIDTH) - activation_bytes(SHAPE, flash, ADAPTER_WIDTH)
    assert more == (8 * TOKENS) ** 2 * 3


def test_a_pair_is_two_samples_side_by_side():
    pair = settings(method="dpo", view="completion", packing=True, attention="eager")
    two = settings(view="completion", batch_size=2, attention="eager")
    assert activation_bytes(SHAPE, pair, ADAPTER_WIDTH) == activation_bytes(SHAPE, two, ADAPTER_WIDTH)
