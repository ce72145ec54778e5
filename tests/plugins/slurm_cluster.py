"""A Slurm cluster of two nodes on this machine: munged, slurmctld and two slurmd, in one folder, on free ports.

In: an empty folder. Out: `cluster.environment`, with which Slurm's commands reach it and no other.
"""

import contextlib
import getpass
import os
import pathlib
import secrets
import shutil
import socket
import subprocess
from collections.abc import Collection, Iterator

import psutil
import pytest

from tests.plugins.waiting import wait_until
from tests.ports import free_ports

INSTALL = "apt-get install --no-install-recommends slurmctld slurmd slurm-client munge"
NODES = ("n1", "n2")


def require_slurm() -> None:
    """Skip the test where Slurm is not installed; fail it under CI=true."""
    missing = [name for name in ("munged", "slurmctld", "slurmd", "sbatch") if not shutil.which(name, path=_path())]
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"no {', '.join(missing)}; as root: {INSTALL}")
    if missing:
        pytest.skip(f"no {', '.join(missing)}; as root: {INSTALL}")


class SlurmCluster:
    """Attributes: folder, environment. The processes end with `stop`, and so does what their jobs left."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}
        self._processes: dict[str, subprocess.Popen] = {}
        (folder / "slurm.conf").write_text(_configuration(folder))
        (folder / "munge.key").write_bytes(secrets.token_bytes(128))
        (folder / "munge.key").chmod(0o600)

    def start(self) -> None:
        files = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munge.pid"}
        files |= {"log-file": "munge.log", "seed-file": "munge.seed"}
        options = [f"--{option}={self.folder / name}" for option, name in files.items()]
        self._start("munged", "--foreground", "--force", *options)
        wait_until((self.folder / "munge.socket").exists)
        self.start_controller()
        for node in NODES:
            self.start_node(node)

    def start_controller(self, *, forget: bool = False) -> None:
        """slurmctld, from the state it saved last or with none; returns when it answers."""
        self._start("slurmctld", "-D", *(["-c"] if forget else []))
        wait_until(lambda: "UP" in self.run("scontrol", "ping"), 60)

    def kill_controller(self) -> None:
        self._kill("slurmctld")

    def start_node(self, node: str) -> None:
        """A node's slurmd; returns when the node is ready for jobs."""
        self._start("slurmd", "-D", "-N", node, name=node)
        wait_until(lambda: self._is_idle(node), 60)

    def kill_slurmd(self, node: str) -> None:
        """The jobs on the node run on."""
        self._kill(node)

    def kill_node(self, node: str) -> None:
        """As when its power fails: slurmd, the jobs' slurmstepd and the jobs, all at once."""
        self._kill(node)
        kill_all(self.processes([node]))

    def resume(self, node: str) -> None:
        """Bring a node back, whatever happened to it."""
        if self._processes[node].poll() is not None:
            self._start("slurmd", "-D", "-N", node, name=node)
        self.run("scontrol", "update", f"nodename={node}", "state=resume")
        wait_until(lambda: self._is_idle(node), 60)

    def mark_down(self, node: str) -> None:
        """What slurmctld does itself when a node has not answered for SlurmdTimeout."""
        self.run("scontrol", "update", f"nodename={node}", "state=down", "reason=test")

    def numbers(self, script: pathlib.Path) -> list[str]:
        """Numbers of all jobs, ended ones too, that were submitted with this script."""
        rows = [line.split() for line in self.run("squeue", "-h", "-t", "all", "-o", "%A %o").splitlines()]
        return [number for number, command in rows if command == str(script)]

    @contextlib.contextmanager
    def nothing_starts(self) -> Iterator[None]:
        """Jobs wait in the queue."""
        self.run("scontrol", "update", "partition=main", "state=down")
        try:
            yield
        finally:
            self.run("scontrol", "update", "partition=main", "state=up")

    def run(self, *words: str) -> str:
        """What one of Slurm's commands prints; empty when it fails."""
        return subprocess.run(words, env=os.environ | self.environment, capture_output=True, text=True).stdout

    def end_all_jobs(self) -> None:
        self.run("scancel", "--full", "--signal=KILL", f"--user={os.getuid()}")
        self.run("scancel", f"--user={os.getuid()}")
        wait_until(lambda: not self.run("squeue", "-h"), 60)

    def stop(self) -> None:
        for name in reversed(self._processes):
            self._kill(name)
        kill_all(self.processes())

    def node_of(self, name: str) -> str:
        """The node on which the job of that name runs."""
        return self.run("squeue", "-h", "-n", name, "-o", "%N").strip()

    def processes(self, nodes: Collection[str] = NODES) -> list[psutil.Process]:
        """What Slurm runs for jobs on the nodes: slurmstepd, which stay in slurmd's folder, and the jobs' processes."""
        spools = [str(self._spool(node)) for node in nodes]
        steps, of_jobs = [], []
        for process in psutil.process_iter(["name", "environ", "cwd"]):
            environment = process.info["environ"] or {}
            if process.info["name"] == "slurmstepd" and process.info["cwd"] in spools:
                steps.append(process)
            elif environment.get("SLURM_CONF") == self.environment["SLURM_CONF"]:
                of_jobs += [process] if environment.get("SLURMD_NODENAME") in nodes else []
        return [*steps, *of_jobs]

    def _spool(self, node: str) -> pathlib.Path:
        return self.folder / f"spool-{node}"

    def _is_idle(self, node: str) -> bool:
        return self.run("sinfo", "-h", "-n", node, "-o", "%T").strip() == "idle"

    def _start(self, program: str, *options: str, name: str | None = None) -> None:
        path = shutil.which(program, path=_path())
        with (self.folder / f"{name or program}.out").open("ab") as log:
            self._processes[name or program] = subprocess.Popen(
                [path, *options],
                cwd=self._spool(name) if name in NODES else self.folder,
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _kill(self, name: str) -> None:
        self._processes[name].kill()
        self._processes[name].wait()


def kill_all(processes: list[psutil.Process]) -> None:
    """kill -9 for all of them; those that are gone do not matter."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _path() -> str:
    """Daemons lie where only root's PATH looks."""
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def _configuration(folder: pathlib.Path) -> str:
    """slurm.conf: no accounting, no cgroups, everything on 127.0.0.1. The nodes claim CPUs that may not be there."""
    host, user = socket.gethostname().split(".")[0], getpass.getuser()
    controller, *ports = free_ports(1 + len(NODES))
    for name in ("state", *(f"spool-{node}" for node in NODES)):
        (folder / name).mkdir()
    nodes = [
        f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=4 RealMemory=8000"
        for node, port in zip(NODES, ports, strict=True)
    ]
    return "\n".join(
        [
            "ClusterName=test",
            "MessageTimeout=3",
            f"SlurmctldHost={host}(127.0.0.1)",
            f"SlurmctldPort={controller}",
            f"SlurmUser={user}",
            f"SlurmdUser={user}",
            "AuthType=auth/munge",
            f"AuthInfo=socket={folder / 'munge.socket'}",
            "CommunicationParameters=NoCtldInAddrAny,NoInAddrAny",
            f"StateSaveLocation={folder / 'state'}",
            f"SlurmdSpoolDir={folder / 'spool-%n'}",
            f"SlurmctldPidFile={folder / 'slurmctld.pid'}",
            f"SlurmdPidFile={folder / 'slurmd-%n.pid'}",
            "ProctrackType=proctrack/linuxproc",
            "TaskPlugin=task/none",
            "JobAcctGatherType=jobacct_gather/none",
            "AccountingStorageType=accounting_storage/none",
            "MpiDefault=none",
            "SwitchType=switch/none",
            "SelectType=select/cons_tres",
            "SelectTypeParameters=CR_CPU_Memory",
            "SchedulerParameters=batch_sched_delay=0,sched_interval=2",
            "SlurmdParameters=config_overrides",
            "ReturnToService=2",
            *nodes,
            "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP",
        ]
    )
