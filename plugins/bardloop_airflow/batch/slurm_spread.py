"""A command on every machine of a Slurm job: `python slurm_spread.py FOLDER WORD ...`, started on the first of them.

In: Slurm's environment; SIGTERM, when the command is to end. Out: slurm_machine.py on each machine, through srun. srun
itself takes SIGTERM for SIGKILL to all it started, but hands SIGUSR1 on to them, without asking slurmctld.
"""

import os
import pathlib
import signal
import subprocess
import sys

MACHINE = pathlib.Path(__file__).with_name("slurm_machine.py")


def main(folder: str, command: list[str]) -> int:
    """Run the command everywhere; exit code of srun: the highest of the machines'."""
    machines, cpus = os.environ["SLURM_JOB_NUM_NODES"], os.environ["SLURM_CPUS_PER_TASK"]
    srun = ["srun", f"--nodes={machines}", f"--ntasks={machines}", "--ntasks-per-node=1", f"--cpus-per-task={cpus}"]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
    step = subprocess.Popen(
        [*srun, "--kill-on-bad-exit=1", sys.executable, "-S", "-E", str(MACHINE), folder, *command],
        process_group=0,  # the group gets the SIGTERM that is meant for this process
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGCHLD}),
    )
    while step.poll() is None:
        if signal.sigwait({signal.SIGTERM, signal.SIGCHLD}) == signal.SIGTERM:
            step.send_signal(signal.SIGUSR1)
    return step.returncode if step.returncode >= 0 else 128 - step.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
