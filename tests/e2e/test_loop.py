"""The whole loop on one machine: scheduler, parts, adapter, engine, a real browser, a vote, the statistics.

The tests share one demo (see `stack`) and stand in the order of a newcomer's day.
"""

import json
import os
import time

import httpx
import pytest

from contracts.adapter_manifest import AdapterManifest
from contracts.corpus_report import CorpusReport
from demo.airflow_api import Airflow
from tests.stack import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # the first test waits for the first loop

REPLIES_MS = 240_000  # two replies of a 135M model on two busy cores


@pytest.fixture(scope="module")
def airflow(stack):
    return Airflow(stack.layout, stack.secret("airflow_password"))


@pytest.fixture(scope="module")
def stable(stack):
    """`demo@version` that the engine serves after the first loop."""
    return json.loads((stack.home / "serving" / "registry.json").read_text())["demo"]["stable"]


def test_the_first_start_says_where_to_go_and_how_to_log_in(stack, stable):
    printed = stack.first_start.stdout
    for address in (stack.web, f"{stack.web}/admin/", stack.layout.address("BARDLOOP_AIRFLOW_PORT"), stack.inference):
        assert address in printed
    for secret in ("airflow_password", "admin_password", "api_key"):
        assert stack.secret(secret) in printed
    assert f"{stable} is live" in printed
    for task in ("corpus.download", "train.train", "rollout"):
        assert task in printed


def test_every_record_of_eight_parts_is_accounted_for(stack):
    folder = stack.home / "corpus" / "demo"
    digest = json.loads((folder / "latest.json").read_text())["digest"]
    report = CorpusReport.model_validate_json((folder / digest / "report.json").read_text())
    assert len(report.parts) == 8
    assert report.threads["train"] >= 20 and report.threads["test"] >= 2
    assert {"not_ic", "duplicate", "empty"} <= set(report.total.dropped)
    assert any(reason.startswith("malformed.") for reason in report.total.dropped)


def test_the_live_adapter_was_trained_evaluated_and_traced_to_its_corpus(stack, stable):
    manifest = AdapterManifest.model_validate_json((stack.home / "adapters" / stable / "manifest.json").read_text())
    assert manifest.reference == stable
    assert manifest.corpus_digest == json.loads((stack.home / "corpus" / "demo" / "latest.json").read_text())["digest"]
    assert 0 < manifest.metrics["test/loss"] < manifest.metrics["test/base_loss"]
    run = stack.home / "runs" / "demo" / manifest.run_id
    assert (run / "metrics.jsonl").read_text().count('"loss"') >= 6
    assert list(run.glob("wandb/**/run-*.wandb"))


def test_each_stage_ran_once_in_the_scheduler(airflow):
    for dag in ("corpus", "train", "rollout"):
        run = airflow.latest_run(dag)
        assert run.state == "success"
    mapped = [task for task in airflow.tasks(airflow.latest_run("corpus")) if task.map_index >= 0]
    assert len(mapped) == 16  # eight downloads, eight parses
    assert {task.state for task in mapped} == {"success"}


def test_a_person_votes_blind_and_the_statistics_show_exactly_that_vote(stack, stable, browser, tmp_path):
    before = httpx.get(f"{stack.web}/api/statistics").json()
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(stack.web)
    page.get_by_test_id("surprise").click()
    page.wait_for_selector("[data-testid=votes]:not([disabled])", timeout=REPLIES_MS)
    for side in ("left", "right"):
        assert len(page.get_by_test_id(f"text-{side}").inner_text().split()) > 5
    seen = page.content()
    assert stable not in seen and "SmolLM2" not in seen and "demo@" not in seen
    screenshot(page, "voting-desktop")

    page.get_by_test_id("vote-left").click()
    page.get_by_test_id("reason-left.in_character").check()
    screenshot(page, "reasons-desktop")
    page.get_by_test_id("show").click()
    page.get_by_test_id("reveal").wait_for()
    unveiled = {side: page.get_by_test_id(f"unveiled-{side}").inner_text() for side in ("left", "right")}
    assert any(stable in name for name in unveiled.values())
    assert any("SmolLM2-135M-Instruct" in name for name in unveiled.values())
    screenshot(page, "reveal-desktop")

    after = httpx.get(f"{stack.web}/api/statistics").json()
    assert after["votes"]["total"] == before["votes"]["total"] + 1
    winner = "for_adapter" if stable in unveiled["left"] else "for_base"
    assert after["votes"][winner] == before["votes"][winner] + 1

    page.goto(f"{stack.web}/admin/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", stack.secret("admin_password"))
    page.click("[type=submit]")
    page.get_by_test_id("to-statistics").click()
    assert page.get_by_test_id("votes-total").first.inner_text() == str(after["votes"]["total"])
    assert page.get_by_test_id("votes-left").inner_text() == "1"
    screenshot(page, "statistics-desktop")


