"""What dies on a Ray cluster while a job runs: agent, raylet, machine, head. No end is made up, nothing runs on."""

import pytest

from bardloop_airflow.batch.interface import BatchError, JobState
from tests.plugins.jobs import (
    COUNT_STARTS,
    SAVE_AT_SIGTERM,
    TELL_PID,
    age,
    answers,
    end_of,
    process_of,
    processes_for,
)
from tests.plugins.ray_cluster import HEAD_CPUS, kill_tree
from tests.plugins.waiting import wait_until
from tests.processes import lives

pytestmark = pytest.mark.slow


def test_a_job_is_lost_with_the_ray_of_its_node_but_saves_what_it_has(ray, ray_cluster, python_job, tmp_path):
    raylet = ray_cluster.add_node(cpus=HEAD_CPUS + 1)
    spec = python_job(SAVE_AT_SIGTERM, cpus=HEAD_CPUS + 1)  # fits there only
    ray.submit(spec)
    process = process_of(tmp_path)
    assert raylet.pid in [parent.pid for parent in process.parents()]
    raylet.kill()
    assert end_of(ray, spec, within_s=60).state is JobState.LOST
    assert "lost on" in ray.read_log(spec.submission_id).text
    assert (tmp_path / "checkpoint").exists() and not lives(process)
    wait_until(lambda: not processes_for(spec))


def test_a_killed_job_agent_ends_the_jobs_of_its_node_and_doubles_none(ray, ray_cluster, python_job, tmp_path):
    raylet = ray_cluster.add_node(cpus=HEAD_CPUS + 3)
    spec = python_job(COUNT_STARTS + SAVE_AT_SIGTERM, cpus=HEAD_CPUS + 3)
    ray.submit(spec)
    process = process_of(tmp_path)
    [agent] = [child for child in raylet.children() if "DashboardAgent" in " ".join(child.cmdline())]
    agent.kill()
    assert end_of(ray, spec, within_s=60).state is JobState.LOST  # Ray ends a node with its agent
    assert (tmp_path / "starts").read_text() == "x"
    assert (tmp_path / "checkpoint").exists() and not lives(process)


def test_a_job_is_lost_with_its_machine(ray, ray_cluster, python_job, tmp_path):
    raylet = ray_cluster.add_node(cpus=HEAD_CPUS + 2)
    spec = python_job(TELL_PID + "import time; time.sleep(300)", cpus=HEAD_CPUS + 2)
    ray.submit(spec)
    process_of(tmp_path)
    kill_tree(raylet)
    wait_until(lambda: ray_cluster.says(spec) == "FAILED", within_s=60)
    assert ray.status(spec.submission_id).state is JobState.RUNNING  # its keeper might be ending it
    age(ray, spec, "alive")
    assert ray.status(spec.submission_id).state is JobState.LOST
    assert "batch: lost: Ray says FAILED" in ray.read_log(spec.submission_id).text


def test_a_head_that_is_killed_and_comes_back_has_lost_its_jobs(ray, ray_cluster, python_job, tmp_path):
    spec = python_job(TELL_PID + COUNT_STARTS + "import time; time.sleep(300)")
    ray.submit(spec)
    process = process_of(tmp_path)
    ray_cluster.kill()
    assert not lives(process)
    with pytest.raises(BatchError, match=f"127.0.0.1:{ray_cluster.port}: no answer"):
        ray.find(spec.submission_id)
    ray_cluster.start_again()
    wait_until(lambda: answers(ray, spec))
    assert ray.status(spec.submission_id).state is JobState.RUNNING
    age(ray, spec, "alive")
    ray.submit(spec)  # must not start it: somebody may have seen that it is lost
    assert ray.status(spec.submission_id).state is JobState.LOST
    assert "was started anew" in ray.read_log(spec.submission_id).text
    assert (tmp_path / "starts").read_text() == "x"
