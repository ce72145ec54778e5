"""Airflow as the containers run it: environment, commands, health checks, secrets and log-in. Its database asks for
passwords, its metrics go to a receiver like Prometheus'.
"""

import contextlib

import httpx
import pytest

from tests.containers import image, measured
from tests.containers.containers import Containers, until
from tests.containers.otlp_receiver import Receiver
from tests.ports import free_ports

pytestmark = pytest.mark.slow

SERVICES = ("airflow-api", "airflow-scheduler", "airflow-dags", "airflow-triggerer")


@pytest.fixture(scope="module")
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def airflow(database, receiver, tmp_path_factory):
    """The four services, healthy."""
    folder = tmp_path_factory.mktemp("airflow")
    port, *log_ports = free_ports(3)
    containers = Containers(
        made=image.make("airflow", folder, "airflow"),
        secrets=database.secrets,
        network={
            "@postgres/": "@/",
            "airflow-api:8080": f"127.0.0.1:{port}",
            "127.0.0.1:8080": f"127.0.0.1:{port}",
            "8080": str(port),
            "0.0.0.0": "127.0.0.1",
            "http://prometheus:9090": f"http://127.0.0.1:{receiver.port}",
        },
        one_machine={
            "PGHOST": database.socket,
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(log_ports[0]),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(log_ports[1]),
            "OTEL_METRIC_EXPORT_INTERVAL": "2000",
        },
    )
    prepared = containers.run("airflow-database")
    assert prepared.returncode == 0, prepared.stderr[-3000:]
    with contextlib.ExitStack() as stack:
        for together in SERVICES[:1], SERVICES[1:]:  # the others wait for the first, as the file says
            for name in together:
                stack.enter_context(containers.running(name))
            for name in together:
                containers.await_health(name)
        stack.callback(containers.end)
        yield containers


@pytest.fixture(scope="module")
def api(airflow):
    """A client of Airflow's API, logged in with the secret password."""
    address = f"http://{airflow.network['airflow-api:8080']}"
    with httpx.Client(base_url=address, timeout=60) as client:
        password = (airflow.secrets / "airflow_password").read_text()
        answer = client.post("/auth/token", json={"username": "admin", "password": password})
        client.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
        yield client


def test_every_dag_is_read_without_an_error(airflow, api):
    wanted = {path.stem for path in (airflow.made.workdir / "dags").glob("*.py")}
    until(lambda: {dag["dag_id"] for dag in api.get("/api/v2/dags").json()["dags"]} >= wanted)
    assert api.get("/api/v2/importErrors").json()["import_errors"] == []


def test_the_password_is_the_secret_one_and_no_other(api):
    for guess in ("admin", "airflow"):
        answer = api.post("/auth/token", json={"username": "admin", "password": guess})
        assert answer.status_code == 401


def test_tasks_find_the_pools_that_they_wait_in(api):
    pools = {pool["name"]: pool for pool in api.get("/api/v2/pools").json()["pools"]}
    assert {"downloads", "gpus"} <= set(pools)
    assert pools["gpus"]["include_deferred"]


def test_dashboards_and_alerts_ask_for_what_airflow_sends(api, receiver):
    until(lambda: "corpus" in {dag["dag_id"] for dag in api.get("/api/v2/dags").json()["dags"]})
    wrong = {"recipe": "demo", "overrides": ["no_such_key=1"]}
    api.post("/api/v2/dags/corpus/dagRuns", json={"logical_date": None, "conf": wrong}).raise_for_status()
    wanted = {name for name in measured.metrics() if name.startswith("airflow_")}
    assert len(wanted) >= 8
    until(lambda: wanted <= set(receiver.series), lambda: f"not sent: {sorted(wanted - set(receiver.series))}")


def test_processes_count_for_themselves(airflow, receiver):
    heartbeats = until(lambda: receiver.series["airflow_scheduler_heartbeat_total"])
    assert all(dict(labels)["process_pid"] and dict(labels)["job"] == "airflow-scheduler" for labels in heartbeats)


def test_no_secret_stands_in_a_log(airflow):
    secrets = {file.name: file.read_text() for file in airflow.secrets.iterdir()}
    for name in SERVICES:
        assert [secret for secret, text in secrets.items() if text in airflow.log(name)] == []
