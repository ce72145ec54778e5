"""Every way to train that the recipe knows, on the tiny base: it runs, it learns, and it is what it is called."""

import json
import pathlib

import pytest
from safetensors.torch import load_file

from jobs.errors import JobError
from tests.training import tiny

WEIGHTS = "adapter_model.safetensors"
METHODS = {
    "lora": [],
    "rslora": ["train.lora.rank_stabilized=true"],
    "dora": ["train.lora.dora=true", "rollout.approval=never"],
    "lora+": ["train.lora.plus_ratio=16"],
    "nf4": ["train.quantization=nf4"],
    "int8": ["train.quantization=int8"],
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tiny.prepare(tmp_path_factory.mktemp("methods"))


def losses(summary: dict) -> list[float]:
    lines = (pathlib.Path(summary["run"]) / "metrics.jsonl").read_text().splitlines()
    return [line["loss"] for line in map(json.loads, lines) if "loss" in line]


@pytest.mark.parametrize("method", METHODS)
def test_each_kind_of_adapter_learns(home, method):
    summary = tiny.trained(home, f"kind-{method.replace('+', '-plus')}", *METHODS[method], "train.wandb.mode=disabled")
    found = losses(summary)
    assert sum(found[-3:]) / 3 < 0.7 * found[0]
    folder = pathlib.Path(summary["adapter"])
    config, weights = json.loads((folder / "adapter_config.json").read_text()), load_file(folder / WEIGHTS)
    assert (config["use_rslora"], config["use_dora"]) == (method == "rslora", method == "dora")
    assert any("magnitude" in name for name in weights) is (method == "dora")
    assert all(weight.isfinite().all() for weight in weights.values())


def test_with_lora_plus_the_b_matrices_learn_faster(home):
    """Measured on what one step changes: Adam's first step is as long as the learning rate."""
    settings = ["train.max_steps=1", "train.save_steps=1", "train.warmup_ratio=0", "train.lr_scheduler=constant"]
    plain = load_file(pathlib.Path(tiny.trained(home, "step-plain", *settings)["adapter"]) / WEIGHTS)
    plus = load_file(pathlib.Path(tiny.trained(home, "step-plus", *settings, *METHODS["lora+"])["adapter"]) / WEIGHTS)
    (name,) = [name for name in plain if "layers.0.self_attn.q_proj.lora_B" in name]
    assert plus[name].abs().max().item() == pytest.approx(16 * plain[name].abs().max().item(), rel=0.01)


def test_full_fine_tuning_gives_a_whole_model(home):
    from transformers import AutoModelForCausalLM

    settings = ["train.tuning=full", "rollout.approval=never", "train.learning_rate=0.003"]
    summary = tiny.trained(home, "full", *settings)
    assert losses(summary)[-1] < 0.7 * losses(summary)[0]
    assert "adapter" not in summary
    before = AutoModelForCausalLM.from_pretrained(home / "models" / "tiny")
    after = AutoModelForCausalLM.from_pretrained(summary["model"])
    changed = [not one.equal(other) for one, other in zip(before.parameters(), after.parameters(), strict=True)]
    assert all(changed)


@pytest.mark.parametrize(
    ("schedule", "lowest", "highest"),
    [
        ("cosine_with_min_lr", 0.1, 0.12),
        ("warmup_stable_decay", 0, 0.6),
        ("inverse_sqrt", 0.1, 0.9),
        ("constant", 1, 1),
    ],
)
def test_each_schedule_ends_where_it_should(home, schedule, lowest, highest):
    summary = tiny.trained(home, f"schedule-{schedule}", f"train.lr_scheduler={schedule}", "train.wandb.mode=disabled")
    lines = map(json.loads, (pathlib.Path(summary["run"]) / "metrics.jsonl").read_text().splitlines())
    rates = [line["learning_rate"] for line in lines if "loss" in line]
    assert max(rates) == pytest.approx(0.02)
    assert lowest * 0.02 <= rates[-1] <= highest * 0.02


def test_flash_attention_that_is_not_installed_is_named(home):
    with pytest.raises(JobError, match=r"train.attention flash_attention_2, .*FlashAttention2"):
        tiny.trained(home, "flash", "train.attention=flash_attention_2", "train.dtype=bfloat16")


@pytest.fixture(scope="module")
def parent(home):
    from jobs.evaluation import evaluate

    tiny.trained(home, "parent")
    return evaluate.run(tiny.recipe(home), home, tiny.arguments("parent"))["adapter"]


def test_training_goes_on_from_a_parent(home, parent):
    child = tiny.trained(home, "child", f"train.parent={parent}", "train.lr_scheduler=constant")
    assert losses(child)[0] < 0.5 * losses({"run": str(home / "runs" / "demo" / "parent")})[0]


def test_a_parent_keeps_its_shape(home, parent):
    with pytest.raises(JobError, match=r"has r 16, the recipe asks for 8: an adapter keeps its shape"):
        tiny.trained(home, "smaller", f"train.parent={parent}", "train.lora.rank=8")


def test_a_parent_that_is_not_there_names_those_that_are(home, parent):
    with pytest.raises(JobError, match=f"no adapter demo@ffffffffffff in .*; there are: {parent}"):
        tiny.trained(home, "orphan", "train.parent=demo@ffffffffffff")


def test_a_parent_for_another_base_is_refused(home, parent):
    manifest = home / "adapters" / parent / "manifest.json"
    before = manifest.read_text()
    manifest.write_text(json.dumps(json.loads(before) | {"base_digest": "f" * 12}))
    try:
        with pytest.raises(JobError, match="an adapter goes on from its own base only"):
            tiny.trained(home, "foreign", f"train.parent={parent}")
    finally:
        manifest.write_text(before)
