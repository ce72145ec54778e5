"""The DAGs as the scheduler sees them: what starts when, and what the forms ask for."""

import re

import pytest

ALL = ["corpus", "rollout", "train"]


def test_all_dags_can_be_imported(bag):
    assert bag["import_errors"] == {}
    assert sorted(bag["dags"]) == ALL


def test_the_corpus_dag_downloads_and_parses_each_part_then_builds(bag):
    tasks = bag["dags"]["corpus"]["tasks"]
    assert {name: task["upstream"] for name, task in tasks.items()} == {
        "settings": [],
        "parts": ["settings"],
        "download": ["parts", "settings"],
        "parse": ["download", "parts", "settings"],
        "build": ["parse", "settings"],
    }
    assert [name for name, task in tasks.items() if task["mapped"]] == ["download", "parse"]


def test_the_train_dag_trains_on_the_base_model_and_then_evaluates(bag):
    tasks = bag["dags"]["train"]["tasks"]
    assert {name: task["upstream"] for name, task in tasks.items()} == {
        "settings": [],
        "run_folder": [],
        "base_model": ["settings"],
        "train": ["base_model", "run_folder", "settings"],
        "evaluate": ["run_folder", "settings", "train"],
    }


def test_the_rollout_dag_promotes_with_or_without_a_person(bag):
    tasks = bag["dags"]["rollout"]["tasks"]
    assert {name: task["upstream"] for name, task in tasks.items()} == {
        "settings": [],
        "who_approves": ["settings"],
        "approval": ["who_approves"],
        "promote": ["approval", "settings", "who_approves"],
    }


def test_assets_chain_the_dags(bag):
    dags = bag["dags"]
    assert {name: dag["scheduled_by"] for name, dag in dags.items()} == {
        "corpus": [],
        "train": ["corpus"],
        "rollout": ["adapter"],
    }
    outlets = {(name, task): fields["outlets"] for name, dag in dags.items() for task, fields in dag["tasks"].items()}
    assert {where: what for where, what in outlets.items() if what} == {
        ("corpus", "build"): ["corpus"],
        ("train", "evaluate"): ["adapter"],
    }


@pytest.mark.parametrize("name", ALL)
def test_every_dag_explains_itself_and_asks_for_a_recipe(bag, name):
    dag = bag["dags"][name]
    assert dag["doc"].strip().startswith(f"### {name}: ")
    assert "bardloop" in dag["tags"]
    assert (dag["max_active_runs"] == 1) == (name != "rollout")  # a rollout that waits for a person holds up no other
    assert dag["params"]["recipe"]["value"] == "demo"
    assert {"demo", "roleplay_guild"} <= set(dag["params"]["recipe"]["enum"])
    assert dag["params"]["overrides"]["type"] == "array"
    assert all(param["title"] and param["description"] for param in dag["params"].values())
    assert all(task["retries"] == 2 for task_id, task in dag["tasks"].items() if task_id != "approval")


def test_the_rollout_form_takes_an_adapter_or_nothing(bag):
    adapter = bag["dags"]["rollout"]["params"]["adapter"]
    assert adapter["value"] == ""
    assert re.search(adapter["pattern"], "demo@0123456789ab")
    assert not re.search(adapter["pattern"], "../demo@0123456789ab")
