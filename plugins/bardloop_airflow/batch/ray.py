"""Ray batch backend: each job is a job of the Ray Jobs API whose submission id is ours, followed through files in home.

In: job specs, the address of a Ray dashboard and its token. Out: jobs on the cluster's nodes, which share home; what
they leave there says how they are, and Ray is asked about those that have not said yet. Ray keeps its jobs in the
head's memory, so a new head knows none of them. Plain HTTP: importing ray would cost each process of Airflow a second
and 90 MiB.
"""

import logging
import math
import pathlib
import shlex
from typing import Any

import httpx

from bardloop_airflow.batch.interface import BatchError, BatchRefusedError, JobState, JobStatus, Place
from bardloop_airflow.batch.records import RecordedBackend, give_up, home_id, keeper_is_heard, recorded_end
from contracts.job_spec import JobSpec

log = logging.getLogger(__name__)

JOB_START = pathlib.Path(__file__).with_name("job_start.py")
HOME_KEY = "bardloop_home"
ANSWERS_WITHIN_S = 30.0
STOP_MARGIN_S = 15
"""Ray kills a stopped job's processes this many seconds after our keeper should have done so."""


class RayBackend(RecordedBackend):
    """Runs jobs on the Ray cluster whose dashboard is at `place`; `folder` is home/batch.

    The job's interpreter, the first word of its command, also runs job_start.py: both, the code and home have to be
    at the same path on every node. cpus, gpus and memory_gib are what Ray reserves for the job on one node.
    """

    def __init__(self, folder: pathlib.Path, place: Place):
        super().__init__(folder)
        self.place = place
        scheme = "" if "://" in place.host else "http://"
        port = f":{place.port}" if place.port else ""
        self.address = f"{scheme}{place.host}{port}"
        headers = {"Authorization": f"Bearer {place.token}"} if place.token else {}
        self._http = httpx.Client(base_url=self.address, headers=headers, timeout=ANSWERS_WITHIN_S)

    def submit(self, spec: JobSpec) -> None:
        """As the interface says.

        Two submitters are no danger: Ray takes an id once, and in home the keepers' lock lets one run the job.
        """
        if spec.machines != 1:
            raise BatchRefusedError(
                f"batch.machines is {spec.machines}: a Ray job runs on one machine; use batch.backend=slurm"
            )
        job = self.describe(spec)
        if any((job / mark).exists() for mark in ("submitted", "pid", "cancelled", "lost", "exit_code")):
            return
        home = home_id(self.folder.parent)
        answer = self._ask("POST", "", json=_request(spec, job, home))
        if answer.is_error:
            known = self._ask("GET", spec.submission_id)
            if known.status_code == httpx.codes.NOT_FOUND:
                raise BatchError(f"{self.address}: Ray does not take {spec.submission_id}: {_last_line(answer.text)}")
            if _details(known)["metadata"].get(HOME_KEY) != home:
                raise BatchError(
                    f"{self.address}: Ray has a job {spec.submission_id} from another home folder; "
                    f"delete it there (`ray job delete {spec.submission_id}`) or submit from that home"
                )
        (job / "submitted").touch()

    def find(self, submission_id: str) -> JobStatus | None:
        """As the interface says.

        Raises:
            BatchError: the job has not ended and Ray cannot be asked.
        """
        job = self.folder / submission_id
        if not job.is_dir():
            return None
        if (end := recorded_end(job)) is not None:
            return end
        if not any((job / mark).exists() for mark in ("submitted", "pid")):  # Ray may have it or not: `submit` sees
            return JobStatus(JobState.CANCELLED if (job / "cancelled").exists() else JobState.PENDING)
        answer = self._ask("GET", submission_id)
        details = None if answer.status_code == httpx.codes.NOT_FOUND else _details(answer)
        status = None if details is None else details["status"]
        if status == "PENDING":  # the keeper would see the marker: the job will not run any more
            return JobStatus(JobState.CANCELLED if (job / "cancelled").exists() else JobState.PENDING)
        if status != "RUNNING" and recorded_end(job) is None:
            if keeper_is_heard(job):  # a raylet that is killed leaves its jobs running, on GPUs that Ray gives away
                (job / "displaced").touch()
            else:
                self._note_end(job, details)
        return recorded_end(job) or JobStatus(JobState.RUNNING)

    def cancel(self, submission_id: str) -> None:
        """As the interface says. The keeper sees the marker within seconds, also when Ray cannot be reached.

        Ray's own stop comes on top. It signals every process of the job and kills them after
        RAY_JOB_STOP_WAIT_TIME_S, which each of our jobs sets to its own grace and a little more.
        """
        job = self.mark_cancelled(submission_id)
        if job is None:
            return
        try:
            self._ask("POST", f"{submission_id}/stop")
        except BatchError as error:
            log.warning("%s: ends through its marker in %s alone: %s", submission_id, job, error)

    def _note_end(self, job: pathlib.Path, details: dict[str, Any] | None) -> None:
        """Write down the end of a job that has left none: lost, or over before its keeper started."""
        began = (job / "pid").exists()
        if (job / "cancelled").exists() and not began:
            give_up(job, "cancelled before it started")
            return
        if details is None:
            give_up(job, f"lost: the Ray head at {self.address} was started anew and does not know the job")
            return
        said = _last_line(details["message"] or "").removeprefix("batch: ")
        code = details["driver_exit_code"]
        if code is not None and code > 0 and not began:
            give_up(job, said, code)
        else:
            give_up(job, f"lost: Ray says {details['status']}, {details['error_type'] or 'for no reason'}: {said}")

    def _ask(self, method: str, path: str, **content) -> httpx.Response:
        """Ray's answer, whatever it is.

        Raises:
            BatchError: it gave none, or wants another token.
        """
        try:
            answer = self._http.request(method, f"/api/jobs/{path}", **content)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise BatchError(f"{self.address}: no answer from Ray's dashboard ({reason}); is the head up?") from error
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise BatchError(
                f"{self.address}: Ray refuses the token ({answer.text.strip()}); "
                "the password of the connection has to be the cluster's RAY_AUTH_TOKEN"
            )
        return answer


def _request(spec: JobSpec, job: pathlib.Path, home: str) -> dict[str, Any]:
    """The body of a submit request. The spec's environment and working folder are set by the keeper, on the node."""
    command = shlex.join([spec.command[0], "-S", "-E", str(JOB_START), str(job)])
    stop_wait = math.ceil(spec.grace_s) + STOP_MARGIN_S
    request = {
        "entrypoint": f"exec {command}",  # no shell in between: a signal reaches job_start.py
        "submission_id": spec.submission_id,
        "runtime_env": {"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": str(stop_wait)}},
        "metadata": {HOME_KEY: home},
        "entrypoint_num_cpus": spec.cpus,
        "entrypoint_num_gpus": spec.gpus,
    }
    if spec.memory_gib is not None:
        request["entrypoint_memory"] = int(spec.memory_gib * 2**30)
    return request


def _details(answer: httpx.Response) -> dict[str, Any]:
    """What Ray knows about one job.

    Raises:
        BatchError: the answer is no such thing.
    """
    if answer.is_error:
        raise BatchError(f"{answer.url}: Ray answers {answer.status_code}: {_last_line(answer.text)}")
    details = answer.json()
    return details | {"metadata": details["metadata"] or {}}


def _last_line(text: str) -> str:
    """The last line of a traceback: what was wrong."""
    return (text.strip().splitlines() or ["no reason"])[-1]
