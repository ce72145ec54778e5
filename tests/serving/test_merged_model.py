"""A base with an adapter merged into it is a base like any other."""

import pathlib
import shutil
import subprocess
import sys

import pytest
import yaml

from benchmarks.serving.servers import ROOT, ours
from tests.serving.adapters import publish
from tests.serving.conftest import RECIPE, RunningEngine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

PROMPTS = (
    "The bard tuned her lute and",
    "Rain fell on the starship's hull while",
    "“You are late,” said the witch, and",
)


def merge(base: pathlib.Path, adapter: pathlib.Path, folder: pathlib.Path) -> None:
    """The sum of base and adapter, as a model folder."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype="float32"), adapter)
    model.merge_and_unload().save_pretrained(folder)
    for file in base.glob("*token*"):
        shutil.copy(file, folder)


def test_a_merged_model_is_served_and_is_another_base(engine, base_model, trained, tmp_path):
    merge(base_model, trained[0], tmp_path / "given" / "merged")
    recipe = tmp_path / "merged.yaml"
    model = {"model": {"base": str(tmp_path / "given" / "merged")}}
    recipe.write_text(yaml.safe_dump(yaml.safe_load((ROOT / RECIPE).read_text()) | model))
    command = [sys.executable, "-m", "jobs", "base-model", "--recipe", recipe, "--home", tmp_path]
    subprocess.run(command, cwd=ROOT, check=True)
    adapter = publish(trained[0], engine.home, "unmerged")
    shutil.copytree(engine.home / "adapters" / adapter, tmp_path / "adapters" / adapter)

    engine.roll_out(adapter)
    said = [ask(engine, "unmerged", prompt) for prompt in PROMPTS]
    engine.retire("unmerged")
    with ours(tmp_path, str(recipe)) as server:
        merged = RunningEngine.of(server, "merged")
        assert [ask(merged, "merged", prompt) for prompt in PROMPTS] == said
        assert merged.end_of(merged.begin(adapter))["reason"]["code"] == "wrong_base"


def ask(engine: RunningEngine, model: str, prompt: str) -> str:
    """The greedy continuation."""
    answer = engine.client().completions.create(model=model, prompt=prompt, max_tokens=6, temperature=0)
    return answer.choices[0].text
