"""The DAGs as the scheduler sees them: what starts when, and what the forms ask for."""

import json
import re

import pytest

from demo.pools import POOLS

OF_A_RECIPE = ["corpus", "export", "housekeeping", "retrain", "rollout", "train"]
ALL = [*OF_A_RECIPE, "unwanted_jobs"]


def test_all_dags_can_be_imported(bag):
    assert bag["import_errors"] == {}
    assert sorted(bag["dags"]) == ALL


def test_the_corpus_dag_downloads_and_parses_each_part_then_builds(bag):
    tasks = bag["dags"]["corpus"]["tasks"]
    assert {name: task["upstream"] for name, task in tasks.items()} == {
        "settings": [],
        "parts": ["settings"],
        "download": ["parts", "settings"],
        "new_parts": ["download", "settings"],
        "parse": ["new_parts", "parts", "settings"],
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


def test_the_retrain_dag_moves_the_watermark_last(bag):
    tasks = bag["dags"]["retrain"]["tasks"]
    assert {name: task["upstream"] for name, task in tasks.items()} == {
        "settings": [],
        "whats_new": ["settings"],
        "votes": ["settings", "whats_new"],
        "with_the_votes": ["settings", "votes"],
        "run_folder": [],
        "base_model": ["with_the_votes"],
        "train": ["base_model", "run_folder", "with_the_votes"],
        "evaluate": ["run_folder", "train", "with_the_votes"],
        "watermark": ["evaluate", "run_folder", "with_the_votes"],
    }


def test_the_export_dag_merges_and_then_quantizes(bag):
    tasks = bag["dags"]["export"]["tasks"]
    assert {name: task["upstream"] for name, task in tasks.items()} == {
        "settings": [],
        "adapter": ["settings"],
        "merge": ["adapter", "settings"],
        "quantize": ["adapter", "merge", "settings"],
    }


def test_the_rollout_dag_promotes_with_or_without_a_person(bag):
    tasks = bag["dags"]["rollout"]["tasks"]
    assert {name: task["upstream"] for name, task in tasks.items()} == {
        "settings": [],
        "who_approves": ["settings"],
        "what_is_known": ["settings", "who_approves"],
        "approval": ["what_is_known"],
        "promote": ["approval", "settings", "who_approves"],
        "gate": ["promote", "settings"],
        "live": ["gate", "settings"],
    }


def test_assets_chain_the_dags(bag):
    dags = bag["dags"]
    assert {name: dag["scheduled_by"] for name, dag in dags.items()} == {
        "corpus": [],
        "export": ["adapter"],
        "housekeeping": [],
        "retrain": ["votes"],
        "rollout": ["adapter"],
        "train": ["corpus"],
        "unwanted_jobs": ["unwanted_job"],
    }
    outlets = {(name, task): fields["outlets"] for name, dag in dags.items() for task, fields in dag["tasks"].items()}
    assert {where: what for where, what in outlets.items() if what} == {
        ("corpus", "build"): ["corpus"],
        ("retrain", "watermark"): ["adapter"],  # not before its votes are taken
        ("train", "evaluate"): ["adapter"],
    }


def test_three_dags_also_run_by_the_clock(bag):
    clocks = {name: dag["timetable"] for name, dag in bag["dags"].items()}
    assert clocks["retrain"].startswith("Asset or 0 3 * * *") and clocks["housekeeping"].startswith("0 5 * * SUN")
    assert clocks["corpus"].startswith("0 1 * * MON")


FIRST_RUNS = """
import datetime, json, sys, unittest.mock
from airflow.models.serialized_dag import SerializedDagModel
from airflow.timetables.base import TimeRestriction
from airflow.utils.session import create_session

ahead, found = TimeRestriction(earliest=None, latest=None, catchup=False), {}
with create_session() as session:
    for dag_id in sys.argv[1:]:
        timetable = SerializedDagModel.get_dag(dag_id, session=session).timetable

        def first_run():
            return timetable.next_dagrun_info(last_automated_data_interval=None, restriction=ahead).run_after

        tick = first_run()
        with unittest.mock.patch("airflow.timetables.trigger.utcnow", lambda: tick + datetime.timedelta(minutes=1)):
            found[dag_id] = (first_run() - tick).total_seconds()
print(json.dumps(found))
"""


def test_a_dag_that_airflow_has_just_met_waits_for_its_time(airflow, bag):
    """A minute after the time, as the database has it: the next run is a day or a week later."""
    day = 24 * 60 * 60
    waits = json.loads(airflow.run("-c", FIRST_RUNS, "corpus", "housekeeping", "retrain"))
    assert waits == {"corpus": 7 * day, "housekeeping": 7 * day, "retrain": day}


def test_what_is_scarce_is_waited_for_in_pools(bag):
    pools = {(name, task): fields["pool"] for name, dag in bag["dags"].items() for task, fields in dag["tasks"].items()}
    assert {where: pool for where, pool in pools.items() if pool != "default_pool"} == {
        ("corpus", "download"): "downloads",
        ("retrain", "evaluate"): "gpus",
        ("retrain", "train"): "gpus",
        ("train", "evaluate"): "gpus",
        ("train", "train"): "gpus",
    }
    assert {"downloads", "gpus"} == set(POOLS)


@pytest.mark.parametrize("name", ALL)
def test_every_dag_explains_itself_and_tells_of_its_failures(bag, name):
    dag = bag["dags"][name]
    assert dag["doc"].strip().startswith(f"### {name}: ")
    assert "bardloop" in dag["tags"]
    assert dag["told_of_failures"]


@pytest.mark.parametrize("name", OF_A_RECIPE)
def test_every_dag_of_a_recipe_asks_for_it(bag, name):
    dag = bag["dags"][name]
    assert (dag["max_active_runs"] == 1) == (name != "rollout")  # a rollout that waits for a person holds up no other
    assert dag["params"]["recipe"]["value"] == "demo"
    assert {"demo", "roleplay_guild"} <= set(dag["params"]["recipe"]["enum"])
    assert dag["params"]["overrides"]["type"] == "array"
    assert all(param["title"] and param["description"] for param in dag["params"].values())


@pytest.mark.parametrize("name", ALL)
def test_every_task_is_tried_again_after_growing_pauses_and_may_not_take_forever(bag, name):
    for task_id, task in bag["dags"][name]["tasks"].items():
        assert task["retries"] == 2 and task["backoff"] > 1, task_id
        assert (task["timeout_s"] or 0) > 0 or task_id == "approval"  # it has a time-out of its own


def test_the_rollout_form_takes_an_adapter_or_nothing(bag):
    adapter = bag["dags"]["rollout"]["params"]["adapter"]
    assert adapter["value"] == ""
    assert re.search(adapter["pattern"], "demo@0123456789ab")
    assert not re.search(adapter["pattern"], "../demo@0123456789ab")
