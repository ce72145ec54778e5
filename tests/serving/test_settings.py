"""What an operator can get wrong is said in one line before any weights load."""

import json
import pathlib
import subprocess
import sys

import pytest

from serving.settings import SettingsError, read_settings

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = "recipes/demo.yaml"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with what a base model consists of, without weights, and both keys in the environment."""
    for name in ("SmolLM2-135M-Instruct", "Midnight-Miqu-70B-v1.0"):
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        (folder / "base.json").write_text(json.dumps({"name": name, "source": "test", "digest": "0" * 12}))
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").touch()
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("BARDLOOP_HOME", str(tmp_path))
    monkeypatch.setenv("BARDLOOP_API_KEY", "one")
    monkeypatch.setenv("BARDLOOP_ADMIN_KEY", "other")
    monkeypatch.delenv("BARDLOOP_RECIPE", raising=False)
    return tmp_path


def test_it_works(home):
    settings = read_settings({"tensor-parallel-size": "2", "accelerator": "GPU"})

    assert settings.recipe == "roleplay_guild"  # the default
    assert settings.base.path == home / "models" / "Midnight-Miqu-70B-v1.0"
    assert (settings.engine.tensor_parallel_size, settings.engine.accelerator) == (2, "GPU")


def test_arguments_lie_over_the_recipe(home, monkeypatch):
    monkeypatch.setenv("BARDLOOP_RECIPE", DEMO)
    assert read_settings({}).engine.max_loras == 3
    settings = read_settings({"max-loras": 5, "max-lora-rank": "32"})
    assert (settings.engine.max_loras, settings.engine.max_lora_rank) == (5, 32)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"recipe": DEMO, "max-lora": "2"}, "max_lora: unknown key, did you mean 'max_loras'?"),
        ({"recipe": DEMO, "dtype": "int3"}, "serving.dtype"),
        ({"recipe": DEMO, "max-loras": "1"}, "greater than or equal to 2"),
        ({"recipe": "recipes/nowhere.yaml"}, "no such recipe"),
    ],
)
def test_wrong_arguments(home, arguments, said):
    with pytest.raises(SettingsError) as raised:
        read_settings(arguments)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_no_base_model_names_the_command_that_makes_one(home):
    (home / "models" / "SmolLM2-135M-Instruct" / "base.json").unlink()
    with pytest.raises(SettingsError, match=r"python -m jobs base-model --recipe recipes/demo\.yaml"):
        read_settings({"recipe": DEMO})


def test_a_quantised_base_needs_a_gpu(home):
    config = home / "models" / "SmolLM2-135M-Instruct" / "config.json"
    config.write_text(json.dumps({"quantization_config": {"quant_method": "gptq", "bits": 4}}))
    with pytest.raises(SettingsError, match=r"SmolLM2-135M-Instruct has weights of the kind gptq: .* only on GPUs"):
        read_settings({"recipe": DEMO})
    assert read_settings({"recipe": DEMO, "accelerator": "GPU"}).base.quantisation == "gptq"

    config.write_text("[]")
    with pytest.raises(SettingsError, match=r"config\.json: expected a model's configuration"):
        read_settings({"recipe": DEMO})


@pytest.mark.parametrize("variable", ["BARDLOOP_API_KEY", "BARDLOOP_ADMIN_KEY"])
def test_a_missing_key(home, monkeypatch, variable):
    monkeypatch.delenv(variable)
    with pytest.raises(SettingsError, match=variable):
        read_settings({"recipe": DEMO})


def test_keys_do_not_show(home):
    shown = repr(read_settings({"recipe": DEMO}))
    assert "other" not in shown


def test_the_command_says_it_in_one_line_and_ends_with_2(home):
    command = [sys.executable, "-m", "serving", f"recipe={DEMO}", "max-lora=2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 2
    assert done.stderr.strip() == f"serving: {DEMO}: serving.max_lora: unknown key, did you mean 'max_loras'?"
