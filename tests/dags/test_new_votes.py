"""Votes in a running Airflow: enough of them start a run of `retrain`, and the approval of a rollout shows them.

The site and the job `votes` are real. The jobs after it refuse at once, as with a wrong recipe: the run fails, and a
mail tells it.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import httpx
import psutil
import pytest

from contracts.votes import Watermark
from demo import credentials, services
from demo.layout import Layout
from demo.supervision import left_behind
from tests.dags import mail
from tests.dags.conftest import ROOT
from tests.dags.test_rollout_run import make_adapter
from tests.plugins.waiting import wait_until
from tests.ports import demo_ports
from tests.votes.conftest import (  # noqa: F401 (fixtures)
    EXPORT_KEY,
    cast_one,
    postgres,
    running_site,
    scripted_engine,
    site_environment,
)
from tests.webapp.conftest import EMPTY
from tests.webapp.scripted_engine import VERSION

pytestmark = pytest.mark.slow

ENOUGH = 50
"""votes.min_new where the recipe does not say."""
ONLY_VOTES = """
import os, sys
if "votes" not in sys.argv:
    print("the recipe is wrong", file=sys.stderr)
    sys.exit(2)
os.execv({python!r}, [{python!r}, "-m", "jobs", *sys.argv[3:]])
"""


@pytest.fixture(scope="module")
def home():
    """A home with a published adapter, and a DAG folder that holds two of ours."""
    home = pathlib.Path(tempfile.mkdtemp(prefix="bardloop-votes-"))
    (home / "dags").mkdir()
    for name in ("retrain", "rollout"):
        shutil.copy(ROOT / "dags" / f"{name}.py", home / "dags")
    python = home / "job-python"
    python.write_text(f"#!{sys.executable} -S\n{ONLY_VOTES.format(python=sys.executable)}")
    python.chmod(0o755)
    make_adapter(home / "adapters")
    yield home
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def mail_server():
    with mail.serve() as server:
        yield server


@pytest.fixture(scope="module")
def voted(running_site, scripted_engine):  # noqa: F811
    """The site, where ENOUGH people prefer the adapter."""
    scripted_engine.reset()
    running_site.rows(EMPTY)
    with running_site.visitor() as visitor:
        for _ in range(ENOUGH):
            cast_one(visitor, running_site, "adapter")
    return running_site


@pytest.fixture(scope="module")
def airflow_api(airflow, home, voted, mail_server):
    """A client of the running Airflow's API, with the admin's token."""
    layout = Layout(home, demo_ports(), ROOT / "recipes" / "demo.yaml")
    host, _, port = voted.url.removeprefix("http://").partition(":")
    site = {"conn_type": "http", "host": host, "port": int(port), "password": EXPORT_KEY}
    settings = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflow.copy_database("migrated", "votes"),
        "AIRFLOW_CONN_BARDLOOP_WEB": json.dumps(site),
        "AIRFLOW_CONN_BARDLOOP_MAIL": mail.connection(mail_server, to="ops@example.org"),
        "BARDLOOP_WEB_URL": voted.url,
        "BARDLOOP_EXPORT_KEY": EXPORT_KEY,
        "BARDLOOP_JOB_PYTHON": str(home / "job-python"),
    }
    processes = []

    def start(name: str) -> subprocess.Popen:
        environment = services.environment(name, layout) | settings
        with (home / f"{name}.log").open("w") as log:
            place = {"cwd": ROOT, "stdout": log, "stderr": log, "start_new_session": True}
            processes.append(subprocess.Popen(services.command(name, layout), env=environment, **place))
        return processes[-1]

    try:
        assert start("airflow-pools").wait(60) == 0, (home / "airflow-pools.log").read_text()
        start("airflow-api")
        api = next(service for service in services.SERVICES if service.name == "airflow-api")
        wait_until(lambda: api.is_up(layout), within_s=120)
        for name in ("airflow-dags", "airflow-scheduler", "airflow-triggerer"):
            start(name)
        with httpx.Client(base_url=layout.address("BARDLOOP_AIRFLOW_PORT"), timeout=60) as client:
            log_in = {"username": "admin", "password": credentials.load(home)["airflow_password"]}
            token = client.post("/auth/token", json=log_in).json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield client
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
        for process in left_behind(home):  # what was in the midst of a task
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def runs(client: httpx.Client, dag_id: str) -> list[dict]:
    answer = client.get(f"/api/v2/dags/{dag_id}/dagRuns")
    return answer.json()["dag_runs"] if answer.is_success else []


def tasks(client: httpx.Client, dag_id: str, run_id: str) -> dict[str, dict]:
    answer = client.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")
    return {task["task_id"]: task for task in answer.json()["task_instances"]}


def test_enough_votes_start_a_run_and_its_failure_is_told(airflow_api, home, mail_server):
    wait_until(lambda: [run["state"] for run in runs(airflow_api, "retrain")] == ["failed"], within_s=120)
    (run,) = runs(airflow_api, "retrain")
    assert run["run_type"] == "asset_triggered"
    ended = tasks(airflow_api, "retrain", run["dag_run_id"])
    assert (ended["votes"]["state"], ended["votes"]["try_number"]) == ("success", 1)
    assert (ended["base_model"]["state"], ended["base_model"]["try_number"]) == ("failed", 1)  # not tried again
    (made,) = (home / "votes" / "demo").glob("*/set.json")
    assert json.loads(made.read_text())["rows"] == ENOUGH
    assert not (home / "votes" / "demo" / "watermark.json").exists()
    wait_until(lambda: any("rcpt to:<ops@example.org>" in line.lower() for line in mail_server.said), within_s=60)
    time.sleep(3)
    assert len(runs(airflow_api, "retrain")) == 1  # the watcher has told them


def test_the_page_of_the_loop_shows_the_votes_and_the_run_that_failed(airflow_api, home):
    corpus = home / "corpus" / "demo"
    (corpus / "0123456789ab").mkdir(parents=True)
    (corpus / "latest.json").write_text('{"digest": "0123456789ab"}')
    (corpus / "0123456789ab" / "report.json").write_text('{"threads": {"train": 8}}')
    page = airflow_api.get("/bardloop/").text
    votes = page.split('<li class="stage ')[-1]
    assert votes.startswith('failed"'), votes
    assert f"{ENOUGH} votes" in votes and f"{ENOUGH} new preferences; {ENOUGH} start the next training" in votes
    (run,) = runs(airflow_api, "retrain")
    assert f"/dags/retrain/runs/{run['dag_run_id']}".replace("+", "%2B") in votes.replace("+", "%2B")


def test_the_page_of_the_loop_says_when_the_sites_database_was_made_anew(airflow_api, home):
    mark = home / "votes" / "demo" / "watermark.json"
    mark.write_text(Watermark(vote=10**9).model_dump_json())
    try:
        votes = airflow_api.get("/bardloop/").text.split('<li class="stage ')[-1]
    finally:
        mark.unlink()
    assert votes.startswith('unknown"') and "its database was restored or made anew" in votes


def test_a_person_sees_evaluation_and_votes_before_saying_no(airflow_api):
    wait_until(lambda: airflow_api.get("/api/v2/dags/rollout").is_success, within_s=60)
    conf = {"recipe": "demo", "overrides": ["rollout.approval=person"]}
    begun = airflow_api.post("/api/v2/dags/rollout/dagRuns", json={"logical_date": None, "conf": conf})
    assert begun.is_success, begun.text
    run_id = begun.json()["dag_run_id"]
    run = f"/api/v2/dags/rollout/dagRuns/{run_id}"
    asked = f"{run}/taskInstances/approval/-1/hitlDetails"
    wait_until(lambda: airflow_api.get(asked).is_success, within_s=60)
    question = airflow_api.get(asked).json()
    assert question["subject"] == f"Promote {VERSION}?"
    assert "Trained on corpus `111111111111`" in question["body"] and "was not judged" in question["body"]
    assert f"| {VERSION} | {ENOUGH} | {ENOUGH} | 0 | 100% (" in question["body"]
    time.sleep(3)  # Airflow fails a task that is answered before the scheduler knows that its process has ended
    assert airflow_api.patch(asked, json={"chosen_options": ["Reject"]}).is_success
    wait_until(lambda: airflow_api.get(run).json()["state"] == "success", within_s=60)
    ended = tasks(airflow_api, "rollout", run_id)
    assert {name: ended[name]["state"] for name in ("approval", "promote")} == {
        "approval": "success",
        "promote": "skipped",
    }


def test_a_wrong_recipe_is_not_tried_again(airflow_api):
    wait_until(lambda: airflow_api.get("/api/v2/dags/rollout").is_success, within_s=60)
    conf = {"recipe": "demo", "overrides": ["train.max_step=3"]}
    begun = airflow_api.post("/api/v2/dags/rollout/dagRuns", json={"logical_date": None, "conf": conf}).json()
    state = f"/api/v2/dags/rollout/dagRuns/{begun['dag_run_id']}"
    wait_until(lambda: airflow_api.get(state).json()["state"] == "failed", within_s=60)
    settings = tasks(airflow_api, "rollout", begun["dag_run_id"])["settings"]
    assert (settings["state"], settings["try_number"]) == ("failed", 1)


def test_the_pools_are_there(airflow_api):
    pools = airflow_api.get("/api/v2/pools").json()["pools"]
    assert {pool["name"]: (pool["slots"], pool["include_deferred"]) for pool in pools} == {
        "default_pool": (128, False),
        "downloads": (2, True),
        "gpus": (1, True),
    }
