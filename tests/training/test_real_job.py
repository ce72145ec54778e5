"""The real job, recipes/roleplay_guild.yaml, as far as no weights and no network allow: on the meta device.

The shape is that of Midnight-Miqu-70B (a Llama-2 70B), from its published config.json.
"""

import pytest

from contracts.recipe import load_recipe
from jobs.training.launch import read_accelerate_config
from jobs.training.train import lora_config
from tests.training import tiny

LAYERS, HIDDEN, INTERMEDIATE, HEADS, KEY_VALUE_HEADS, VOCABULARY = 80, 8192, 28672, 64, 8, 32000

LINEAR = {
    "self_attn.q_proj": (HIDDEN, HIDDEN),
    "self_attn.k_proj": (HIDDEN, HIDDEN // HEADS * KEY_VALUE_HEADS),
    "self_attn.v_proj": (HIDDEN, HIDDEN // HEADS * KEY_VALUE_HEADS),
    "self_attn.o_proj": (HIDDEN, HIDDEN),
    "mlp.gate_proj": (HIDDEN, INTERMEDIATE),
    "mlp.up_proj": (HIDDEN, INTERMEDIATE),
    "mlp.down_proj": (INTERMEDIATE, HIDDEN),
}
"""Linear modules of one layer: (columns in, columns out)."""


@pytest.fixture(scope="module")
def recipe():
    return load_recipe(tiny.ROOT / "recipes" / "roleplay_guild.yaml")


@pytest.fixture(scope="module")
def model():
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.device("meta"):
        return LlamaForCausalLM(
            LlamaConfig(
                vocab_size=VOCABULARY,
                hidden_size=HIDDEN,
                intermediate_size=INTERMEDIATE,
                num_hidden_layers=LAYERS,
                num_attention_heads=HEADS,
                num_key_value_heads=KEY_VALUE_HEADS,
            )
        )


def test_the_base_has_the_published_number_of_parameters(model):
    assert model.num_parameters() == 68_976_648_192


def test_the_adapter_is_what_the_recipe_says(recipe, model):
    import torch
    from peft import get_peft_model

    rank = recipe.train.lora.rank
    with torch.device("meta"):
        adapted = get_peft_model(model, lora_config(recipe))
    trained, _ = adapted.get_nb_trainable_parameters()
    assert trained == LAYERS * sum(rank * (columns_in + columns_out) for columns_in, columns_out in LINEAR.values())
    assert trained == 207_093_760  # 0.3 % of the base, 414 MB in bfloat16
    names = {name for name, parameter in adapted.named_parameters() if parameter.requires_grad}
    assert names == {
        f"base_model.model.model.layers.{layer}.{module}.lora_{side}.default.weight"
        for layer in range(LAYERS)
        for module in LINEAR
        for side in "AB"
    }


def test_recipe_and_launch_configuration_agree(recipe):
    config = read_accelerate_config(recipe)
    assert config.distributed_type == "FSDP" and config.fsdp_config["fsdp_version"] == 2
    assert config.num_processes == recipe.batch.processes == recipe.batch.gpus == 8
    assert config.mixed_precision == "bf16" and recipe.train.dtype == "bfloat16"
    assert config.fsdp_config["fsdp_transformer_layer_cls_to_wrap"] == "LlamaDecoderLayer"


def test_the_demo_runs_as_one_process_without_gpu():
    demo = load_recipe(tiny.ROOT / "recipes" / "demo.yaml")
    config = read_accelerate_config(demo)
    assert config.distributed_type == "NO" and config.use_cpu and config.mixed_precision == "no"
    assert demo.train.dtype == "float32" and demo.batch.gpus == 0
