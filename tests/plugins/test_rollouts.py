"""Which adapter a rollout is about: the event's, the one that a person named, or the recipe's newest."""

import datetime

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from bardloop_airflow.rollouts import adapter_to_export, with_adapter
from contracts.adapter_manifest import AdapterManifest

SETTINGS = {"recipe": "demo", "overrides": []}


@pytest.fixture(autouse=True)
def adapters(tmp_path, monkeypatch):
    """Two adapters of the recipe, the second made later though its version sorts first, and one of another recipe."""
    monkeypatch.setenv("BARDLOOP_HOME", str(tmp_path))
    for name, version, day in (("demo", "bbbbbbbbbbbb", 1), ("demo", "aaaaaaaaaaaa", 2), ("other", "cccccccccccc", 3)):
        manifest = AdapterManifest(
            name=name,
            version=version,
            base_model="SmolLM2-135M-Instruct",
            base_digest="0" * 12,
            rank=16,
            alpha=32,
            target_modules=("q_proj",),
            recipe=name,
            run_id="r1",
            corpus_digest="1" * 12,
            metrics={"test/loss": float(day)},
            passed=True,
            reasons=("loss is lower than the base's",),
            votes=7,
            created_at=datetime.datetime(2026, 11, day, tzinfo=datetime.UTC),
        )
        folder = tmp_path / "adapters" / manifest.reference
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(manifest.model_dump_json())


def test_the_newest_is_chosen_with_its_evaluation():
    chosen = with_adapter(SETTINGS)
    evaluation = {"metrics": {"test/loss": 2.0}, "passed": True, "reasons": ["loss is lower than the base's"]}
    origin = {"corpus_digest": "1" * 12, "votes": 7}
    assert chosen == SETTINGS | {"adapter": "demo@aaaaaaaaaaaa"} | evaluation | origin


def test_a_named_adapter_wins_over_the_newest():
    assert with_adapter(SETTINGS, "demo@bbbbbbbbbbbb")["adapter"] == "demo@bbbbbbbbbbbb"


def test_the_adapter_of_the_event_wins_over_all():
    settings = SETTINGS | {"adapter": "demo@bbbbbbbbbbbb"}
    assert with_adapter(settings, "demo@aaaaaaaaaaaa")["adapter"] == "demo@bbbbbbbbbbbb"


def test_a_run_that_trained_the_whole_model_has_nothing_to_roll_out():
    with pytest.raises(AirflowFailException, match="published no adapter; the engine serves adapters"):
        with_adapter(SETTINGS | {"adapter": None})


@pytest.mark.parametrize(
    ("recipe", "named", "missing"),
    [("demo", "demo@ffffffffffff", "demo@ffffffffffff"), ("roleplay_guild", "", "adapter of recipe 'roleplay_guild'")],
)
def test_an_adapter_that_is_not_there_is_named(recipe, named, missing):
    with pytest.raises(AirflowFailException, match=f"adapters: no {missing} there; the DAG 'train' makes adapters"):
        with_adapter(SETTINGS | {"recipe": recipe}, named)


def test_a_person_exports_the_newest_or_a_named_one():
    assert adapter_to_export(SETTINGS, "") == "demo@aaaaaaaaaaaa"
    assert adapter_to_export(SETTINGS, "demo@bbbbbbbbbbbb") == "demo@bbbbbbbbbbbb"


def test_after_a_training_only_what_the_recipe_wants_is_exported():
    trained = SETTINGS | {"adapter": "demo@bbbbbbbbbbbb"}
    with pytest.raises(AirflowSkipException, match=r"export.automatic: false; trigger this DAG to export"):
        adapter_to_export(trained, "")
    wanted = {"overrides": ["export.automatic=true"]}
    assert adapter_to_export(trained | wanted, "") == "demo@bbbbbbbbbbbb"
    with pytest.raises(AirflowSkipException, match="the whole model"):
        adapter_to_export(SETTINGS | wanted | {"adapter": None}, "")
