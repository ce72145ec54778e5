"""A local batch backend in a folder of its own, and job specs for it."""

import os
import sys
import tempfile

import pytest

# Airflow makes its home folder when it is imported, which the imports below do.
AIRFLOW_HOME = tempfile.TemporaryDirectory(prefix="bardloop-airflow-")
os.environ.setdefault("AIRFLOW_HOME", AIRFLOW_HOME.name)

from bardloop_airflow.batch.local import LocalBackend  # noqa: E402
from contracts.job_spec import JobSpec  # noqa: E402
from tests.plugins.waiting import wait_until  # noqa: E402


@pytest.fixture
def backend(tmp_path):
    """A backend whose jobs are all ended after the test."""
    backend = LocalBackend(tmp_path / "batch")
    yield backend
    for folder in backend.folder.glob("[!.]*"):
        backend.cancel(folder.name)
        wait_until(lambda name=folder.name: backend.status(name).state.final)


@pytest.fixture
def python_job(tmp_path):
    """Makes the spec of a job that runs a piece of Python."""

    def make(code: str, submission_id: str = "corpus-download-0123456789abcdef-1", **fields) -> JobSpec:
        command = (sys.executable, "-S", "-c", code)
        return JobSpec(submission_id=submission_id, command=command, working_directory=str(tmp_path), **fields)

    return make
