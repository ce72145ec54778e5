"""What a run is about: events win over params, the newest of several."""

from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException

from bardloop_airflow.assets import ADAPTER, CORPUS
from bardloop_airflow.run_settings import checked_recipe, default_recipe, recipe_params, triggering_extra


def test_the_form_offers_all_recipes():
    recipe = recipe_params()["recipe"]
    assert recipe.resolve() == "demo"
    assert {"demo", "roleplay_guild"} <= set(recipe.schema["enum"])


def test_runs_that_nobody_chose_a_recipe_for_take_that_of_the_environment(monkeypatch):
    for named, taken in (
        ("/elsewhere/recipes/roleplay_guild.yaml", "roleplay_guild"),
        ("/elsewhere/mine.yaml", "demo"),
    ):
        monkeypatch.setenv("BARDLOOP_RECIPE", named)
        assert default_recipe() == taken


def test_a_run_by_hand_has_no_event():
    assert triggering_extra({}, CORPUS) is None
    assert triggering_extra({CORPUS: []}, CORPUS) is None  # what Airflow gives for an asset without events
    assert triggering_extra({ADAPTER: [SimpleNamespace(timestamp=1, extra={})]}, CORPUS) is None


def test_of_several_events_the_newest_counts_and_the_others_are_told(caplog):
    events = [SimpleNamespace(timestamp=t, extra={"recipe": name}) for t, name in ((2, "new"), (1, "old"))]
    assert triggering_extra({CORPUS: events}, CORPUS) == {"recipe": "new"}
    assert "leaves out {'recipe': 'old'}" in caplog.text


def test_a_wrong_recipe_fails_without_retry_in_one_line():
    with pytest.raises(AirflowFailException) as failure:
        checked_recipe({"recipe": "demo", "overrides": ["train.max_stepz=3"]})
    assert "train.max_stepz: unknown key, did you mean 'max_steps'?" in str(failure.value)
    assert "\n" not in str(failure.value)
