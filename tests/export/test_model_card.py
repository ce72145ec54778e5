"""The model card says what the adapter is made of, and the hub can read it."""

import json
import shutil

import pytest
from huggingface_hub import ModelCard

from jobs.errors import JobError
from jobs.export import merge
from jobs.export.model_card import write_gguf_card, write_merged_card
from jobs.export.published import find_published
from tests.export.conftest import arguments

FACTS = {"agreement": {"difference": 0.0123456, "effect": 0.2, "tokens": 90, "tolerance": 0.05}}
FILES = {
    "Q4_K_M": {
        "file": "demo-Q4_K_M.gguf", "bytes": 3 << 20, "made_by": "libgguf", "fell_back": 4, "split": "test",
        "samples": 8, "perplexity": 11.0, "merged_perplexity": 10.0, "difference": 0.1,
    }
}  # fmt: skip


@pytest.fixture
def home(published, tmp_path):
    """A copy of the home that a test may spoil."""
    for name in ("adapters", "runs", "models", "corpus"):
        shutil.copytree(published.home / name, tmp_path / name)
    return tmp_path


def change_manifest(home, published, **values):
    path = home / "adapters" / published.reference / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def change_config(home, **train):
    import yaml

    path = home / "runs" / "demo" / "one" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["train"] |= train
    config["rollout"]["approval"] = "never"  # so that a recipe may train what vLLM cannot serve
    path.write_text(yaml.safe_dump(config))


def card(published, home, recipe=None):
    found = find_published(recipe or published.recipe, home, arguments("one"))
    write_merged_card(home, found, home, FACTS)
    return ModelCard.load(home / "README.md")


def test_the_hub_reads_the_front_matter(published, home):
    data = card(published, home).data
    assert data.base_model == "tiny"
    assert data.license == "apache-2.0"
    assert data.library_name == "transformers"
    assert "role-play" in data.tags
    manifest = json.loads((home / "adapters" / published.reference / "manifest.json").read_text())
    results = {f"{result.dataset_split}/{result.metric_name}": result.metric_value for result in data.eval_results}
    assert results == {key: value for key, value in manifest["metrics"].items() if "/base_" not in key}
    assert len(results) > 2


def test_it_tells_data_training_metrics_and_verdict(published, home):
    text = card(published, home).text
    metrics = json.loads((home / "adapters" / published.reference / "manifest.json").read_text())["metrics"]
    assert f"| loss | test | {metrics['test/loss']} | {metrics['test/base_loss']} |" in text
    assert "| train | 8 | 96 |" in text
    assert "200 records were read, 144 kept. Left out, by reason: `not_ic` 50, `excluded.minors` 6." in text
    assert "threads with the tags 18+ are out; the rule against sexual content about minors was on" in text
    assert "| method | sft, LoRA |" in text and "| steps | 40 |" in text and "| rank, alpha | 16, 32 |" in text
    assert "Verdict: **passed**" in text
    assert "1.235 % of their size" in text
    assert "person's sign-off" in text
    assert "--lora-modules demo=adapters/demo@" in text


def test_it_names_no_folder_of_this_machine(published, home):
    card(published, home)
    text = (home / "README.md").read_text()
    assert str(home) not in text and str(published.home) not in text


def test_a_base_from_the_hub_is_linked(published, home):
    path = home / "models" / "tiny" / "base.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"source": "hub:someone/tiny"}))
    assert card(published, home).data.base_model == "someone/tiny"


def test_a_failed_verdict_and_an_unknown_licence_are_not_hidden(published, home):
    change_manifest(home, published, passed=False, reasons=["loss 3.1 is not lower than 3.0 of the base"])
    export = published.recipe.export.model_copy(update={"license": None})
    text = card(published, home, published.recipe.model_copy(update={"export": export}))
    assert text.data.license == "unknown"
    assert "NOT passed" in text.text and "- loss 3.1 is not lower than 3.0 of the base" in text.text
    assert "look it up before you pass this model on" in text.text


def test_an_adapter_that_was_not_judged_says_so(published, home):
    change_manifest(home, published, passed=None, reasons=[], metrics={})
    text = card(published, home)
    assert "not judged" in text.text and text.data.eval_results is None


def test_what_vllm_cannot_serve_is_not_recommended(published, home):
    change_config(home, lora={"rank": 16, "dora": True})
    text = card(published, home).text
    assert "DoRA" in text and "--enable-lora" not in text


def test_a_dataset_of_another_kind_is_named_without_its_place(published, home):
    change_config(home, view="messages", dataset="/data/private/lines.jsonl")
    text = card(published, home).text
    assert "The dataset lines.jsonl" in text and "/data/private" not in text
    assert "threads with the tags" not in text


def test_without_the_corpus_report_there_is_no_card(published, home):
    next(home.glob("corpus/demo/*/report.json")).unlink()
    with pytest.raises(JobError, match=r"report\.json is gone: the model card has to say what"):
        card(published, home)
    assert not (home / "README.md").exists()


def test_gguf_files_are_listed_with_what_they_cost(published, home):
    found = find_published(published.recipe, home, arguments("one"))
    assert write_gguf_card(home, found, home, FILES)
    text = ModelCard.load(home / "README.md")
    assert text.data.library_name == "gguf" and text.data.base_model_relation == "quantized"
    assert "| demo-Q4_K_M.gguf | 3.0 | libgguf | 11.0 | 10.0 | +10.00 % | 4 |" in text.text
    assert "llama-server --model demo-Q4_K_M.gguf" in text.text
    assert not write_gguf_card(home, found, home, FILES)  # nothing to change


def test_a_licence_named_later_reaches_the_card_of_a_merged_model(published, home):
    merge.run(published.recipe, home, arguments("one"))
    export = published.recipe.export.model_copy(update={"license": "mit"})
    changed = published.recipe.model_copy(update={"export": export})
    assert merge.run(changed, home, arguments("one"))["unchanged"] is False
    path = home / "exports" / published.reference / "merged" / "README.md"
    assert ModelCard.load(path).data.license == "mit"
