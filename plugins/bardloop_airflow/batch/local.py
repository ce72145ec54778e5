"""Local batch backend: each job is a process group on this machine, followed through files.

In $BARDLOOP_HOME/batch/<submission id>/: spec.json (what to run) · pid (keeper and job, each with its start time) ·
stdout, stderr · exit_code · markers `cancelled` and `collected` · lock and keeper.log of the keeper. Everything is
found again from these files by any process. Memory is not limited here; CPUs and GPUs are not reserved.
"""

import codecs
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from bardloop_airflow.batch import process
from bardloop_airflow.batch.interface import BatchBackend, BatchError, JobState, JobStatus, LogChunk
from contracts.job_spec import JobSpec

KEEPER = pathlib.Path(__file__).with_name("keeper.py")
KEEPER_STARTS_WITHIN_S = 60.0
LOG_CHUNK_BYTES = 1 << 20
TAIL_BYTES = 1 << 16


class LocalBackend(BatchBackend):
    """Runs jobs on this machine; `folder` holds one folder for each."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder

    def submit(self, spec: JobSpec) -> None:
        self._describe(spec)
        self._ensure_kept(spec.submission_id)

    def find(self, submission_id: str) -> JobStatus | None:
        job = self.folder / submission_id
        if not job.is_dir():
            return None
        pids = _read(job / "pid")
        if pids is None and not (job / "exit_code").exists():
            return JobStatus(JobState.PENDING)
        alive = pids is not None and (
            process.is_alive(json.loads(pids)["keeper"]) or process.group_is_alive(json.loads(pids)["job"])
        )
        exit_code = _read(job / "exit_code")  # after the look at the processes: a keeper that is gone has written it
        if exit_code == "0":
            state = JobState.SUCCEEDED
        elif exit_code is None and alive:
            state = JobState.RUNNING
        elif (job / "cancelled").exists():
            state = JobState.CANCELLED
        else:
            state = JobState.LOST if exit_code is None else JobState.FAILED
        code = None if exit_code is None else int(exit_code)
        return JobStatus(state, code, collected=(job / "collected").exists())

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

    def cancel(self, submission_id: str) -> None:
        job = self.folder / submission_id
        if self.status(submission_id).state.final:
            return
        (job / "cancelled").touch()
        self._ensure_kept(submission_id)
        pids = json.loads(_read(job / "pid") or "null")
        if pids is None:
            return  # it had not started, and now it will not
        if process.is_alive(pids["keeper"]):
            os.kill(pids["keeper"]["pid"], signal.SIGTERM)
        elif process.group_is_alive(pids["job"]):  # its keeper was killed: nobody is left who could wait
            process.signal_group(pids["job"]["pid"], signal.SIGKILL)

    def collect(self, submission_id: str) -> None:
        (self.folder / submission_id / "collected").touch()

    def _describe(self, spec: JobSpec) -> None:
        """Make the job's folder, with spec.json in it from its first moment on; do nothing when it is there."""
        if (self.folder / spec.submission_id).is_dir():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = pathlib.Path(tempfile.mkdtemp(prefix=".draft-", dir=self.folder))
        (draft / "spec.json").write_text(spec.model_dump_json(indent=2))
        try:
            draft.rename(self.folder / spec.submission_id)
        except OSError:
            if not (self.folder / spec.submission_id).is_dir():
                raise
            shutil.rmtree(draft)  # another submitter of the same job was faster

    def _ensure_kept(self, submission_id: str) -> None:
        """Start a keeper for a job that has none yet, and return when the job was started (or ended at once).

        When two submitters start a keeper each, the keepers' lock lets one of them have the job.
        """
        job = self.folder / submission_id
        if _was_taken(job):
            return
        environment = {name: value for name, value in os.environ.items() if not name.lstrip("_").startswith("AIRFLOW")}
        with (job / "keeper.log").open("ab") as log:
            keeper = subprocess.Popen(
                [sys.executable, "-S", "-E", str(KEEPER), str(job)],
                env=environment,  # the job inherits it: Airflow's connections and secrets are none of its business
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        give_up = time.monotonic() + KEEPER_STARTS_WITHIN_S
        while not _was_taken(job):
            if keeper.poll() or time.monotonic() > give_up:  # it ends with 0 when another keeper has the job
                raise BatchError(f"{submission_id}: its keeper did not start the job, see {job / 'keeper.log'}")
            time.sleep(0.01)


def _was_taken(job: pathlib.Path) -> bool:
    """Whether a keeper has or had the job in this folder."""
    return (job / "pid").exists() or (job / "exit_code").exists()


def _read(path: pathlib.Path) -> str | None:
    """Text of a file, None when it is not there (yet)."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
