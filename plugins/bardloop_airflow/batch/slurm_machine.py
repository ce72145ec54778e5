"""One machine of a Slurm job over several: `python slurm_machine.py FOLDER WORD ...`, started on each by srun.

In: the command, in which {machine_rank}, {main_process_ip} and {main_process_port} are filled in from Slurm's
environment; SIGUSR1 or a marker in FOLDER, when it is to end. Out: its exit code; the first machine writes to the job's
stdout and stderr itself, since srun hands lines on, and a progress bar is none.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Mapping

import job_start  # run as a script, so this file's folder is on sys.path
import keeper

LOWEST_PORT = 10000
PORTS = 20000
"""Below those that the kernel gives to outgoing connections."""


def main(folder: pathlib.Path, command: list[str]) -> int:
    """Run this machine's part of the job to its end; its exit code."""
    signal.signal(signal.SIGUSR1, lambda *_: os.kill(os.getpid(), signal.SIGTERM))  # the keeper's word for it
    signal.pthread_sigmask(signal.SIG_BLOCK, keeper.SIGNALS)
    refusal = job_start.why_not_here(folder)
    if refusal is not None:
        print(f"batch: {os.uname().nodename}: {refusal}", file=sys.stderr)
        return job_start.WRONG_HOME
    here = words_of_this_machine(os.environ)
    first = here["{machine_rank}"] == "0"
    keeper.inherit_orphans()
    job = subprocess.Popen(
        [here.get(word, word) for word in command],
        stdout=(folder / "stdout").open("ab") if first else None,
        stderr=(folder / "stderr").open("ab") if first else None,
        process_group=0,
        preexec_fn=_as_the_job_expects,
    )
    keeper.wait(folder, job.pid, None, json.loads((folder / "spec.json").read_text())["grace_s"])
    return keeper.finish(job.pid)


def _as_the_job_expects() -> None:
    """Slurm sends SIGUSR1 to every process of the step, the training's too: only this one is meant."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, keeper.SIGNALS)


def words_of_this_machine(environment: Mapping[str, str]) -> dict[str, str]:
    """What stands for the words in braces. The port is the job's own, so that two jobs can share a machine."""
    return {
        "{machine_rank}": environment["SLURM_NODEID"],
        "{main_process_ip}": environment["SLURM_LAUNCH_NODE_IPADDR"],  # srun was started on machine 0
        "{main_process_port}": str(LOWEST_PORT + int(environment["SLURM_JOB_ID"]) % PORTS),
    }


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2:]))
