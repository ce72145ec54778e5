"""Recipes: what people write is what is read, and a mistake is one line that helps."""

import pathlib

import pytest

from contracts.recipe import RecipeError, load_recipe
from contracts.recipe.recipe import SERVED_RANKS

RECIPES = pathlib.Path(__file__).resolve().parents[2] / "recipes"
DEMO = RECIPES / "demo.yaml"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_is_valid(path):
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert len(recipe.corpus.archive.parts) == 8


def test_overrides_win_over_the_file():
    assert load_recipe(DEMO, ["train.max_steps=3", "train.lora.alpha=64"]).train.max_steps == 3


def test_the_environment_moves_the_archive(monkeypatch):
    monkeypatch.setenv("BARDLOOP_ARCHIVE_URL", "http://127.0.0.1:1234")
    assert load_recipe(DEMO).corpus.archive.base == "http://127.0.0.1:1234"


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("trian.max_steps=3", "trian: unknown key, did you mean 'train'?"),
        ("train.max_step=3", "train.max_step: unknown key, did you mean 'max_steps'?"),
        ("train.lora.rnak=8", "train.lora.rnak: unknown key, did you mean 'rank'?"),
        ("train.max_steps=many", "train.max_steps: Input should be a valid integer"),
        ("train.lora.rank=12", "train.lora.rank 12: vLLM serves ranks 8, 16, 32"),
        ("train.lora.rank=64", "train.lora.rank 64 is above serving.max_lora_rank 16"),
        ("train.lora.dora=true", "vLLM cannot serve DoRA"),
        ("train.tuning=full", "train.tuning full makes a whole model, the engine serves adapters"),
        ("train.view=messages", "view messages reads rows: name their JSONL file in dataset"),
        ("train.dataset=rows.jsonl", "dataset is for the views messages and content"),
        ("votes.weight=-1", "votes.weight: Input should be greater than or equal to 0"),
        ("votes.min_new=0", "votes.min_new: Input should be greater than or equal to 1"),
        ("votes.digest=newest", "votes.digest: String should match pattern"),
        ("housekeeping.keep_adapters=0", "housekeeping.keep_adapters: Input should be greater than or equal to 1"),
        ("gate.alpha=0", "gate.alpha: Input should be greater than 0"),
        ("gate.votes_per_person=5", "gate.votes_per_person: unknown key, did you mean 'votes_per_voter'?"),
        ("gate.min_voters=601", "min_voters 601 is above max_voters 100: nothing could pass"),
        ("gate.min_votes=3001", "min_votes 3001 is above max_voters times votes_per_voter, 500: nothing could pass"),
        ("no-equals-sign", "expected dotted.key=value"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key(override, told):
    with pytest.raises(RecipeError) as caught:
        load_recipe(DEMO, [override])
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("override", ["train.lora.dora=true", "train.lora.rank=12", "train.tuning=full"])
def test_what_is_never_served_may_be_what_the_engine_would_refuse(override):
    assert load_recipe(DEMO, [override, "rollout.approval=never"]).rollout.approval == "never"


def test_the_served_ranks_are_those_of_vllm():
    from typing import get_args

    from vllm.config.lora import MaxLoRARanks

    assert set(SERVED_RANKS) <= set(get_args(MaxLoRARanks))


def test_a_missing_recipe_names_those_there_are():
    with pytest.raises(RecipeError, match=r"dmeo.yaml: no such recipe; .*demo, roleplay_guild"):
        load_recipe(RECIPES / "dmeo.yaml")


def test_broken_yaml_is_one_line(tmp_path):
    (tmp_path / "broken.yaml").write_text("name: [unclosed\ncorpus: {")
    with pytest.raises(RecipeError, match=r"broken.yaml: cannot be read") as caught:
        load_recipe(tmp_path / "broken.yaml")
    assert "\n" not in str(caught.value)


def test_digest_changes_with_the_sections_it_covers_only():
    recipe, longer = load_recipe(DEMO), load_recipe(DEMO, ["train.max_steps=3"])
    assert recipe.digest("corpus") == longer.digest("corpus")
    assert recipe.digest("train") != longer.digest("train")
