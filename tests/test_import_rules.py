"""Who may import whom (docs/architecture.md), and that reading a DAG file stays cheap."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def test_import_linter_keeps_every_contract():
    linter = pathlib.Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stdout + done.stderr
    kept, broken = re.search(r"Contracts: (\d+) kept, (\d+) broken", done.stdout).groups()
    assert int(kept) >= 4 and int(broken) == 0


def test_every_folder_of_ours_is_watched():
    watched = (ROOT / "pyproject.toml").read_text()
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages and all(f'"{package}"' in watched for package in packages)
