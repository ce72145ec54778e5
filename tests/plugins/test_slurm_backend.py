"""The Slurm backend against a real Slurm of two nodes: the same promises as the local one, over a cluster."""

import json
import threading

import pytest

from bardloop_airflow.batch.follow import follow
from bardloop_airflow.batch.interface import BatchError, JobState, Place
from bardloop_airflow.batch.slurm import SlurmBackend
from tests.plugins.jobs import COUNT_STARTS, HOLD_ON, SAVE_AT_SIGTERM, age, end_of, process_of
from tests.plugins.waiting import wait_until
from tests.processes import lives


def test_it_works(slurm, python_job):
    spec = python_job(
        "import sys; print('{\"part\": \"a\"}'); print('parsing', file=sys.stderr)", cpus=2, memory_gib=0.5
    )
    slurm().submit(spec)
    lines = []
    status = follow(slurm(), spec.submission_id, lines.append)
    assert (status.state, status.exit_code) == (JobState.SUCCEEDED, 0)
    assert lines == ["parsing"]
    assert slurm().read_output(spec.submission_id) == '{"part": "a"}'


def test_a_failed_job_tells_its_exit_code(slurm, python_job):
    spec = python_job("import sys; print('train: wrong key', file=sys.stderr); sys.exit(2)")
    slurm().submit(spec)
    status = end_of(slurm(), spec)
    assert (status.state, status.exit_code) == (JobState.FAILED, 2)
    assert slurm().read_log(spec.submission_id).text == "train: wrong key\n"


def test_slurm_is_told_what_the_job_needs(slurm, slurm_cluster, python_job, tmp_path):
    spec = python_job(HOLD_ON, cpus=3, memory_gib=1.5, time_limit_s=3600, grace_s=30)
    slurm(partition="main").submit(spec)
    asked = slurm_cluster.run("scontrol", "show", "job", "-o").split()
    assert {"NumCPUs=3", "MinMemoryNode=1.50G", "TimeLimit=01:02:00", "Requeue=0", "Partition=main"} <= set(asked)
    (tmp_path / "go on").touch()
    assert end_of(slurm(), spec).exit_code == 0


def test_a_job_waits_in_the_queue(slurm, slurm_cluster, python_job):
    spec = python_job("pass", cpus=4)
    with slurm_cluster.nothing_starts():
        slurm().submit(spec)
        assert slurm().status(spec.submission_id).state is JobState.PENDING
    assert end_of(slurm(), spec).exit_code == 0


def test_the_log_is_read_on_while_the_job_runs(slurm, python_job, tmp_path):
    spec = python_job("import os; os.write(2, b'step 1\\n 10%\\r')\n" + HOLD_ON + "os.write(2, b'step 2\\n')")
    slurm().submit(spec)
    wait_until(lambda: slurm().read_log(spec.submission_id).text == "step 1\n 10%\r")
    offset = slurm().read_log(spec.submission_id).offset
    (tmp_path / "go on").touch()
    end_of(slurm(), spec)
    assert slurm().read_log(spec.submission_id, offset).text == "step 2\n"


def test_two_submitters_at_once_start_one_job(slurm, slurm_cluster, python_job, tmp_path):
    spec = python_job(COUNT_STARTS + HOLD_ON)
    submitters = [threading.Thread(target=slurm().submit, args=(spec,)) for _ in range(4)]
    for submitter in submitters:
        submitter.start()
    for submitter in submitters:
        submitter.join()
    slurm().submit(spec)
    assert len(slurm_cluster.numbers(slurm().folder / spec.submission_id / "slurm.sh")) == 1
    (tmp_path / "go on").touch()
    assert end_of(slurm(), spec).exit_code == 0
    slurm().submit(spec)
    assert slurm().status(spec.submission_id).state is JobState.SUCCEEDED
    assert (tmp_path / "starts").read_text() == "x"


def test_a_submitter_that_died_before_and_after_sbatch_is_made_good(slurm, slurm_cluster, python_job, tmp_path):
    spec = python_job(COUNT_STARTS + HOLD_ON)
    backend = slurm()
    job = backend.describe(spec)
    assert backend.status(spec.submission_id).state is JobState.PENDING
    backend.submit(spec)
    (job / "submitted").unlink()
    backend.submit(spec)
    (tmp_path / "go on").touch()
    assert end_of(backend, spec).exit_code == 0
    assert len(slurm_cluster.numbers(slurm().folder / spec.submission_id / "slurm.sh")) == 1
    assert (tmp_path / "starts").read_text() == "x"


def test_cancel_lets_the_job_save_what_it_has(slurm, python_job, tmp_path):
    spec = python_job(SAVE_AT_SIGTERM)
    slurm().submit(spec)
    process = process_of(tmp_path)
    slurm().cancel(spec.submission_id)
    status = end_of(slurm(), spec)
    assert (status.state, status.exit_code) == (JobState.CANCELLED, 143)
    assert (tmp_path / "checkpoint").exists() and not lives(process)


