"""Where things lie: the project's root, the folder of all data, the interpreter that runs jobs."""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECIPES = ROOT / "recipes"
ACCELERATE_CONFIGS = ROOT / "config" / "accelerate"


def home() -> pathlib.Path:
    """Folder of all data: BARDLOOP_HOME, else var/ in the project."""
    return pathlib.Path(os.environ.get("BARDLOOP_HOME", ROOT / "var")).resolve()


def job_python() -> str:
    """Interpreter that has the jobs' packages: BARDLOOP_JOB_PYTHON, else the one that runs Airflow."""
    return os.environ.get("BARDLOOP_JOB_PYTHON", sys.executable)
