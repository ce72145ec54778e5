"""What stays of every job under home/batch/<submission id>/, whichever backend ran it: spec, log, summary, end.

In: job specs. Out: spec.json (the spec and the home's id) · task.json (whose it is) · stdout, stderr · exit_code, or
`lost` with the reason · markers `submitted`, `cancelled`, `displaced`. While it lives, the keeper touches `alive`.
"""

import codecs
import json
import math
import os
import pathlib
import re
import secrets
import shutil
import tempfile

from bardloop_airflow.batch.interface import BatchBackend, BatchError, JobState, JobStatus, LogChunk
from contracts.job_spec import JobSpec

HOME_ID = ".bardloop-home"
OWNER = "task.json"
"""`JobSpec.owner`. There from the folder's first moment, so that no job runs whose owner is unknown."""
NOT_FOR_JOBS = re.compile(r"_*AIRFLOW|PG[A-Z]|DATABASE_URL$|DJANGO_|BARDLOOP_(ADMIN|API)_KEY$")
LOG_CHUNK_BYTES = 1 << 20
TAIL_BYTES = 1 << 16
ALIVE_WITHIN_S = 60.0
"""The keeper touches `alive` every few seconds; with this much silence it is gone, with its machine or without."""


class RecordedBackend(BatchBackend):
    """The half of a backend that works on files. `folder` is home/batch; it holds one folder for each job."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder

    def read_log(self, submission_id: str, offset: int = 0) -> LogChunk:
        path = self.folder / submission_id / "stderr"
        if not path.exists():
            return LogChunk("", offset)
        with path.open("rb") as log:
            log.seek(offset)
            piece = log.read(LOG_CHUNK_BYTES)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text = decoder.decode(piece)
        half_a_letter = decoder.getstate()[0]  # the rest of it is not written yet, or stands in the next chunk
        return LogChunk(text, offset + len(piece) - len(half_a_letter))

    def read_output(self, submission_id: str) -> str:
        path = self.folder / submission_id / "stdout"
        if not path.exists():
            return ""
        with path.open("rb") as output:
            output.seek(max(0, path.stat().st_size - TAIL_BYTES))
            lines = output.read().decode(errors="replace").splitlines()
        return next((line for line in reversed(lines) if line.strip()), "")

    def mark_cancelled(self, submission_id: str) -> pathlib.Path | None:
        """The job's folder with the marker `cancelled` in it, which the job itself looks for; None: it is over.

        Raises:
            BatchError: no job has that id.
        """
        job = self.folder / submission_id
        if not job.is_dir():
            raise BatchError(f"no job {submission_id!r}: its folder or record was removed")
        if recorded_end(job) is not None:
            return None
        (job / "cancelled").touch()
        return job

    def describe(self, spec: JobSpec) -> pathlib.Path:
        """The job's folder, with spec.json in it from its first moment on; nothing changes when it is there."""
        job = self.folder / spec.submission_id
        if job.is_dir():
            return job
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = pathlib.Path(tempfile.mkdtemp(prefix=".draft-", dir=self.folder))
        named = spec.model_dump(mode="json", exclude={"owner"}) | {"home_id": home_id(self.folder.parent)}
        (draft / "spec.json").write_text(json.dumps(named, indent=2))
        (draft / OWNER).write_text(json.dumps(spec.owner))
        try:
            draft.rename(job)
        except OSError:
            if not job.is_dir():
                raise
            shutil.rmtree(draft)  # another submitter of the same job was faster
        return job


def environment_of_jobs() -> dict[str, str]:
    """What a job inherits from its submitter: not the connections, passwords and keys of other services."""
    return {name: value for name, value in os.environ.items() if not NOT_FOR_JOBS.match(name)}


def home_id(home: pathlib.Path) -> str:
    """What tells this home from every other one: a random word in home/.bardloop-home, made at first use."""
    file = home / HOME_ID
    if not file.exists():
        draft = home / f"{HOME_ID}.{secrets.token_hex(8)}"
        draft.write_text(secrets.token_hex(16))
        try:
            os.link(draft, file)  # unlike a rename it fails when somebody else was faster
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text().strip()


def recorded_end(job: pathlib.Path) -> JobStatus | None:
    """How the job ended, as its folder says; None when it says nothing (yet)."""
    lost = (job / "lost").exists()
    exit_code = None if lost else read(job / "exit_code")  # a job that was given up does not come back
    if exit_code is None and not lost:
        return None
    if exit_code == "0":
        state = JobState.SUCCEEDED
    elif (job / "cancelled").exists():
        state = JobState.CANCELLED
    else:
        state = JobState.LOST if lost else JobState.FAILED
    code = None if exit_code is None else int(exit_code)
    return JobStatus(state, code)


def give_up(job: pathlib.Path, reason: str, exit_code: int | None = None) -> None:
    """Write down the end of a job that could not do so itself. `reason` becomes the last line of its log.

    Args:
        exit_code: None when nobody knows it: then the job is lost.
    """
    with (job / "stderr").open("a") as log:  # first: whoever sees the end finds the reason
        log.write(f"batch: {reason}\n")
    if exit_code is None:
        write_whole(job / "lost", f"{reason}\n")
    else:
        write_whole(job / "exit_code", str(exit_code))


def keeper_is_heard(job: pathlib.Path) -> bool:
    """Whether the job's keeper, on whatever machine, touched `alive` within ALIVE_WITHIN_S seconds."""
    return seconds_since(job / "alive") < ALIVE_WITHIN_S


def seconds_since(mark: pathlib.Path) -> float:
    """How long ago a file in a job's folder was touched, infinity when it is not there."""
    probe = mark.with_name("looked")
    probe.touch()  # the disk's clock, which is the one that stamped the file
    try:
        with mark.open() as file:  # opening it makes NFS ask the server
            return probe.stat().st_mtime - os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return math.inf


def write_whole(path: pathlib.Path, text: str) -> None:
    """Write a file that readers see whole or not at all."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    part.write_text(text)
    part.replace(path)


def read(path: pathlib.Path) -> str | None:
    """Text of a file, None when it is not there (yet)."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
