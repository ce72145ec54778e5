"""BatchJobOperator: one task that runs one job through a batch backend.

In: a job's name, the run's settings, the job's own arguments. Out (XCom): the job's summary. The job outlives every
process of Airflow: a retry attaches to it; only one that failed, or whose task a person cleared, is started anew.
"""

import datetime
import json
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import NEVER_EXPIRE, BaseOperator, BaseOperatorLink
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowTaskTimeout, TaskDeferralTimeout

from bardloop_airflow.commands import accelerate_launcher, job_command
from bardloop_airflow.links import WANDB_RUN, RayJobLink, WandbRunLink
from bardloop_airflow.places import ROOT, home, job_python
from bardloop_airflow.run_settings import checked_recipe
from bardloop_airflow.submission_ids import submission_id, work_id
from bardloop_airflow.task_defaults import GPUS
from bardloop_airflow.triggers.task_state import OVER, task_states

NOT_RETRIED = {2, 124}
"""Exit codes of a job whose recipe or arguments are wrong, and of one whose time was up: the same at every try."""

DEFERS_AFTER_S = 5.0
"""To defer and to be woken up takes a second process and some seconds: shorter jobs are waited for."""

TELLS_WITHIN_S = 3.0
"""How long a task that is to end may ask what became of it: Airflow kills it after 5 s."""

CLEARED_WHILE_IT_RAN = "restarting"

STORED_JOB = "job"
"""Key in the task's state store: {"submission_id", "backend", "max_tries"} of the job that was submitted last."""