def test_the_site_works_on_a_phone(stack, browser):
    page = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).new_page()
    page.goto(stack.web)
    screenshot(page, "home-phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_test_id("surprise").tap()
    page.wait_for_selector("[data-testid=votes]:not([disabled])", timeout=REPLIES_MS)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    screenshot(page, "voting-phone")
    page.get_by_test_id("vote-tie").tap()
    page.get_by_test_id("show").tap()
    page.get_by_test_id("reveal").wait_for()


def test_programs_compare_and_vote_too(stack, stable):
    own = {
        "title": "The Ferry",
        "tags": ["Fantasy"],
        "player": "Mara",
        "character": "The ferryman",
        "post": "Mara holds out one coin. “How far does this take me?”",
    }
    compared = httpx.post(f"{stack.web}/api/compare", json={"own": own}, timeout=240)
    assert compared.is_success, compared.text
    assert stable not in compared.text and "SmolLM2" not in compared.text
    vote = f"{stack.web}/api/vote/{compared.json()['id']}/right"
    first, second = httpx.post(vote), httpx.post(vote)
    assert first.is_success and stable in first.text
    assert second.status_code == 409
    unknown = httpx.post(f"{stack.web}/api/vote/00000000-0000-4000-8000-000000000000/left")
    assert unknown.status_code == 404
    assert "/api/vote/{comparison_id}/{choice}" in httpx.get(f"{stack.web}/api/openapi.json").json()["paths"]


def test_an_adapter_for_another_base_fails_its_task_and_changes_nothing(stack, stable, airflow):
    foreign = stack.home / "adapters" / stable.replace("demo@", "other@")
    foreign.mkdir()
    for path in (stack.home / "adapters" / stable).iterdir():
        (foreign / path.name).write_bytes(path.read_bytes())
    manifest = json.loads((foreign / "manifest.json").read_text())
    manifest |= {"name": "other", "base_model": "Another-7B", "base_digest": "0123456789ab"}
    (foreign / "manifest.json").write_text(json.dumps(manifest))

    run = airflow.trigger("rollout", {"recipe": "demo", "overrides": [], "adapter": foreign.name})
    run = airflow.wait_for(run, patience_s=180)
    assert run.state == "failed"
    failed = next(task for task in airflow.tasks(run) if task.state == "failed")
    assert "wrong_base" in airflow.log_file(run, failed).read_text()
    registry = json.loads((stack.home / "serving" / "registry.json").read_text())
    assert registry["demo"]["stable"] == stable and "other" not in registry


def test_with_one_override_the_jobs_run_on_the_ray_that_serves(stack, airflow):
    run = airflow.trigger("corpus", {"recipe": "demo", "overrides": ["batch.backend=ray"]})
    deadline = time.monotonic() + 180
    while [task.state for task in airflow.tasks(run) if task.task_id == "download"] != ["success"] * 8:
        assert time.monotonic() < deadline, airflow.tasks(run)
        time.sleep(1)
    end_run(stack, run)  # what would come next is a second training
    notes = [path for path in (stack.home / "batch").glob("*/task.json") if run.run_id in path.read_text()]
    jobs = [path.parent.name for path in notes if json.loads(path.read_text())["task_id"] == "download"]
    assert len(jobs) == 8
    dashboard = stack.layout.address("BARDLOOP_RAY_DASHBOARD_PORT")
    known = httpx.get(f"{dashboard}/api/jobs/", headers={"Authorization": f"Bearer {stack.secret('ray_token')}"})
    states = {job["submission_id"]: job["status"] for job in known.json()}
    assert [states[job] for job in jobs] == ["SUCCEEDED"] * 8


def test_a_second_make_demo_finds_everything_and_trains_nothing(stack, stable, airflow):
    trained = airflow.latest_run("train").run_id
    again = stack.demo("up", timeout=120)
    assert again.returncode == 0, again.stderr
    assert f"{stable} is live" in again.stdout
    assert airflow.latest_run("train").run_id == trained


def test_status_names_every_service(stack):
    status = stack.demo("status", timeout=30)
    assert status.returncode == 0
    for service in ("postgres", "airflow-scheduler", "serving", "web"):
        assert service in status.stdout


def test_a_service_that_is_killed_comes_back(stack):
    before = stack.demo("status", timeout=30).stdout
    pid = next(line.split("pid ")[1].split(",")[0] for line in before.splitlines() if line.startswith("web "))
    os.kill(int(pid), 9)
    again = stack.demo("up", timeout=120)
    assert again.returncode == 0, again.stderr
    assert httpx.get(stack.web).is_success


def end_run(stack, run) -> None:
    """Mark a run failed, as a person does in Airflow's UI."""
    with httpx.Client(base_url=stack.layout.address("BARDLOOP_AIRFLOW_PORT"), timeout=60) as client:
        who = {"username": "admin", "password": stack.secret("airflow_password")}
        token = client.post("/auth/token", json=who).json()["access_token"]
        for _ in range(5):
            answer = client.patch(
                f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}",
                json={"state": "failed"},
                headers={"Authorization": f"Bearer {token}"},
            )
            if answer.status_code != 500:  # Airflow's: "Database error", where its scheduler held the same rows
                break
            time.sleep(1)  # and is pressed again
    assert answer.is_success, answer.text


def screenshot(page, name: str) -> None:
    """Keep what a person would see, for a person to look at."""
    folder = ROOT / "test-results" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png")
