"""Job `merge`: the model that comes out says what the adapter says, and what cannot be merged is refused."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from contracts.scene import Post, scene_messages
from jobs.errors import JobError
from jobs.export import merge
from jobs.export.agreement import measure_agreement
from jobs.export.merged_weights import merge_weights
from tests.export.conftest import arguments
from tests.training import tiny


@pytest.fixture(scope="module")
def merged(published):
    return merge.run(published.recipe, published.home, arguments(published.run_id))


def test_merged_model_answers_as_the_adapter_does(published, merged):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = published.home / "exports" / published.reference / "merged"
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert model.dtype == torch.bfloat16
    base = AutoModelForCausalLM.from_pretrained(published.home / "models" / "tiny", dtype=torch.float32)
    adapter = PeftModel.from_pretrained(base, published.home / "adapters" / published.reference)
    post = Post(author="Ada", text="The bell rings 2 times over house 10.")
    scene = scene_messages("House 10", ["Mystery"], "Bo", [post])
    ids = tokenizer.apply_chat_template(scene, add_generation_prompt=True, return_tensors="pt")["input_ids"]
    said = model.float().generate(ids, max_new_tokens=12, do_sample=False)[0, ids.shape[1] :]
    wanted = adapter.generate(input_ids=ids, max_new_tokens=12, do_sample=False)[0, ids.shape[1] :]
    assert said.tolist() == wanted.tolist()
    assert tokenizer.decode(said, skip_special_tokens=True) == "And the river answers."
    assert merged["agreement"]["difference"] < merged["agreement"]["effect"] / 10


def test_a_second_run_changes_nothing(published, merged):
    folder = published.home / "exports" / published.reference / "merged"
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = merge.run(published.recipe, published.home, arguments(adapter=published.reference))
    assert again == merged | {"unchanged": True}
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_killed_it_leaves_nothing_finished_and_completes(published, merged):
    exports = published.home / "exports" / published.reference
    shutil.rmtree(exports / "merged")
    (exports / ".merged.part").mkdir()
    (exports / ".merged.part" / "model.safetensors").write_bytes(b"cut short")
    script = (
        "import sys, pathlib, argparse\nfrom jobs.export import merge\nfrom tests.training import tiny\n"
        "from tests.export.conftest import OVERRIDES, arguments\nhome = pathlib.Path(sys.argv[1])\n"
        "merge.run(tiny.recipe(home, *OVERRIDES), home, arguments('one'))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(tiny.ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", script, str(published.home)], env=environment, cwd=tiny.ROOT
    ) as process:
        deadline = time.monotonic() + 120
        while not (exports / ".merged.part" / "config.json").is_file() and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not (exports / "merged").exists()
    assert merge.run(published.recipe, published.home, arguments("one")) == merged
    assert not (exports / ".merged.part").exists()


@pytest.fixture
def base(tmp_path):
    tiny.write_base(tmp_path / "base")
    return tmp_path / "base"


def adapter_on(base, **settings):
    """A LoRA adapter with random weights on the base, strong enough to see."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(3)
    settings = {"target_modules": "all-linear", "r": 8, "lora_alpha": 32} | settings
    config = LoraConfig(task_type="CAUSAL_LM", init_lora_weights=False, **settings)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), config)
    for name, weight in model.named_parameters():
        if "magnitude" in name:
            weight.data *= 1.2
    folder = base.parent / "adapter"
    model.save_pretrained(folder)
    return folder


def merged_on(base, adapter):
    target = base.parent / "merged"
    target.mkdir()
    matrices = merge_weights(base, adapter, target)
    shutil.copy(base / "config.json", target)
    return target, matrices


@pytest.mark.parametrize(
    ("settings", "matrices"),
    [
        ({}, 14),
        ({"use_rslora": True}, 14),
        ({"use_dora": True}, 14),
        ({"target_modules": ["q_proj", "down_proj"]}, 4),
        ({"target_modules": ["q_proj"], "layers_to_transform": [1]}, 1),
        ({"target_modules": ["v_proj", "lm_head"]}, 3),
        ({"rank_pattern": {"q_proj": 4}, "alpha_pattern": {"up_proj": 64}}, 14),
    ],
)
def test_every_kind_of_lora_is_merged(base, settings, matrices):
    adapter = adapter_on(base, **settings)
    merged, changed = merged_on(base, adapter)
    assert changed == matrices
    agreement = measure_agreement(base, adapter, merged)
    assert agreement.difference < agreement.effect / 5


def test_shards_keep_their_names_and_the_index_says_what_is_in_them(base):
    from transformers import AutoModelForCausalLM

    AutoModelForCausalLM.from_pretrained(base).save_pretrained(base, max_shard_size="200KB")
    (base / "model.safetensors").unlink()
    adapter = adapter_on(base)
    merged, _ = merged_on(base, adapter)
    files = sorted(path.name for path in base.glob("*.safetensors"))
    assert len(files) > 2 and files == sorted(path.name for path in merged.glob("*.safetensors"))
    index = json.loads((merged / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"].values()) == set(files)
    assert index["metadata"]["total_size"] == sum(2 * weight.numel() for weight in load(merged).parameters())
    assert measure_agreement(base, adapter, merged).difference < 0.05


def load(folder):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder)


def test_a_merge_that_says_something_else_is_refused(base):
    adapter = adapter_on(base)
    merged, _ = merged_on(base, adapter)
    model = load(merged)
    model.model.layers[1].mlp.up_proj.weight.data[:8] *= 1.5
    model.save_pretrained(merged)
    with pytest.raises(JobError, match="this is not the merged adapter"):
        measure_agreement(base, adapter, merged)


def test_an_adapter_too_weak_for_bfloat16_is_refused(base):
    adapter = adapter_on(base, lora_alpha=0.002)
    merged, _ = merged_on(base, adapter)
    with pytest.raises(JobError, match="too little is left of it in bfloat16"):
        measure_agreement(base, adapter, merged)


def test_weights_that_are_no_numbers_are_refused(base):
    from safetensors.torch import load_file, save_file

    adapter = adapter_on(base)
    weights = load_file(adapter / "adapter_model.safetensors")
    next(iter(weights.values()))[0, 0] = float("nan")
    save_file(weights, adapter / "adapter_model.safetensors")
    with pytest.raises(JobError, match=r"NaNs.*detected"):
        merged_on(base, adapter)


def test_a_quantised_base_is_refused(base):
    adapter = adapter_on(base)
    config = json.loads((base / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    (base / "config.json").write_text(json.dumps(config))
    with pytest.raises(JobError, match="its weights are quantised"):
        merged_on(base, adapter)


def test_an_adapter_with_whole_modules_is_refused(base):
    adapter = adapter_on(base, target_modules=["q_proj"], modules_to_save=["lm_head"])
    with pytest.raises(JobError, match="whole modules"):
        merged_on(base, adapter)


def test_an_adapter_with_layers_that_the_base_lacks_is_refused(base):
    from safetensors.torch import load_file, save_file

    adapter = adapter_on(base)
    weights = load_file(base / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(JobError, match=r"base hold no model\.layers\.1\.mlp\.up_proj\.weight \(1 missing"):
        merged_on(base, adapter)
