"""The trigger and what it follows a job with, on the local backend: whole lines once, bookmarks, progress, waiting."""

import asyncio
import contextlib
import sys

import pytest

from bardloop_airflow.batch import follow as following
from bardloop_airflow.batch.follow import BOOKMARK, Follower, progress
from bardloop_airflow.batch.interface import JobState
from bardloop_airflow.triggers.batch_job import BatchJobTrigger
from tests.plugins.waiting import wait_until

SUBMISSION = "corpus-download-0123456789abcdef-1"


@pytest.fixture
def log(backend, python_job, tmp_path):
    """Starts a job that writes what is put into a file to its log, and ends it. Returns the function that puts."""
    source = tmp_path / "source"
    source.touch()
    backend.submit(
        python_job(
            "import os, sys, time\n"
            f"source = open({str(source)!r}, 'rb')\n"
            f"while not os.path.exists({str(tmp_path / 'end')!r}):\n"
            "    os.write(2, source.read())\n"
            "    time.sleep(0.01)\n"
            "os.write(2, source.read())\n"
            "print('{}')",
            submission_id=SUBMISSION,
        )
    )

    def put(what: bytes = b"", end: bool = False):
        with source.open("ab") as file:
            file.write(what)
        length = source.stat().st_size
        stderr = backend.folder / SUBMISSION / "stderr"
        wait_until(lambda: stderr.exists() and stderr.stat().st_size == length)
        if end:
            (tmp_path / "end").touch()
            wait_until(lambda: backend.status(SUBMISSION).state.final)

    return put


@pytest.fixture
def follower(backend):
    """Makes followers of the job, all with the same bookmark."""
    return lambda: Follower(backend, SUBMISSION, backend.folder / SUBMISSION / BOOKMARK)


def test_it_works(log, follower):
    log(b"first\nsecond\n")
    one = follower()
    assert one.look().lines == ("first", "second")
    assert one.look().lines == ()
    log(b"third\nlast words", end=True)
    assert one.look().lines == ("third",)
    end = one.look()
    assert (end.lines, end.over, end.status.state) == (("last words",), True, JobState.SUCCEEDED)


def test_a_successor_goes_on_behind_the_last_whole_line(log, follower):
    log("eins\nzwei\ndr€".encode())
    one = follower()
    assert one.look().lines == ("eins", "zwei")
    one.close()
    log(b"ei\nvier\n")
    assert follower().look().lines == ("dr€ei", "vier")


def test_the_successor_of_a_killed_one_repeats_what_had_not_settled(log, follower, monkeypatch):
    monkeypatch.setattr(following, "SETTLES_S", 0)
    log(b"settled\n")
    one = follower()
    one.look()
    log(b"in flight\n")
    assert one.look().lines == ("in flight",)
    assert follower().look().lines == ("in flight",)  # nothing told `one` to close


def test_lines_count_as_settled_only_after_a_while(log, follower):
    log(b"line\n")
    one = follower()
    one.look()
    one.look()
    assert follower().look().lines == ("line",)


def test_a_progress_bar_is_told_and_not_logged(log, follower):
    log(b"start\n\rtrain:   0%|   | 0/12 [00:00<?, ?it/s]\rtrain:  25%|# | 3/12 [00:05<00:15,  1.70s/step, loss=2.345]")
    look = follower().look()
    assert look.lines == ("start",)
    assert look.progress == {"done": 3, "of": 12, "elapsed": "00:05", "remaining": "00:15", "loss": "2.345"}


@pytest.mark.parametrize("line", ["", "parsing", "took 3/4 of the time", "step 3/12 [slow]"])
def test_other_lines_are_no_progress(line):
    assert progress(line) is None


def test_a_log_longer_than_one_reading_comes_whole(log, follower):
    lines = [f"{number:07} {'x' * 90}" for number in range(25_000)]
    log(("\n".join(lines) + "\n").encode(), end=True)
    one, seen = follower(), []
    while not (look := one.look()).over:
        seen += look.lines
    assert seen == lines


def trigger(monkeypatch, tmp_path, backend: str = "local") -> BatchJobTrigger:
    """The trigger as a triggerer makes it anew from what the database holds."""
    monkeypatch.setenv("BARDLOOP_HOME", str(tmp_path))
    path, fields = BatchJobTrigger(backend, SUBMISSION).serialize()
    assert getattr(sys.modules[path.rpartition(".")[0]], path.rpartition(".")[2]) is BatchJobTrigger
    return BatchJobTrigger(**fields)


def test_the_trigger_fires_when_the_job_is_over(log, monkeypatch, tmp_path, capsys):
    log(b"hello\n", end=True)
    event = asyncio.run(anext(trigger(monkeypatch, tmp_path).run()))
    assert event.payload == {"submission_id": SUBMISSION}
    assert "hello" in capsys.readouterr().out  # where the task's log goes outside of Airflow


def test_a_trigger_that_is_stopped_leaves_the_job_alone(log, backend, monkeypatch, tmp_path):
    async def stopped():
        waiting = asyncio.create_task(anext(trigger(monkeypatch, tmp_path).run()))
        await asyncio.sleep(0.5)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting

    log(b"hello\n")
    asyncio.run(stopped())
    assert backend.status(SUBMISSION).state is JobState.RUNNING


def test_a_backend_that_does_not_answer_is_waited_for(log, backend, monkeypatch, tmp_path):
    job, away = backend.folder / SUBMISSION, backend.folder / ".away"
    log(b"hello\n", end=True)
    job.rename(away)  # as when the disk of the network is gone for a moment

    async def wait():
        waiting = asyncio.create_task(anext(trigger(monkeypatch, tmp_path).run()))
        await asyncio.sleep(1)
        assert not waiting.done()
        away.rename(job)
        return await waiting

    assert asyncio.run(wait()).payload == {"submission_id": SUBMISSION}


def test_the_wait_for_a_backend_has_an_end(monkeypatch, tmp_path):
    monkeypatch.setattr("bardloop_airflow.triggers.batch_job.UNREACHABLE_FOR_S", 0)
    with pytest.raises(RuntimeError, match=f"no job '{SUBMISSION}'"):
        asyncio.run(anext(trigger(monkeypatch, tmp_path).run()))
