"""Airflow reads every DAG file again and again: that has to be quick, and must not load what jobs or servers need."""

import ast
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
import airflow.sdk, json, os, runpy, sys, time
for name in airflow.sdk.__all__:
    if name != "lineage":  # listed, but cannot be imported in 3.3.2
        getattr(airflow.sdk, name)
for file in sys.argv[1:]:
    sys.stdout.flush()
    if os.fork() == 0:  # each file meets a process that knows Airflow and none of the other files
        start = time.process_time()
        runpy.run_path(file)
        print(json.dumps({"file": file, "seconds": time.process_time() - start, "modules": list(sys.modules)}))
        sys.exit()
    _, status = os.wait()
    if status:
        sys.exit(1)
"""


def import_alone(files, folder, pythonpath):
    environment = os.environ | {"AIRFLOW_HOME": str(folder), "PYTHONPATH": os.pathsep.join(map(str, pythonpath))}
    command = [sys.executable, "-c", MEASURE, *map(str, files)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """DAG file to what its import cost: {"seconds" (of CPU time), "modules" (that are loaded then)}."""
    done = import_alone(DAG_FILES, tmp_path_factory.mktemp("imports"), [ROOT, ROOT / "plugins"])
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"file"')]
    return {pathlib.Path(line["file"]): line for line in lines}


@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.stem)
def test_importing_a_dag_file_is_cheap(file, measured):
    assert measured[file]["seconds"] < 0.5
    assert HEAVY & set(measured[file]["modules"]) == set()


def test_without_the_project_on_the_path_the_error_says_what_to_set(tmp_path):
    done = import_alone(DAG_FILES[:1], tmp_path, [ROOT / "plugins"])
    message = f"ImportError: the package 'contracts' cannot be found: start Airflow with PYTHONPATH={ROOT}"
    assert message in done.stderr.splitlines()


@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.stem)
def test_a_dag_file_is_read_at_one_glance(file):
    assert len(file.read_text().splitlines()) < 80


@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.stem)
def test_a_dag_file_imports_airflow_and_plugins_only(file):
    trees = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = [node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in trees]
    roots = {module.split(".")[0] for module in modules}
    assert roots - sys.stdlib_module_names <= {"airflow", "bardloop_airflow", "contracts"}
