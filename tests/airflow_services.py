"""The demo's Airflow services with DAGs and a job of their own, to be killed and started again; runs of these DAGs.

In: an empty home, and an Airflow database or none (then PostgreSQL is one of the services). Out: what people see of a
run, and what there is of its job. The job counts its starts, writes numbered lines and ends when it is told to.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import httpx
import psutil

from demo import credentials, services
from demo.layout import ROOT, Layout
from demo.supervision import left_behind
from tests.plugins.waiting import wait_until
from tests.ports import demo_ports

JOB = """
import fcntl, json, os, pathlib, sys, time
part = sys.argv[sys.argv.index("--part") + 1]
place = pathlib.Path(os.environ["BARDLOOP_HOME"], part)
with place.with_suffix(".pids").open("a") as pids:
    print(os.getpid(), file=pids)
alone = place.with_suffix(".lock").open("w")
try:
    fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    place.with_suffix(".doubled").touch()
number = 0
while not place.with_suffix(".end").exists():
    time.sleep(0.05)
    number += 1
    print(f"line {number:05} of {part}", file=sys.stderr)
print(f"wandb run: https://wandb.example/{part}", file=sys.stderr)
print("train:  25%|## | 3/12 [00:05<00:15,  1.7s/step, loss=2.345]", end="", file=sys.stderr)
while not place.with_suffix(".code").exists():
    time.sleep(0.05)
print(f"\\n{part}: that was line {number}", file=sys.stderr)
page = place.parent / "runs" / "demo" / part / "evaluation.html"
page.parent.mkdir(parents=True, exist_ok=True)
page.write_text("<!doctype html><title>Evaluation</title><h1>%s</h1>" % part)
print(json.dumps({"lines": number, "page": str(page)}))
sys.exit(int(place.with_suffix(".code").read_text()))
"""
SERVICES = ("airflow-api", "airflow-dags", "airflow-scheduler", "airflow-triggerer")
DAGS = (ROOT / "tests" / "dags" / "deferred_dag.py", ROOT / "dags" / "unwanted_jobs.py")
DAG_COUNT = 4
FASTER = {
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    # The workers of a killed scheduler hold its database connection open, with the locks of the transaction it was in.
    "PGOPTIONS": "-c idle_in_transaction_session_timeout=15s",
}
"""What a killed triggerer, scheduler or worker held waits for another this long, not minutes; so do time-outs."""
KEEP_ENVIRONMENT = {"SPT_NOENV": "1"}
"""Airflow's processes write their titles; without this over their environment too, by which they are found."""


