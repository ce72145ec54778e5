"""The page "Bardloop" in a real API server: what it says of a home folder with data and of runs in the database."""

import json
import os

import httpx
import pytest

from tests.dags.test_corpus_report_link import JOB, run_corpus

pytestmark = pytest.mark.slow

PATH = "/airflow/bardloop/"
DIGEST = "0123456789ab"
VERDICT = {"passed": True, "reasons": ["loss: 0.27 below base, interval 0.24 to 0.31"]}


@pytest.fixture(scope="module")
def data(airflow, bag):
    """A home with one thing of each stage, and a run of `corpus` that succeeded. The training goes on."""
    assert run_corpus(airflow, JOB)["state"] == "success"
    home = airflow.home / "data"
    documents = {
        "corpus/demo/latest.json": {"digest": DIGEST},
        f"corpus/demo/{DIGEST}/report.json": {"threads": {"train": 2470, "valid": 24, "test": 46}},
        "runs/demo/earlier/run.json": {},
        "runs/demo/manual__1/run.json": {},
        "serving/registry.json": {"demo": {"stable": "demo@aaaaaaaaaaaa", "previous": "demo@bbbbbbbbbbbb"}},
    }
    for name, document in documents.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
    os.utime(home / "runs/demo/earlier/run.json", (1, 1))
    run = home / "runs" / "demo" / "manual__1"
    (run / "config.yaml").write_text("train: {max_steps: 1000}\n")
    rows = [{"step": 40, "loss": 3.5}, {"step": 40, "eval_loss": 3.4}]
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 50, "lo')
    return home


def stages_of(client) -> dict[str, str]:
    """Name of each stage to its box, as HTML."""
    answer = client.get(PATH)
    assert answer.status_code == 200, answer.text
    boxes = answer.text.split('<li class="stage ')[1:]
    return {box.split("<h2>")[1].split(" <")[0]: box for box in boxes}


def test_each_stage_says_what_it_has_reached(data, person):
    stages = stages_of(person)
    assert list(stages) == ["Corpus", "Training", "Gate", "Live adapter", "Votes"]
    assert stages["Corpus"].startswith('done"') and "2,540 threads, 2,470 of them to train on" in stages["Corpus"]
    assert f'href="/airflow/bardloop-reports/demo/{DIGEST}/report.html"' in stages["Corpus"]
    assert "/airflow/dags/corpus/runs/" in stages["Corpus"]
    assert "manual__1" in stages["Training"] and "step 40 of 1,000, loss 3.500" in stages["Training"]
    assert stages["Gate"].startswith('none"') and "not evaluated yet" in stages["Gate"]
    assert "demo@aaaaaaaaaaaa is live" in stages["Live adapter"]
    assert stages["Votes"].startswith('unknown"') and "bardloop_web" in stages["Votes"]  # there is no such connection


def test_a_verdict_is_shown_with_its_reasons(data, person):
    evaluation = data / "runs" / "demo" / "manual__1" / "evaluation.json"
    evaluation.write_text(json.dumps({"chosen": {"name": "step 40"}, "verdict": VERDICT}))
    gate = stages_of(person)["Gate"]
    assert gate.startswith('done"') and "step 40 passed" in gate and VERDICT["reasons"][0] in gate
    evaluation.write_text(json.dumps({"chosen": {"name": "step 40"}, "verdict": VERDICT | {"passed": False}}))
    assert stages_of(person)["Gate"].startswith('failed"')


def test_a_recipe_is_chosen_by_name_and_an_unknown_one_is_not_shown(data, person):
    assert "<h1>Bardloop: demo</h1>" in person.get(PATH, params={"recipe": "../secrets"}).text
    assert "<h1>Bardloop: demo</h1>" in person.get(PATH, params={"recipe": "demo"}).text


def test_nobody_sees_it_without_logging_in(data, anonymous):
    assert anonymous.get(PATH).status_code == 401


def test_the_menu_leads_there_and_it_asks_for_nothing_else(data, browser, server, token):
    context = browser.new_context()
    context.add_cookies([{"name": "_token", "value": token, "url": server}])
    page, asked = context.new_page(), []
    page.goto(f"{server}/airflow/")
    page.get_by_role("button", name="Browse").click(timeout=60_000)
    with context.expect_page() as opened:
        page.get_by_role("menuitem", name="Bardloop").click()
    shown = opened.value
    shown.on("request", lambda request: asked.append(request.url))
    shown.reload()
    shown.get_by_role("heading", name="Live adapter").wait_for()
    assert asked == [f"{server}{PATH}"]
    shown.get_by_role("link", name="DAG rollout").click()
    shown.wait_for_url(f"{server}/airflow/dags/rollout")
    context.close()


def test_an_empty_home_says_how_to_begin(data, airflow, person):
    empty = data.with_name("nothing")
    data.rename(empty)
    try:
        assert "Trigger the DAG" in person.get(PATH).text
    finally:
        empty.rename(data)


def test_it_may_load_and_run_nothing(data, server, token):
    policy = httpx.get(f"{server}{PATH}", cookies={"_token": token}).headers["content-security-policy"]
    assert policy.startswith("default-src 'none'") and "script" not in policy