class BatchJobOperator(BaseOperator):
    """Run `python -m jobs <job>` where the recipe says (`batch.backend`) and wait for it, deferred.

    Args:
        job: name of the job, e.g. `download`.
        settings: `RunSettings`, usually the result of the DAG's first task.
        arguments: the job's own options without dashes, e.g. {"part": "uuub3g"}.
        accelerate: start it with `accelerate launch`, on all machines of the recipe's batch section.
        pool: in the pool `gpus` the job asks for what the batch section says (of one machine, unless `accelerate`);
            in others for one CPU.
        event_facts: fields of the summary that go into the events of this task's outlets, beside the settings.
        links: buttons of this task in Airflow's UI, beside the job's page in Ray's dashboard. A mapped task has only
            that one.

    Raises:
        AirflowFailException: the recipe or the arguments are wrong; a retry would not help.
        AirflowException: the job failed (the message is its last line), or took longer than `execution_timeout`.
    """

    template_fields: Sequence[str] = ("job", "settings", "arguments")
    operator_extra_links = (RayJobLink(),)
    ui_color = "#e8e4f3"

    def __init__(
        self,
        *,
        job: str,
        settings: Mapping[str, Any] | Any,
        arguments: Mapping[str, str] | Any = None,
        accelerate: bool = False,
        event_facts: Sequence[str] = (),
        links: Sequence[BaseOperatorLink] = (),
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.job = job
        self.settings = settings
        self.arguments = arguments
        self.accelerate = accelerate
        self.event_facts = event_facts
        self.operator_extra_links = (*type(self).operator_extra_links, *links)
        self.batch_backend: str | None = None
        self.submission_id: str | None = None
        self._backend = None
        self._task: dict[str, Any] | None = None
        self._killed = False

    def execute(self, context) -> dict:
        """Submit the job or attach to it, wait a little for its end, then defer."""
        # Late, here and below: they import the contracts' pydantic models, which a DAG file must not wait for.
        from bardloop_airflow.batch.interface import BatchRefusedError
        from contracts.job_spec import JobSpec

        recipe = checked_recipe(self.settings)
        command, resources = self._command_and_resources(recipe)
        ti = context["ti"]
        task = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "map_index": ti.map_index}
        self._task = task
        self.submission_id = self._attempt_to_follow(work_id(*task.values(), command), recipe.batch.backend, context)
        # Before the job is there, so that nobody who comes later can overlook it.
        stored = {"submission_id": self.submission_id, "backend": self.batch_backend, "max_tries": ti.max_tries}
        context["task_state_store"].set(STORED_JOB, stored, retention=NEVER_EXPIRE)
        self.log.info("Job %s: %s", self.submission_id, " ".join(command))
        spec = JobSpec(
            submission_id=self.submission_id,
            command=command,
            working_directory=str(ROOT),
            environment={"BARDLOOP_HOME": str(home())},
            owner={"backend": self.batch_backend} | task,
            **resources,
        )
        if self._killed:  # Airflow's handler of SIGTERM calls on_kill and comes back here
            raise AirflowFailException(f"{self.job}: the task was ended before its job was submitted")
        try:
            self._backend.submit(spec)
        except BatchRefusedError as error:
            raise AirflowFailException(str(error)) from None
        status = self._follow(context, DEFERS_AFTER_S)
        if not status.state.final:
            self._defer(ti)
        return self._result(context)

    def job_ended(self, context, event: Mapping[str, str]) -> dict:
        """The summary of the job that the trigger saw end: where the task goes on after it was deferred."""
        self.submission_id = event["submission_id"]
        self._connect(context["task_state_store"].get(STORED_JOB)["backend"])
        return self._result(context)

    def resume_execution(self, next_method, next_kwargs, context):
        """Go on after the deferral; when it lasted too long, end the job first.

        Airflow calls neither the trigger's nor the operator's on_kill when a deferred task's time is up.
        """
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            stored = context["task_state_store"].get(STORED_JOB)
            self._connect(stored["backend"])
            self._end(stored["submission_id"], context)
            raise AirflowFailException(
                f"{self.job}: took longer than execution_timeout ({self.execution_timeout}), job cancelled"
            ) from None

    def on_kill(self) -> None:
        """End the job when nobody wants it any more: a person ended or cleared the task, or its time is up.

        Airflow also calls this in a try that it has given up because it heard nothing of it, the API server or its
        database having been away: then the next try follows the job. So it does where nothing can be learnt here; a
        job whose task turns out to be over is ended by the DAG `unwanted_jobs`.
        """
        self._killed = True
        if self._backend is None or self.submission_id is None:
            return
        time_is_up = isinstance(sys.exception(), AirflowTaskTimeout)
        state = None if time_is_up else self._state_now()
        if time_is_up or state in {*OVER, CLEARED_WHILE_IT_RAN}:
            self.log.info("Cancelling job %s: %s", self.submission_id, "its time is up" if time_is_up else state)
            self._backend.cancel(self.submission_id)
        else:
            self.log.info("Leaving job %s to the next try: the task is %s", self.submission_id, state or "to end")

    def _state_now(self) -> str | None:
        """The task's state as Airflow's database has it; None where there is none, or no answer in time.

        Asked in a thread: this is a signal's handler, and what it interrupted may be asking something itself.
        """
        answer: list[str | None] = []

        def ask() -> None:
            try:
                answer.extend(task_states([self._task]))
            except Exception as error:  # noqa: BLE001  (whatever it is: the task's state is not known then)
                self.log.warning("What became of the task cannot be asked: %s", error)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(TELLS_WITHIN_S)
        return answer[0] if answer else None

    def _connect(self, name: str) -> None:
        """Talk to the backend `name` from now on."""
        from bardloop_airflow.batch.backends import backend
        from bardloop_airflow.batch.connections import place_of
        from bardloop_airflow.batch.interface import BatchError

        self.batch_backend = name
        try:
            self._backend = backend(name, home(), place_of(name))
        except BatchError as error:
            raise AirflowFailException(str(error)) from None

    def _command_and_resources(self, recipe) -> tuple[tuple[str, ...], dict[str, Any]]:
        """The job's command line, and what it asks for in the words of `contracts.job_spec.JobSpec`."""
        batch = recipe.batch
        launcher, machines = ("-m",), 1
        if self.accelerate:
            machines = batch.machines
            launcher = accelerate_launcher(recipe.train.accelerate, batch.processes, machines)
        named = (self.job, self.settings["recipe"], self.settings["overrides"], self.arguments)
        command = job_command(job_python(), home(), *named, launcher)
        if self.pool != GPUS:
            return command, {}
        resources = batch.model_dump(include={"cpus", "memory_gib"}) | {"machines": machines}
        resources["gpus"] = batch.gpus * machines // batch.machines
        resources["processes"] = batch.processes if self.accelerate else 1
        resources["grace_s"] = batch.grace_seconds
        resources["time_limit_s"] = batch.time_limit_hours * 3600
        return command, resources

    def _attempt_to_follow(self, work: str, name: str, context) -> str:
        """Submission id of the attempt to follow. The jobs of all others of this task are over when this returns.

        It is the one that was stored last, whether it waits, runs or has succeeded, unless its job failed, is being
        cancelled, or the task was cleared since then: clearing raises the task's max_tries, a retry does not. It stays
        on the backend where it is; a new attempt goes to the backend `name`.
        """
        stored = context["task_state_store"].get(STORED_JOB)
        if stored is not None:
            identity = stored["submission_id"]
            self._connect(stored["backend"])
            same_work = identity.rpartition("-")[0] == work and stored["max_tries"] == context["ti"].max_tries
            status = self._backend.find(identity)
            if same_work and status is not None and not self._is_over(identity, status):
                self.log.info("Attaching to %s job %s", status.state, identity)
                return identity
            if status is not None:  # the trigger's on_kill has ended it, if the triggerer was up
                self._end(identity, context)
        self._connect(name)
        number = 1
        while self._backend.find(submission_id(work, number)) is not None:
            self._end(submission_id(work, number), context)  # one may run if the DAG run was deleted and made again
            number += 1
        return submission_id(work, number)

    def _is_over(self, identity: str, status) -> bool:
        """Whether a job has ended without success, or was told to end."""
        from bardloop_airflow.batch.backends import records_folder

        if status.state.final:
            return status.exit_code != 0
        return (records_folder(home()) / identity / "cancelled").exists()

    def _end(self, identity: str, context) -> None:
        """Cancel a job and show its log until it is over: until then its GPUs are not free."""
        self.submission_id = identity
        if not self._backend.status(identity).state.final:
            self.log.info("Cancelling job %s", identity)
            self._backend.cancel(identity)
            self._follow(context)

    def _follow(self, context, within_s: float = float("inf")):
        """Show the job's log from where it was left, until the job ends or for `within_s` seconds; its status then."""
        from bardloop_airflow.batch.backends import records_folder
        from bardloop_airflow.batch.follow import BOOKMARK, follow

        def show(line: str) -> None:
            self.log.info("%s", line)
            if run := WANDB_RUN.search(line):
                context["ti"].xcom_push(WandbRunLink().xcom_key, run[1])

        bookmark = records_folder(home()) / self.submission_id / BOOKMARK
        return follow(self._backend, self.submission_id, show, within_s, bookmark)

    def _defer(self, ti) -> None:
        """Leave the worker; what remains of `execution_timeout` is the deferral's."""
        from bardloop_airflow.triggers.batch_job import BatchJobTrigger

        timeout = self.execution_timeout
        if timeout is not None:
            timeout -= datetime.datetime.now(datetime.UTC) - ti.start_date
        trigger = BatchJobTrigger(self.batch_backend, self.submission_id)
        self.defer(trigger=trigger, method_name=self.job_ended.__name__, timeout=timeout)

    def _result(self, context) -> dict:
        """The summary of a job that is over, or the error that says why there is none."""
        from bardloop_airflow.batch.follow import reason

        status = self._backend.status(self.submission_id)
        if status.exit_code in NOT_RETRIED:
            raise AirflowFailException(reason(self._backend, self.submission_id, self.job))
        if status.exit_code != 0:
            code = "" if status.exit_code is None else f", exit code {status.exit_code}"
            why = reason(self._backend, self.submission_id, self.job)
            raise AirflowException(f"{why} ({status.state}{code})")
        line = self._backend.read_output(self.submission_id)
        try:
            summary = json.loads(line)
        except json.JSONDecodeError:
            summary = None
        if not isinstance(summary, dict):
            raise AirflowException(f"{self.job}: its summary (last line of stdout) is no JSON object: {line[:200]!r}")
        facts = {"recipe": self.settings["recipe"], "overrides": list(self.settings["overrides"])}
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = facts | {name: summary.get(name) for name in self.event_facts}
        return summary