class RunningAirflow:
    """The services on free ports. `start` and `kill` take a service's name."""

    def __init__(self, home: pathlib.Path, database_url: str | None = None):
        ports = demo_ports()
        self.home, self.processes, self._changes = home, {}, threading.Lock()
        self.layout = Layout(home=home, ports=ports, recipe=ROOT / "recipes" / "demo.yaml")
        self.database_url = database_url or services.airflow_database_url(self.layout)
        self.services = SERVICES if database_url else ("postgres", *SERVICES)
        python = home / "job-python"
        python.write_text(f"#!{sys.executable} -S\n{JOB}")
        python.chmod(0o755)
        (home / "dags").mkdir()
        for file in DAGS:
            shutil.copy(file, home / "dags")
        self.settings = FASTER | KEEP_ENVIRONMENT
        self.settings |= {
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.database_url,
            "BARDLOOP_JOB_PYTHON": str(python),
        }

    def start_all(self) -> None:
        """Start the services; return when a run can be started."""
        for name in self.services:
            self.start(name)
            if name == "postgres":
                self._launch("airflow-database").wait(120)
        with contextlib.closing(self.log_in()) as client:
            wait_until(lambda: client.get("/api/v2/dags").json()["total_entries"] == DAG_COUNT, within_s=120)

    def start(self, name: str) -> None:
        """Start a service and return when it runs."""
        service = next(service for service in services.SERVICES if service.name == name)
        self.processes[name] = self._launch(name)
        if service.ports or name == "postgres":
            wait_until(lambda: service.is_up(self.layout), within_s=service.patience_s)

    def _launch(self, name: str) -> subprocess.Popen:
        with (self.home / f"{name}.log").open("a") as log:
            return subprocess.Popen(
                services.command(name, self.layout),
                env=services.environment(name, self.layout) | self.settings,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the service's first process, of PostgreSQL to the postmaster too; wait for its end."""
        with self._changes:
            postmaster = self._postmaster() if name == "postgres" else None  # raises while it starts
            process = self.processes.pop(name)
        if postmaster:
            backends = postmaster.children()
            postmaster.send_signal(how)
            psutil.wait_procs(backends, timeout=30)  # they end by themselves; a new server waits for them
        process.send_signal(how)
        process.wait(60)

    @contextlib.contextmanager
    def without(self, name: str, how: signal.Signals = signal.SIGKILL):
        """The service is down within the block."""
        self.kill(name, how)
        try:
            yield
        finally:
            self.start(name)

    def revive(self) -> bool:
        """Start services that have ended, as supervisord does. Does not wait until they run; whether there were any."""
        with self._changes:
            ended = [name for name, process in self.processes.items() if process.poll() is not None]
            for name in ended:
                self.processes[name] = self._launch(name)
        return bool(ended)

    def _postmaster(self) -> psutil.Process:
        return psutil.Process(int((self.layout.postgres / "postmaster.pid").read_text().split()[0]))

    def task_runner(self) -> tuple[psutil.Process, psutil.Process] | None:
        """The executor's process that has the task that was started last, and that task's own process."""
        found = []
        with contextlib.suppress(psutil.NoSuchProcess, KeyError):
            for worker in psutil.Process(self.processes["airflow-scheduler"].pid).children():
                found += [(task.create_time(), worker, task) for task in worker.children()]
        if not found:
            return None
        _, worker, task = max(found, key=lambda each: each[0])
        return worker, task

    def stop(self) -> list[str]:
        """End everything; what was not found as a service, nor as a descendant of one, nor as a job: its titles."""
        known = []
        for name in (name for name in reversed(self.services) if name in self.processes):
            process = psutil.Process(self.processes[name].pid)
            known += process.children(recursive=True)
            if name == "postgres":
                known.append(self._postmaster())
                known[-1].send_signal(signal.SIGINT)  # a fast shutdown
                self.processes[name].kill()
            else:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            self.processes[name].wait(60)
        psutil.wait_procs(known, timeout=10)
        left = left_behind(self.home)
        titles = []
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                titles.append(" ".join(process.cmdline()))
                process.kill()
        psutil.wait_procs(left, timeout=10)
        return titles

    def log_in(self) -> httpx.Client:
        """A client with the admin's token."""
        client = httpx.Client(base_url=self.layout.address("BARDLOOP_AIRFLOW_PORT"), timeout=60)
        password = credentials.load(self.home)["airflow_password"]
        token = client.post("/auth/token", json={"username": "admin", "password": password}).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        return client


class Run:
    """A run of one of the DAGs and its job, which is called `part`."""

    def __init__(self, running: RunningAirflow, client: httpx.Client, dag_id: str, part: str):
        self.client, self.dag_id, self.part, self.place = client, dag_id, part, running.home / part
        self.batch = running.home / "batch"
        self.run_id = part
        wanted = {"logical_date": None, "conf": {"part": part}, "dag_run_id": part}
        answer = client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=wanted)
        assert answer.is_success or answer.status_code == 409, answer.text  # 409: asked for again, it is there
        self.task = f"dags/{dag_id}/dagRuns/{self.run_id}/taskInstances/work"

    def ask(self, method: str, path: str, **what):
        answer = self.client.request(method, f"/api/v2/{path}", **what)
        assert answer.is_success, answer.text
        return answer.json()

    def state(self) -> str | None:
        return self.ask("get", self.task)["state"]

    def wait_for(self, *states: str, within_s: float = 60) -> None:
        wait_until(lambda: self.state() in states, within_s)

    def end(self, code: int = 0) -> None:
        """Let the job stop talking, then end."""
        self.place.with_suffix(".end").touch()
        time.sleep(1)
        self.place.with_suffix(".code").write_text(str(code))

    def pids(self) -> list[int]:
        """Pids of the jobs, one for each time that it was started."""
        file = self.place.with_suffix(".pids")
        return [int(pid) for pid in file.read_text().split()] if file.exists() else []

    def log(self, attempt: int = 1) -> list[str]:
        """The messages of the task's log, as the UI gets them; none of a try that Airflow forgot: nobody sees them.

        It forgets a try of which it heard nothing: the API server was away, then the worker died.
        """
        answer = self.client.get(f"/api/v2/{self.task}/logs/{attempt}", params={"full_content": True})
        if answer.status_code == 404 and "TaskInstance not found" in answer.text:
            return []
        assert answer.is_success, answer.text
        return [entry["event"] for entry in answer.json()["content"]]

    def numbered_lines(self, attempt: int = 1) -> list[str]:
        return [line for line in self.log(attempt) if re.fullmatch(rf"line \d{{5}} of {self.part}", line)]

    def links(self) -> dict[str, str | None]:
        """The buttons of the task: name to address, None where it is greyed out."""
        return self.ask("get", f"{self.task}/links")["extra_links"]

    def summary(self) -> dict:
        return self.ask("get", f"{self.task}/xcomEntries/return_value", params={"deserialize": True})["value"]

    def clear(self) -> None:
        what = {"dry_run": False, "dag_run_id": self.run_id, "task_ids": ["work"], "only_failed": False}
        self.ask("post", f"dags/{self.dag_id}/clearTaskInstances", json=what)
