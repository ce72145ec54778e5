"""The job `plan`: what it tells, what it warns of, what it refuses, and whether its advice is right."""

import json
import logging
import math
import re

import pytest

from contracts.recipe import load_recipe
from jobs.errors import JobError
from jobs.planning import plan
from jobs.planning.corpus_tokens import corpus_tokens
from tests.training import tiny

RECIPES = tiny.ROOT / "recipes"


def guild(*overrides: str):
    return load_recipe(RECIPES / "roleplay_guild.yaml", overrides)


def planned(recipe, home) -> dict:
    return plan.run(recipe, home, None)


def warned(summary: dict, words: str) -> bool:
    return any(words in warning for warning in summary["warnings"])


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The tiny base and its corpus."""
    return tiny.prepare(tmp_path_factory.mktemp("home"))


def test_the_real_job(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        summary = planned(guild(), tmp_path)
    assert summary["ok"] and summary["fits"] and summary["gpu_gib"] == 79.2
    assert summary["parameters"] == 68_976_648_192 and summary["trainable_parameters"] == 207_093_760
    assert summary["gpu_memory_gib"] == pytest.approx(sum(summary["memory_gib"].values()), abs=0.05)
    assert summary["tokens_per_step"] == 8 * 2 * 4096 and summary["steps"] == 3000
    seconds = summary["steps"] * summary["tokens_per_step"] / summary["tokens_per_second"]
    assert summary["hours"] == pytest.approx(seconds / 3600, abs=0.01)
    assert summary["energy_kwh"] == pytest.approx(8 * (0.85 * 400 + 200) / 1000 * summary["hours"], abs=0.1)
    assert summary["corpus_tokens"] is None and warned(summary, "no corpus yet")
    assert json.loads(json.dumps(summary)) == summary
    assert re.search(r"weights +16\.06 GiB", caplog.text) and "68,976,648,192" in caplog.text


@pytest.mark.parametrize("accelerate, processes", [("slurm_2x8gpu.yaml", 16), ("zero3_4gpu.yaml", 4)])
def test_other_strategies(tmp_path, accelerate, processes):
    eight = planned(guild(), tmp_path)
    other = planned(guild(f"train.accelerate={accelerate}", f"batch.processes={processes}", "batch.gpus=8"), tmp_path)
    share = 8 / processes
    assert other["memory_gib"]["weights"] == pytest.approx(eight["memory_gib"]["weights"] * share, rel=0.01)
    assert warned(other, "between machines") == (processes == 16)


def test_one_gpu_holds_all(tmp_path):
    alone = planned(guild("train.accelerate=single_gpu.yaml", "batch.processes=1", "batch.gpus=1"), tmp_path)
    assert not alone["ok"] and not alone["fits"]
    assert alone["memory_gib"]["weights"] == pytest.approx(68_976_648_192 * 2 / 2**30, abs=0.01)


def test_nf4_with_its_constants(tmp_path):
    qlora = planned(guild("train.quantization=nf4", "train.accelerate=fsdp2_qlora_8gpu.yaml"), tmp_path)
    linear, other = 80 * (2 * 8192**2 + 2 * 8192 * 1024 + 3 * 8192 * 28672), 2 * 32000 * 8192 + 161 * 8192
    bytes_here = (linear / 2 + 2 * other) / 8 + linear / 64 + 4 * linear / (64 * 256)
    assert qlora["memory_gib"]["weights"] == pytest.approx(bytes_here / 2**30, abs=0.01)
    assert qlora["tokens_per_second"] < planned(guild(), tmp_path)["tokens_per_second"]


def test_a_quantised_base_has_to_fit_whole_while_it_loads(tmp_path):
    qlora = ["train.quantization=nf4", "train.accelerate=fsdp2_qlora_8gpu.yaml"]
    loading = planned(guild(*qlora), tmp_path)
    assert loading["fits"] and loading["loading_gib"] == pytest.approx(34.6, abs=2)
    assert loading["gpu_memory_gib"] < 23
    small = planned(guild(*qlora, "batch.gpu=RTX-4090"), tmp_path)
    assert not small["ok"] and small["gpu_memory_gib"] < small["gpu_gib"]
    assert warned(small, "while it loads each GPU holds the whole quantised base")
    with pytest.raises(JobError, match="while it loads"):
        plan.check_fits(guild(*qlora, "batch.gpu=RTX-4090"), tmp_path)
    assert planned(guild(), tmp_path)["loading_gib"] == 0


def test_int8_cannot_be_sharded(tmp_path):
    with pytest.raises(JobError, match=r"fsdp2_8gpu.yaml shards the weights, and int8 weights cannot be sharded"):
        planned(guild("train.quantization=int8"), tmp_path)


def test_full_tuning_needs_sixteen_bytes_a_parameter(tmp_path):
    full = planned(guild("train.tuning=full", "rollout.approval=never", "train.learning_rate=1e-5"), tmp_path)
    items = full["memory_gib"]
    state = items["trained weights"] + items["gradients"] + items["optimizer"]
    assert state == pytest.approx(16 * 68_976_648_192 / 8 / 2**30, abs=0.05)
    assert not full["ok"] and warned(full, "--set train.tuning=lora")


def test_what_is_advised_makes_it_fit(tmp_path):
    wrong = ["batch.gpu=A100-40GB", "train.batch_size=8", "train.gradient_checkpointing=false"]
    summary = planned(guild(*wrong), tmp_path)
    assert not summary["ok"] and summary["gpu_memory_gib"] > summary["gpu_gib"]
    advised = [re.findall(r"--set (\S+)", text) for text in summary["warnings"][-1].split(", or ") if "--set" in text]
    advised = [changes for changes in advised if not changes[0].startswith("batch.gpu")]
    assert advised
    for changes in advised:
        assert planned(guild(*wrong, *changes), tmp_path)["fits"], changes


def test_train_is_refused_before_anything_is_loaded(tmp_path):
    with pytest.raises(
        JobError, match=r"needs 28\.\d GiB \(weights: 16\.\d\), RTX-4090 has 23\.5; it would fit with 16 GPUs"
    ):
        plan.check_fits(guild("batch.gpu=RTX-4090"), tmp_path)
    plan.check_fits(guild(), tmp_path)


def test_a_base_of_unknown_shape_is_let_through_and_said(tmp_path, caplog):
    plan.check_fits(guild("model.base=someone/other-70B"), tmp_path)
    assert "not checked whether it fits: model.base other-70B" in caplog.text
    with pytest.raises(JobError, match="run `python -m jobs base-model` first"):
        planned(guild("model.base=someone/other-70B"), tmp_path)


def test_gpus_and_accelerate_config_must_agree(tmp_path):
    with pytest.raises(JobError, match=r"batch\.gpus is 0, but fsdp2_8gpu\.yaml trains on GPUs"):
        planned(guild("batch.gpus=0"), tmp_path)


def test_a_run_that_will_be_cut_off_is_warned_of(tmp_path):
    assert warned(
        planned(guild("batch.time_limit_hours=2"), tmp_path), "batch.time_limit_hours is 2: it will be cut off"
    )


def test_a_cpu_plan_reckons_memory_and_no_speed(home):
    summary = planned(tiny.recipe(home), home)
    assert summary["ok"] and summary["gpu_gib"] == 6
    assert summary["tokens_per_second"] is None and summary["hours"] is None and summary["energy_kwh"] is None
    assert warned(summary, "speed is not reckoned")
    too_small = planned(tiny.recipe(home, "batch.memory_gib=0.5"), home)
    assert not too_small["ok"] and warned(too_small, "batch.memory_gib is 0.5")


def test_tokens_of_the_corpus_are_those_of_the_tokenizer(home):
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast.from_pretrained(home / "models" / "tiny")
    posts = [message["text"] for number in range(8) for message in tiny.thread(number)["messages"]]
    once = sum(len(tokenizer(post, add_special_tokens=False)["input_ids"]) for post in posts)
    recipe = tiny.recipe(home)
    summary = planned(recipe, home)
    assert summary["corpus_tokens"] == pytest.approx(2 * once, rel=0.01)  # through the eyes of two characters
    epochs = summary["steps"] * summary["tokens_per_step"] / summary["corpus_tokens"]
    assert summary["epochs"] == pytest.approx(epochs, abs=0.01)
    story = corpus_tokens(tiny.recipe(home, "train.view=completion"), home)
    assert story.tokens == pytest.approx(once, rel=0.01) and story.measured


def test_tokens_of_a_dataset(home, tmp_path):
    path = tmp_path / "rows.jsonl"
    text = "The bell rings 3 times over house 5. And the river answers. " * 20
    rows = [
        {"content": text},
        {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": text}]},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = corpus_tokens(tiny.recipe(home, "train.view=content", f"train.dataset={path}"), home)
    assert math.isclose(found.tokens * found.characters_per_token, 3 * len(text), rel_tol=0.01)
    path.write_text('{"text": "x"}\n')
    with pytest.raises(JobError, match=r"rows\.jsonl, line 1: expected an object with `content` or `messages`"):
        corpus_tokens(tiny.recipe(home, "train.view=content", f"train.dataset={path}"), home)
