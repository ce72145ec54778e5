"""Who may import whom (docs/architecture.md)."""

import ast
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OURS = {"contracts", "jobs", "serving", "webapp", "demo", "bardloop_airflow"}


def test_import_linter_keeps_every_contract():
    linter = pathlib.Path(sys.executable).with_name("lint-imports")
    path = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, env={"PYTHONPATH": path})
    assert done.returncode == 0, done.stdout + done.stderr
    kept, broken = re.search(r"Contracts: (\d+) kept, (\d+) broken", done.stdout).groups()
    assert int(kept) >= 4 and int(broken) == 0


def test_every_package_of_ours_is_watched():
    packages = {
        path.parent.name for pattern in ("*/__init__.py", "plugins/*/__init__.py") for path in ROOT.glob(pattern)
    }
    assert packages == OURS


def test_dags_import_the_plugins_and_contracts_only():
    for dag in ROOT.glob("dags/*.py"):
        imported = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(dag.read_text()))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert imported & OURS <= {"bardloop_airflow", "contracts"}, dag.name
