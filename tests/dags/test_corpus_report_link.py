"""The button "Corpus report" after a real run of the DAG `corpus`, and the page behind it in a real API server.

The job is a script that writes a page and the summary that the job `corpus` gives: plugins must not know jobs.
"""

import http.client
import json
import sys
from urllib.parse import urlsplit

import pytest

from tests.dags.conftest import BASE_URL, ROOT

pytestmark = pytest.mark.slow

PAGE = "demo/0123456789ab/report.html"

JOB = """
import json, os, pathlib
page = pathlib.Path(os.environ["BARDLOOP_HOME"], "corpus", "demo", "0123456789ab", "report.html")
page.parent.mkdir(parents=True, exist_ok=True)
page.write_text("<!doctype html><title>Report</title><h1>demo</h1>")
print(json.dumps({"digest": page.parent.name, "report": str(page.with_suffix(".json")), "page": str(page)}))
"""

RUN = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

run = DagBag(dag_folder=sys.argv[1]).dags["corpus"].test(run_conf=json.loads(sys.argv[2]))
print(json.dumps({"run_id": run.run_id, "state": run.state}))
"""


def run_corpus(airflow, job: str) -> dict[str, str]:
    """Run the DAG over one part, with `job` in place of every job; {"run_id", "state"}."""
    python = airflow.home / "job-python"
    python.write_text(f"#!{sys.executable} -S\n{job}")
    python.chmod(0o755)
    conf = {"recipe": "demo", "overrides": ["corpus.archive.parts=[{name: one, file: one.7z}]"]}
    arguments = ("-c", RUN, str(ROOT / "dags" / "corpus.py"), json.dumps(conf))
    settings = {"BARDLOOP_JOB_PYTHON": str(python), "AIRFLOW__API__BASE_URL": BASE_URL}
    return json.loads(airflow.run(*arguments, **settings))


@pytest.fixture(scope="module")
def run_id(airflow, bag):
    """A run of `corpus` that succeeded."""
    run = run_corpus(airflow, JOB)
    assert run["state"] == "success"
    return run["run_id"]


def links(client, run_id: str, task: str, **parameters) -> dict[str, str | None]:
    answer = client.get(f"/airflow/api/v2/dags/corpus/dagRuns/{run_id}/taskInstances/{task}/links", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["extra_links"]


def test_it_works(person, run_id):
    address = links(person, run_id, "build")["Corpus report"]
    assert address == f"/airflow/bardloop-reports/{PAGE}"
    answer = person.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>demo</h1>" in answer.text


def test_the_button_opens_the_report(browser, server, token, run_id):
    context = browser.new_context()
    context.add_cookies([{"name": "_token", "value": token, "url": server}])
    page = context.new_page()
    page.goto(f"{server}/airflow/dags/corpus/runs/{run_id}/tasks/build")
    page.get_by_role("link", name="Details").click(timeout=60_000)
    page.get_by_role("link", name="Corpus report").click()
    page.get_by_role("heading", name="demo", exact=True).wait_for()
    assert page.url == f"{server}/airflow/bardloop-reports/{PAGE}"
    context.close()


def test_no_other_task_has_the_button(person, run_id):
    assert links(person, run_id, "settings") == {}
    assert links(person, run_id, "parse", map_index=0) == {"Ray job": None}


def test_a_build_that_failed_has_no_report(airflow, bag, person):
    build_fails = "import sys\nif '--part' not in sys.argv: sys.exit(2)\nprint('{}')"
    run = run_corpus(airflow, build_fails)
    assert run["state"] == "failed"
    assert links(person, run["run_id"], "build") == {"Corpus report": None, "Ray job": None}


def test_nobody_sees_a_report_without_logging_in(anonymous, run_id, token):
    address = f"/airflow/bardloop-reports/{PAGE}"
    assert anonymous.get(address).status_code == 401
    assert anonymous.get(address, headers={"Authorization": "Bearer made-up"}).status_code == 403
    assert anonymous.get(address, headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert anonymous.get("/airflow/bardloop-reports/demo/ffffffffffff/report.html").status_code == 401


def test_the_page_may_load_and_run_nothing(person, run_id):
    headers = person.get(f"/airflow/bardloop-reports/{PAGE}").headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;") and "script" not in policy
    assert headers["x-content-type-options"] == "nosniff"


def test_a_report_that_is_not_there_is_told(person):
    answer = person.get("/airflow/bardloop-reports/demo/ffffffffffff/report.html")
    assert answer.status_code == 404
    assert answer.text.startswith("corpus/demo/ffffffffffff/report.html is not in the data folder.")


@pytest.mark.parametrize(
    "path",
    [
        "demo/0123456789ab/report.json",
        "demo/0123456789AB/report.html",
        "demo/0123456789ab0/report.html",
        "demo/0123456789ab%0A/report.html",
        "Demo/0123456789ab/report.html",
        "../corpus/demo/0123456789ab/report.html",
        "..%2Fcorpus%2Fdemo/0123456789ab/report.html",
        "demo/..%2F0123456789ab/report.html",
        "%2e%2e/0123456789ab/report.html",
        "docs",
        "openapi.json",
    ],
)
def test_only_the_address_of_a_report_is_answered(server, token, run_id, path):
    connection = http.client.HTTPConnection(urlsplit(server).netloc, timeout=60)  # it sends the path as it stands
    connection.request("GET", f"/airflow/bardloop-reports/{path}", headers={"Cookie": f"_token={token}"})
    answer = connection.getresponse()
    assert answer.status == 404
    assert b"<h1>demo</h1>" not in answer.read()
    connection.close()
