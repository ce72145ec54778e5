"""Names for work: the same for a retry, another for other work, and fit for a folder."""

import pytest

from bardloop_airflow.submission_ids import job_run_id, submission_id, work_id

WORK = ("corpus", "manual__1", "download", 3, ("python", "-m", "jobs", "download"))


def test_it_works():
    assert submission_id(work_id(*WORK), 2) == "corpus-download-d02d11956e479cc8-2"


def test_the_interpreter_does_not_count():
    assert work_id(*WORK) == work_id(*WORK[:4], ("/other/python", *WORK[4][1:]))


@pytest.mark.parametrize("position", range(4))
def test_everything_else_counts(position):
    other = list(WORK)
    other[position] = 4 if position == 3 else "other"
    assert work_id(*other) != work_id(*WORK)


def test_a_run_id_becomes_a_folder_name():
    assert job_run_id("manual__2026-11-21T03:46:24.384571+00:00") == "manual__2026-11-21T03-46-24.384571-00-00"


def test_long_run_ids_stay_apart():
    long_ids = {job_run_id("x" * 200 + end) for end in "ab"}
    assert len(long_ids) == 2
    assert all(len(name) <= 121 for name in long_ids)
