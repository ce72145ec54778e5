"""BatchJobOperator: one task that runs one job through a batch backend.

In: a job's name, the run's settings, the job's own arguments. Out (XCom): the job's summary. The job outlives the
task process: a retry after a crash of Airflow finds it and attaches, and only a job that ended itself is started anew.
"""

import itertools
import json
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from bardloop_airflow.commands import accelerate_launcher, job_command
from bardloop_airflow.places import ROOT, home, job_python
from bardloop_airflow.run_settings import checked_recipe
from bardloop_airflow.submission_ids import submission_id, work_id

WRONG_INPUT = 2
"""Exit code of a job whose recipe or arguments are wrong: the same at every try."""

REASON_AMONG_LINES = 200
"""A launcher may write this many lines of its own after the job's last."""


class BatchJobOperator(BaseOperator):
    """Run `python -m jobs <job>` where the recipe says (`batch.backend`) and wait for it.

    Args:
        job: name of the job, e.g. `download`.
        settings: `RunSettings`, usually the result of the DAG's first task.
        arguments: the job's own options without dashes, e.g. {"part": "uuub3g"}.
        accelerate: start it with `accelerate launch` and the resources of the recipe's batch section; other jobs
            ask for one CPU.
        event_facts: fields of the summary that go into the events of this task's outlets, beside the settings.
        links: buttons of this task in Airflow's UI. A mapped task has none.

    Raises:
        AirflowFailException: the recipe or the arguments are wrong; a retry would not help.
        AirflowException: the job failed; the message is its last line.
    """

    template_fields: Sequence[str] = ("job", "settings", "arguments")
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
        self.operator_extra_links = tuple(links)
        self._backend = None
        self._submission_id: str | None = None

    def execute(self, context) -> dict:
        """Submit the job or attach to it, show its log, wait, and return its summary."""
        # These import the contracts' pydantic models: at run time, not when the DAG file is read.
        from bardloop_airflow.batch.backends import backend
        from bardloop_airflow.batch.follow import follow
        from bardloop_airflow.batch.interface import BatchError

        recipe = checked_recipe(self.settings)
        try:
            self._backend = backend(recipe.batch.backend, home())
        except BatchError as error:
            raise AirflowFailException(str(error)) from None
        command, resources = self._command_and_resources(recipe)
        ti = context["ti"]
        work = work_id(ti.dag_id, ti.run_id, ti.task_id, ti.map_index, command)
        self._submission_id = self._submit_or_attach(work, command, resources)

        log_end: deque[str] = deque(maxlen=REASON_AMONG_LINES)

        def show(line: str) -> None:
            self.log.info("%s", line)
            log_end.append(line)

        status = follow(self._backend, self._submission_id, show)
        if status.exit_code == WRONG_INPUT:
            raise AirflowFailException(self._reason(log_end))
        if status.exit_code != 0:
            code = "" if status.exit_code is None else f", exit code {status.exit_code}"
            raise AirflowException(f"{self._reason(log_end)} ({status.state}{code})")
        summary = self._summary()
        self._describe_events(context["outlet_events"], summary)
        self._backend.collect(self._submission_id)
        return summary

    def on_kill(self) -> None:
        """End the job when the task is ended: by a person, or because it took longer than `execution_timeout`."""
        if self._backend is not None and self._submission_id is not None:
            self.log.info("Cancelling job %s", self._submission_id)
            self._backend.cancel(self._submission_id)

    def _command_and_resources(self, recipe) -> tuple[tuple[str, ...], dict[str, Any]]:
        """The job's command line, and what it asks for in the words of `contracts.job_spec.JobSpec`."""
        arguments = (job_python(), home(), self.job, self.settings["recipe"], self.settings["overrides"])
        if not self.accelerate:
            return job_command(*arguments, self.arguments), {}
        batch = recipe.batch
        launcher = accelerate_launcher(recipe.train.accelerate, batch.processes)
        resources = batch.model_dump(include={"cpus", "gpus", "processes", "memory_gib"})
        resources["grace_s"] = batch.grace_seconds
        resources["time_limit_s"] = batch.time_limit_hours * 3600
        return job_command(*arguments, self.arguments, launcher), resources

    def _submit_or_attach(self, work: str, command: Sequence[str], resources: Mapping[str, Any]) -> str:
        """Submission id of the attempt to follow: the one that is not over, else a new one."""
        from contracts.job_spec import JobSpec

        for attempt in itertools.count(1):
            identity = submission_id(work, attempt)
            status = self._backend.find(identity)
            if status is not None and status.state.final and (status.exit_code != 0 or status.collected):
                continue  # it failed, or it did its work for an earlier try that a person cleared: run it again
            spec = JobSpec(
                submission_id=identity,
                command=command,
                working_directory=str(ROOT),
                environment={"BARDLOOP_HOME": str(home())},
                **resources,
            )
            verb = "Submitting" if status is None else f"Attaching to {status.state}"
            self.log.info("%s job %s: %s", verb, identity, " ".join(command))
            self._backend.submit(spec)
            break
        return identity

    def _summary(self) -> dict:
        """The job's last line of stdout as an object."""
        line = self._backend.read_output(self._submission_id)
        try:
            summary = json.loads(line)
        except json.JSONDecodeError:
            summary = None
        if not isinstance(summary, dict):
            raise AirflowException(f"{self.job}: its summary (last line of stdout) is no JSON object: {line[:200]!r}")
        return summary

    def _describe_events(self, outlet_events, summary: Mapping[str, Any]) -> None:
        """Say in the outlets' events what they are about."""
        facts = {"recipe": self.settings["recipe"], "overrides": list(self.settings["overrides"])}
        facts |= {name: summary.get(name) for name in self.event_facts}
        for outlet in self.outlets:
            outlet_events[outlet].extra = facts

    def _reason(self, log_end: Sequence[str]) -> str:
        """Why the job failed: the line that it wrote about that, else the last line of all."""
        own = [line for line in log_end if line.startswith(f"{self.job}: ")]
        return (own or list(log_end) or [f"{self.job} wrote nothing to stderr"])[-1]
