"""Numbers of parameters against transformers and PEFT, on the meta device: no weights, exact counts."""

import pytest

from contracts.recipe import Lora
from jobs.errors import JobError
from jobs.planning.adapter_size import adapter_parameters
from jobs.planning.shape import PUBLISHED, ModelShape, UnknownShape, read_shape

NAMES = ("SmolLM2-135M-Instruct", "Llama-2-70b-hf", "Meta-Llama-3-8B")


def real_model(shape: ModelShape):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        tie_word_embeddings=shape.tied,
    )
    with torch.device("meta"):
        return LlamaForCausalLM(config)


@pytest.mark.parametrize("name", NAMES)
def test_base(name):
    assert PUBLISHED[name].parameters == real_model(PUBLISHED[name]).num_parameters()


def test_the_published_numbers():
    assert PUBLISHED["Llama-2-70b-hf"].parameters == 68_976_648_192
    assert PUBLISHED["Meta-Llama-3-8B"].parameters == 8_030_261_248
    assert PUBLISHED["SmolLM2-135M-Instruct"].parameters == 134_515_008


SETTINGS = {
    "all": Lora(rank=16),
    "DoRA": Lora(rank=8, dora=True),
    "some": Lora(rank=4, target_modules=("q_proj", "down_proj")),
    "head": Lora(rank=4, target_modules=("v_proj", "lm_head")),
    "pattern": Lora(rank=4, target_modules=r".*\.layers\.(0|5)\.mlp\.(up|gate)_proj"),
}


@pytest.mark.parametrize("lora", SETTINGS.values(), ids=SETTINGS)
def test_adapter(lora):
    import torch
    from peft import LoraConfig, get_peft_model

    shape = PUBLISHED["SmolLM2-135M-Instruct"]
    modules = lora.target_modules if isinstance(lora.target_modules, str) else list(lora.target_modules)
    with torch.device("meta"):
        config = LoraConfig(r=lora.rank, use_dora=lora.dora, target_modules=modules, task_type="CAUSAL_LM")
        model = get_peft_model(real_model(shape), config)
    assert adapter_parameters(shape, lora) == model.get_nb_trainable_parameters()[0]


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(JobError, match=r"target_modules \('qproj',\) names no linear module.*q_proj"):
        adapter_parameters(PUBLISHED["SmolLM2-135M-Instruct"], Lora(target_modules=("qproj",)))


def test_a_shape_is_read_from_the_models_own_config(tmp_path):
    shape = PUBLISHED["SmolLM2-135M-Instruct"]
    real_model(shape).config.save_pretrained(tmp_path / "models" / "other")
    assert read_shape(tmp_path, "other") == shape


def test_an_unknown_base_says_what_to_do(tmp_path):
    with pytest.raises(UnknownShape, match=r"run `python -m jobs base-model` first"):
        read_shape(tmp_path, "other")


def test_a_model_of_another_kind_is_not_reckoned_with(tmp_path):
    folder = tmp_path / "models" / "bert"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(UnknownShape, match="a model of type bert"):
        read_shape(tmp_path, "bert")
