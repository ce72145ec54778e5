"""Batch backends of each kind with a home of their own, and job specs for them. The clusters are real and shared."""

import os
import secrets
import stat
import sys
import tempfile

import pytest

# Airflow makes its home folder when it is imported, which the imports below do.
AIRFLOW_HOME = tempfile.TemporaryDirectory(prefix="bardloop-airflow-")
os.environ.setdefault("AIRFLOW_HOME", AIRFLOW_HOME.name)

from bardloop_airflow.batch.interface import Place  # noqa: E402
from bardloop_airflow.batch.local import LocalBackend  # noqa: E402
from bardloop_airflow.batch.ray import RayBackend  # noqa: E402
from bardloop_airflow.batch.slurm import SlurmBackend  # noqa: E402
from contracts.job_spec import JobSpec  # noqa: E402
from tests.plugins.ray_cluster import RayCluster  # noqa: E402
from tests.plugins.slurm_cluster import SlurmCluster, require_slurm  # noqa: E402
from tests.plugins.waiting import wait_until  # noqa: E402


@pytest.fixture
def python_job(tmp_path):
    """Makes the spec of a job that runs a piece of Python, with an id of its own: clusters are shared."""

    def make(code: str, **fields) -> JobSpec:
        fields.setdefault("submission_id", f"corpus-download-{secrets.token_hex(8)}-1")
        command = (sys.executable, "-S", "-c", code)
        return JobSpec(command=command, working_directory=str(tmp_path), **fields)

    return make


@pytest.fixture
def backend(tmp_path):
    """A local backend whose jobs are all ended after the test."""
    backend = LocalBackend(tmp_path / "batch")
    yield backend
    end_all_jobs(backend)


@pytest.fixture(scope="package")
def ray_cluster():
    cluster = RayCluster()
    yield cluster
    cluster.kill()


@pytest.fixture
def ray(ray_cluster, tmp_path):
    """A Ray backend whose jobs are all ended after the test."""
    backend = RayBackend(tmp_path / "batch", ray_cluster.place())
    yield backend
    end_all_jobs(backend)


@pytest.fixture(scope="package")
def slurm_cluster(tmp_path_factory):
    require_slurm()
    cluster = SlurmCluster(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def slurm(slurm_cluster, tmp_path, monkeypatch):
    """Makes Slurm backends on one home, from the options of a connection; no job of theirs runs after the test."""
    for name, value in slurm_cluster.environment.items():
        monkeypatch.setenv(name, value)
    home = tmp_path / "home"
    home.mkdir()

    def make(**options) -> SlurmBackend:
        return SlurmBackend(home / "batch", Place(options=options))

    yield make
    slurm_cluster.end_all_jobs()


def end_all_jobs(backend):
    for folder in backend.folder.glob("[!.]*"):
        backend.cancel(folder.name)
        wait_until(lambda name=folder.name: backend.status(name).state.final)


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Sets what the job's interpreter does: a piece of Python that finds the job's command line in sys.argv[1:]."""
    interpreter = tmp_path / "python"

    def does(code: str):
        interpreter.write_text(f"#!{sys.executable} -S\nimport os, sys, time\n{code}\n")
        interpreter.chmod(interpreter.stat().st_mode | stat.S_IXUSR)

    monkeypatch.setenv("BARDLOOP_JOB_PYTHON", str(interpreter))
    monkeypatch.setenv("BARDLOOP_HOME", str(tmp_path))
    does(f"open({str(tmp_path / 'starts')!r}, 'a').write('x'); print('{{}}')")
    yield does
    backend = LocalBackend(tmp_path / "batch")
    for folder in backend.folder.glob("[!.]*"):
        backend.cancel(folder.name)
        wait_until(lambda name=folder.name: backend.status(name).state.final)
