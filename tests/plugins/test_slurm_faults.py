"""What dies or forgets on a Slurm cluster while a job waits or runs: nothing is lost unseen, nothing runs twice."""

from bardloop_airflow.batch.interface import JobState
from tests.plugins.jobs import COUNT_STARTS, HOLD_ON, age, end_of, start
from tests.plugins.waiting import wait_until


def test_a_controller_killed_after_a_submit_starts_no_job_twice(slurm, slurm_cluster, python_job, tmp_path):
    """It forgets what it had not saved. The job runs on, or Slurm kills it as a stranger when the node reports it."""
    spec = python_job(COUNT_STARTS + HOLD_ON)
    other = python_job("print('another')")
    backend = slurm()
    start(backend, spec)
    slurm_cluster.kill_controller()
    assert backend.status(spec.submission_id).state is JobState.RUNNING  # without asking Slurm
    slurm_cluster.start_controller()
    backend.submit(spec)
    backend.submit(other)  # may get the forgotten job's number
    assert backend.status(spec.submission_id).state is JobState.RUNNING
    assert end_of(backend, other).exit_code == 0
    assert backend.read_output(other.submission_id) == "another"
    (tmp_path / "go on").touch()
    wait_until(lambda: backend.status(spec.submission_id).state.final or not slurm_cluster.processes())
    if not backend.status(spec.submission_id).state.final:
        age(backend, spec, "alive")
    assert end_of(backend, spec).state in (JobState.SUCCEEDED, JobState.FAILED, JobState.LOST)
    assert (tmp_path / "starts").read_text() == "x"


def test_a_job_that_slurm_has_forgotten_is_found_and_can_be_cancelled(slurm, slurm_cluster, python_job, tmp_path):
    spec = python_job(COUNT_STARTS + HOLD_ON)
    backend = slurm()
    start(backend, spec)
    node = slurm_cluster.node_of(spec.submission_id)
    try:
        slurm_cluster.kill_slurmd(node)
        slurm_cluster.kill_controller()
        slurm_cluster.start_controller(forget=True)
        assert not slurm_cluster.numbers(backend.folder / spec.submission_id / "slurm.sh")
        assert backend.status(spec.submission_id).state is JobState.RUNNING
        backend.submit(spec)
        assert not slurm_cluster.numbers(backend.folder / spec.submission_id / "slurm.sh")
        backend.cancel(spec.submission_id)
        assert end_of(backend, spec).state is JobState.CANCELLED
        wait_until(lambda: not slurm_cluster.processes([node]))
    finally:
        slurm_cluster.start_node(node)
    assert (tmp_path / "starts").read_text() == "x"


def test_cancel_reaches_a_job_while_slurmctld_is_down(slurm, slurm_cluster, python_job, caplog):
    spec = python_job(COUNT_STARTS + HOLD_ON)
    backend = slurm()
    start(backend, spec)
    slurm_cluster.kill_controller()
    try:
        backend.cancel(spec.submission_id)
        assert "Unable to contact slurm controller" in caplog.text
        assert end_of(backend, spec).state is JobState.CANCELLED
    finally:
        slurm_cluster.start_controller()


def test_a_waiting_job_that_slurm_has_forgotten_is_lost_and_never_starts(slurm, slurm_cluster, python_job, tmp_path):
    spec = python_job(COUNT_STARTS)
    backend = slurm()
    with slurm_cluster.nothing_starts():
        backend.submit(spec)
        slurm_cluster.kill_controller()
        slurm_cluster.start_controller(forget=True)
    assert backend.status(spec.submission_id).state is JobState.PENDING  # it may be starting
    backend.submit(spec)
    assert not slurm_cluster.numbers(backend.folder / spec.submission_id / "slurm.sh")
    age(backend, spec, "missing")
    assert backend.status(spec.submission_id).state is JobState.LOST
    assert "Slurm does not know the job any more" in backend.read_log(spec.submission_id).text
    assert not (tmp_path / "starts").exists()


def test_a_job_whose_node_loses_its_power_is_lost(slurm, slurm_cluster, python_job, tmp_path):
    spec = python_job(COUNT_STARTS + HOLD_ON)
    backend = slurm()
    start(backend, spec)
    node = slurm_cluster.node_of(spec.submission_id)
    try:
        slurm_cluster.kill_node(node)
        assert backend.status(spec.submission_id).state is JobState.RUNNING  # it may only be silent
        slurm_cluster.mark_down(node)
        age(backend, spec, "alive")
        status = backend.status(spec.submission_id)
    finally:
        slurm_cluster.resume(node)
    assert (status.state, status.exit_code) == (JobState.LOST, None)
    assert backend.read_log(spec.submission_id).text == f"batch: Slurm says NODE_FAIL (NodeDown) on {node}\n"
    (tmp_path / "go on").touch()
    backend.submit(spec)  # what is lost stays lost
    assert backend.status(spec.submission_id).state is JobState.LOST
    assert (tmp_path / "starts").read_text() == "x"


def test_a_job_whose_node_is_taken_out_of_service_ends(slurm, slurm_cluster, python_job, tmp_path):
    """Slurm ends it, first with SIGTERM: it may still say how it ended."""
    spec = python_job(COUNT_STARTS + HOLD_ON)
    backend = slurm()
    start(backend, spec)
    node = slurm_cluster.node_of(spec.submission_id)
    try:
        slurm_cluster.mark_down(node)
        wait_until(lambda: not slurm_cluster.processes([node]))
        age(backend, spec, "alive")
        assert backend.status(spec.submission_id).state in (JobState.FAILED, JobState.LOST)
    finally:
        slurm_cluster.resume(node)
