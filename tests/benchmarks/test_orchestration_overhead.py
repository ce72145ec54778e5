"""The time of a loop that no job accounts for: hand-worked, in seconds since the loop's begin."""

import json
import os

import pytest

from benchmarks.airflow.overhead import Cost, Span, charge, job_spans


def test_each_moment_is_charged_once_and_to_the_task_that_caused_it():
    loop = Span("end", 0, 20)
    tasks = [Span("settings", 1, 2), Span("download", 4, 10), Span("download", 5, 12), Span("promote", 15, 18)]
    jobs = [Span("download", 5, 8), Span("download", 7, 11)]
    costs = charge(loop, tasks, jobs)
    assert costs == {
        "settings": Cost(in_jobs=0, before=1, around=1),
        "download": Cost(in_jobs=6, before=2, around=2),
        "promote": Cost(in_jobs=0, before=3, around=3),
        "end": Cost(in_jobs=0, before=2, around=0),
    }
    assert sum(cost.in_jobs + cost.before + cost.around for cost in costs.values()) == 20


@pytest.fixture
def batch(tmp_path):
    for name, run_id in (("a-1", "ours"), ("b-1", "another")):
        job = tmp_path / name
        job.mkdir()
        (job / "task.json").write_text(json.dumps({"dag_id": "train", "task_id": "train", "run_id": run_id}))
        for mark, moment in (("pid", 100), ("exit_code", 160)):
            (job / mark).touch()
            os.utime(job / mark, (moment, moment))
    return tmp_path


def test_jobs_are_those_of_the_runs_from_their_start_to_their_end(batch):
    assert job_spans(batch, ["ours"]) == [Span("train.train", 100, 160)]


def test_a_job_that_has_no_end_is_an_error(batch):
    (batch / "a-1" / "exit_code").unlink()
    with pytest.raises(FileNotFoundError, match="a-1/exit_code"):
        job_spans(batch, ["ours"])
