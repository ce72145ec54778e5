"""Slurm jobs over two machines: each knows its part, all end together, and a training has the losses of one machine."""

import json
import pathlib
import sys

import pytest

from bardloop_airflow.batch.interface import JobState
from bardloop_airflow.commands import accelerate_launcher, job_command
from contracts.job_spec import JobSpec
from tests.plugins.jobs import end_of
from tests.plugins.waiting import wait_until
from tests.training import tiny

ROOT = pathlib.Path(__file__).parents[2]


def test_each_of_two_machines_knows_its_rank_and_where_they_meet(slurm, slurm_cluster, python_job, tmp_path):
    code = "import sys, os; rank, *meet = sys.argv[1:]; open('rank-' + rank, 'w').write(' '.join(meet)); print(rank)"
    spec = python_job(code, machines=2, processes=2, cpus=2)
    words = ("{machine_rank}", "{main_process_ip}", "{main_process_port}", "{unknown}")
    spec = spec.model_copy(update={"command": (*spec.command, *words)})
    slurm().submit(spec)
    assert end_of(slurm(), spec).exit_code == 0
    first, second = ((tmp_path / f"rank-{rank}").read_text().split() for rank in "01")
    assert first == second
    assert first[0] == "127.0.0.1" and 10000 <= int(first[1]) < 30000 and first[2] == "{unknown}"


def test_both_machines_have_their_grace(slurm, python_job, slurm_cluster, tmp_path):
    code = (
        "import signal, sys, time\n"
        "def save(*_): time.sleep(1); open('saved-' + sys.argv[1], 'w').close(); sys.exit(143)\n"
        "signal.signal(signal.SIGTERM, save); open('ready-' + sys.argv[1], 'w').close(); time.sleep(300)"
    )
    spec = python_job(code, machines=2, processes=2)
    spec = spec.model_copy(update={"command": (*spec.command, "{machine_rank}")})
    slurm().submit(spec)
    wait_until(lambda: len(list(tmp_path.glob("ready-*"))) == 2)
    slurm().cancel(spec.submission_id)
    assert end_of(slurm(), spec).state is JobState.CANCELLED
    assert sorted(path.name for path in tmp_path.glob("saved-*")) == ["saved-0", "saved-1"]
    wait_until(lambda: not slurm_cluster.processes())


def test_when_one_machine_fails_the_other_is_ended(slurm, python_job, slurm_cluster):
    code = "import sys, time; time.sleep(300) if sys.argv[1] == '0' else sys.exit('train: no memory')"
    spec = python_job(code, machines=2, processes=2, grace_s=1)
    spec = spec.model_copy(update={"command": (*spec.command, "{machine_rank}")})
    slurm().submit(spec)
    assert end_of(slurm(), spec).state is JobState.FAILED
    assert "train: no memory\n" in slurm().read_log(spec.submission_id).text
    wait_until(lambda: not slurm_cluster.processes())


@pytest.mark.slow
def test_training_on_two_machines_has_the_losses_of_one(slurm, tmp_path):
    """The same global batch of two samples; float32, sums in another order: 1e-3 of the loss."""
    home = tiny.prepare(tmp_path / "home")
    one = training(home, "one", "cpu.yaml", 1, "train.batch_size=2")
    two = training(home, "two", "cpu_2.yaml", 2, "train.batch_size=1")
    for spec in (one, two):
        slurm().submit(spec)
    for spec in (one, two):
        assert end_of(slurm(), spec, 200).exit_code == 0, slurm().read_log(spec.submission_id).text
        summary = json.loads(slurm().read_output(spec.submission_id))
        assert summary["run_id"] == spec.submission_id
    assert len(losses(home, "two")) > 2
    assert losses(home, "two") == pytest.approx(losses(home, "one"), rel=1e-3)


def training(home, run_id, config, machines, *more) -> JobSpec:
    """A short training of the tiny base, one process on each machine, as the operator submits it."""
    sets = [*tiny.overrides(home), "train.max_steps=6", "train.save_steps=6", "train.lora.dropout=0", *more]
    sets += ["train.wandb.mode=disabled", f"train.accelerate={config}", f"batch.processes={machines}"]
    launcher = accelerate_launcher(config, machines, machines)
    return JobSpec(
        submission_id=run_id,
        command=job_command(sys.executable, home, "train", "demo", sets, {"run_id": run_id}, launcher),
        working_directory=str(ROOT),
        environment={"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"},
        machines=machines,
        processes=machines,
        grace_s=20,
    )


def losses(home, run_id) -> list[float]:
    lines = (home / "runs" / "demo" / run_id / "metrics.jsonl").read_text().splitlines()
    return [line["loss"] for line in map(json.loads, lines) if "loss" in line]
