"""Starting on one machine: what is in the way is said in a line, and only our own processes are ended."""

import json
import os
import socket
import subprocess
import sys

import psutil
import pytest

from demo import credentials
from demo.layout import Layout
from demo.services import SERVICES, STACK_VARIABLE, environment
from demo.start import StartError, check_ports, needed_for_runs
from demo.supervision import end, left_behind
from tests.ports import demo_ports
from tests.stack import ROOT

SLEEP = (sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(60)")


@pytest.fixture
def layout(tmp_path):
    return Layout(home=tmp_path, ports=demo_ports(), recipe=ROOT / "recipes" / "demo.yaml")


def test_a_port_in_use_is_named_with_its_holder_and_the_way_out(layout):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", layout.ports["BARDLOOP_WEB_PORT"]))
        holder.listen()
        with pytest.raises(StartError) as caught:
            check_ports(layout, SERVICES)
    line = str(caught.value)
    assert "\n" not in line
    for part in (str(layout.ports["BARDLOOP_WEB_PORT"]), f"pid {os.getpid()}", "BARDLOOP_WEB_PORT", "web"):
        assert part in line


def test_free_ports_are_no_hindrance(layout):
    assert check_ports(layout, SERVICES) is None


def test_a_wrong_port_variable_is_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "demo", "status"],
        cwd=ROOT,
        env=dict(os.environ) | {"BARDLOOP_WEB_PORT": "eighty", "BARDLOOP_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == "BARDLOOP_WEB_PORT='eighty': expected a port number between 1 and 65535\n"


def test_secrets_are_made_once_and_for_the_owner_only(tmp_path):
    first = credentials.load(tmp_path)
    assert credentials.load(tmp_path) == first
    assert len(set(first.values())) == len(credentials.NAMES)
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_each_service_gets_the_secrets_it_needs_and_no_others(layout):
    secret = credentials.load(layout.home)
    web, serving = environment("web", layout), environment("serving", layout)
    assert secret["admin_key"] not in web.values()
    assert secret["django_secret_key"] not in serving.values()
    assert web[STACK_VARIABLE] == serving[STACK_VARIABLE] == str(layout.home)


def test_airflow_and_its_jobs_may_read_the_votes_of_the_site(layout):
    web, airflow = environment("web", layout), environment("airflow-triggerer", layout)
    ray = environment("serving", layout)
    site = json.loads(airflow["AIRFLOW_CONN_BARDLOOP_WEB"])
    assert f"http://{site['host']}:{site['port']}" == airflow["BARDLOOP_WEB_URL"]
    assert airflow["BARDLOOP_WEB_URL"] == f"http://127.0.0.1:{web['UVICORN_PORT']}"
    assert site["password"] == airflow["BARDLOOP_EXPORT_KEY"] == web["BARDLOOP_EXPORT_KEY"] != ""
    assert {name: ray[name] for name in ("BARDLOOP_WEB_URL", "BARDLOOP_EXPORT_KEY")}.items() <= airflow.items()


def test_airflow_reaches_the_ray_that_serves_with_its_token(layout):
    ray, airflow = environment("serving", layout), environment("airflow-scheduler", layout)
    connection = json.loads(airflow["AIRFLOW_CONN_BARDLOOP_RAY"])
    assert str(connection["port"]) == ray["BARDLOOP_RAY_DASHBOARD_PORT"]
    assert connection["password"] == ray["RAY_AUTH_TOKEN"] != ""
    assert ray["RAY_AUTH_MODE"] == "token"


def test_the_first_run_waits_for_ray_when_its_jobs_run_there():
    assert "serving" in needed_for_runs("ray")
    assert "serving" not in needed_for_runs("local")
    assert {*needed_for_runs("ray"), *needed_for_runs("local")} <= {service.name for service in SERVICES}


def test_only_processes_of_this_home_are_found_and_ended(tmp_path):
    def started(home):
        process = subprocess.Popen(
            SLEEP, env=dict(os.environ) | {STACK_VARIABLE: str(home)}, stdout=subprocess.PIPE, start_new_session=True
        )
        process.stdout.readline()
        return process

    ours, other = started(tmp_path), started(tmp_path / "other")
    try:
        assert [process.pid for process in left_behind(tmp_path)] == [ours.pid]
        end(left_behind(tmp_path))
        assert not psutil.pid_exists(ours.pid)
        assert psutil.pid_exists(other.pid)
    finally:
        other.kill()
        other.wait()
