"""Airflow reads every DAG file again and again: that has to be quick, and must not load what jobs or servers need."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
DAG_FILES = sorted((ROOT / "dags").glob("*.py"))
HEAVY = {"torch", "transformers", "pandas", "pyarrow", "duckdb", "ray", "vllm", "django", "wandb", "omegaconf"}

MEASURE = """
import airflow.sdk, json, runpy, sys, time
for name in airflow.sdk.__all__:
    if name != "lineage":  # listed, but cannot be imported in 3.3.2
        getattr(airflow.sdk, name)
start = time.process_time()
runpy.run_path(sys.argv[1])
print(json.dumps({"seconds": time.process_time() - start, "modules": list(sys.modules)}))
"""


def import_alone(file, tmp_path, pythonpath):
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(map(str, pythonpath))}
    return subprocess.run(
        [sys.executable, "-c", MEASURE, str(file)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.stem)
def test_importing_a_dag_file_is_cheap(file, tmp_path):
    done = import_alone(file, tmp_path, [ROOT, ROOT / "plugins"])
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout.strip().rsplit("\n", 1)[-1])
    assert measured["seconds"] < 0.5
    assert HEAVY & set(measured["modules"]) == set()


def test_without_the_project_on_the_path_the_error_says_what_to_set(tmp_path):
    done = import_alone(DAG_FILES[0], tmp_path, [ROOT / "plugins"])
    last_line = done.stderr.strip().rsplit("\n", 1)[-1]
    assert last_line == f"ImportError: the package 'contracts' cannot be found: start Airflow with PYTHONPATH={ROOT}"


@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.stem)
def test_a_dag_file_is_read_at_one_glance(file):
    assert len(file.read_text().splitlines()) < 80