def test_a_job_that_ignores_sigterm_is_killed_with_all_it_started(slurm, slurm_cluster, python_job, tmp_path):
    code = (
        "import signal, subprocess, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.Popen(['sleep', '300'], start_new_session=True)\n"
        "open('ready', 'w').close(); time.sleep(300)"
    )
    spec = python_job(code, grace_s=1)
    slurm().submit(spec)
    wait_until((tmp_path / "ready").exists)
    slurm().cancel(spec.submission_id)
    status = end_of(slurm(), spec)
    assert (status.state, status.exit_code) == (JobState.CANCELLED, 137)
    wait_until(lambda: not slurm_cluster.processes())


def test_a_cancelled_job_leaves_the_queue(slurm, slurm_cluster, python_job, tmp_path):
    spec = python_job(COUNT_STARTS)
    with slurm_cluster.nothing_starts():
        slurm().submit(spec)
        slurm().cancel(spec.submission_id)
    assert end_of(slurm(), spec).state is JobState.CANCELLED
    assert not slurm_cluster.run("squeue", "-h", "-n", spec.submission_id)
    assert not (tmp_path / "starts").exists()


def test_the_time_limit_ends_the_job(slurm, python_job):
    spec = python_job("import time; time.sleep(300)", time_limit_s=1)
    slurm().submit(spec)
    status = end_of(slurm(), spec)
    assert (status.state, status.exit_code) == (JobState.FAILED, 124)
    assert "time limit of 1 s" in slurm().read_log(spec.submission_id).text


@pytest.mark.slow
def test_a_limit_that_the_site_has_shortened_leaves_the_grace(slurm, slurm_cluster, python_job, tmp_path):
    """Slurm looks at its limits every half minute."""
    spec = python_job(SAVE_AT_SIGTERM, grace_s=60, time_limit_s=3600)
    slurm().submit(spec)
    process_of(tmp_path)
    slurm_cluster.run("scontrol", "update", f"jobname={spec.submission_id}", "timelimit=1")
    assert end_of(slurm(), spec, 50).exit_code == 143
    assert (tmp_path / "checkpoint").exists()


def test_a_container_command_stands_before_the_job(slurm, python_job, tmp_path):
    container = tmp_path / "container"
    container.write_text('#!/bin/sh\nexport IMAGE="$1"; shift\nexec "$@"\n')
    container.chmod(0o755)
    spec = python_job("import os; print(os.environ['IMAGE'])")
    slurm(container=[str(container), "training.sif"]).submit(spec)
    assert end_of(slurm(), spec).exit_code == 0
    assert slurm().read_output(spec.submission_id) == "training.sif"


def test_the_job_sees_what_it_needs_and_no_secrets_of_airflow(slurm, python_job, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_BARDLOOP_SERVING", "secret-1")
    monkeypatch.setenv("__AIRFLOW_SUPERVISOR_FD", "7")
    monkeypatch.setenv("WANDB_MODE", "offline")
    spec = python_job("import json, os; print(json.dumps(dict(os.environ)))", environment={"BARDLOOP_HOME": "/data"})
    slurm().submit(spec)
    end_of(slurm(), spec)
    seen = json.loads(slurm().read_output(spec.submission_id))
    assert not [name for name in seen if "AIRFLOW" in name]
    assert (seen["WANDB_MODE"], seen["BARDLOOP_HOME"]) == ("offline", "/data")


@pytest.mark.parametrize("harm", ["missing", "another"])
def test_a_machine_that_sees_another_home_refuses_the_job(slurm, slurm_cluster, python_job, tmp_path, harm):
    spec = python_job(COUNT_STARTS)
    home, unmounted = tmp_path / "home", tmp_path / "unmounted"
    with slurm_cluster.nothing_starts():
        slurm().submit(spec)
        home.rename(unmounted)  # what a machine without the mount sees
        if harm == "another":
            home.mkdir()
            (home / ".bardloop-home").write_text("f" * 32)
    wait_until(lambda: not slurm_cluster.run("squeue", "-h", "-n", spec.submission_id))
    if harm == "another":
        (home / ".bardloop-home").unlink()
        home.rmdir()
    unmounted.rename(home)
    assert slurm().status(spec.submission_id).state is JobState.PENDING  # its files may be on the way
    age(slurm(), spec, "missing")
    status = slurm().status(spec.submission_id)
    assert (status.state, status.exit_code) == (JobState.FAILED, 2)
    assert f"does not see the home {home}, or sees another one" in slurm().read_log(spec.submission_id).text
    assert not (tmp_path / "starts").exists()


def test_what_slurm_refuses_is_told(slurm, python_job):
    with pytest.raises(BatchError, match=r"sbatch failed .*invalid partition specified: nowhere"):
        slurm(partition="nowhere").submit(python_job("pass"))
    with pytest.raises(BatchError, match="unknown option 'partion', expected one of account, container, partition"):
        slurm(partion="main")
    with pytest.raises(BatchError, match="3 GPUs and 1 processes cannot be shared evenly by 2 machines"):
        slurm().submit(python_job("pass", gpus=3, machines=2))


def test_a_missing_slurm_is_told_with_its_package(python_job, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    backend = SlurmBackend(tmp_path / "batch", Place())
    with pytest.raises(BatchError, match="squeue is not installed here: install Debian's package slurm-client"):
        backend.submit(python_job("pass"))
