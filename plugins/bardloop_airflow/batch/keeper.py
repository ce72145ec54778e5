"""The keeper of one local job: `python keeper.py FOLDER` starts the job, waits for it, writes down how it ended.

In: FOLDER/spec.json. Out: FOLDER/pid, stdout, stderr, exit_code. It lives in a session of its own, so it and the job
outlive whoever submitted them. SIGTERM asks it to end the job: SIGTERM to the job's process group, SIGKILL after
the grace_s seconds of its spec. A time limit does the same and gives exit code 124, as timeout(1) does.
"""

import ctypes
import fcntl
import json
import math
import os
import pathlib
import signal
import subprocess
import sys
import time

import process  # run as a script, so this file's folder is on sys.path

TORCHRUN_GRACE = "TORCH_ELASTIC_SHUTDOWN_TIMEOUT"
"""Seconds that torchrun leaves its workers; a little fewer than ours, so that it can still say how they ended."""
TIMED_OUT = 124
CANNOT_START = 127
PR_SET_CHILD_SUBREAPER = 36
SIGNALS = {signal.SIGTERM, signal.SIGCHLD}


def main(folder: pathlib.Path) -> None:
    """Run the job described in `folder`, unless another keeper has it or had it."""
    with (folder / "lock").open("w") as lock:  # held until the end
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if not (folder / "exit_code").exists() and not (folder / "pid").exists():
            write_atomically(folder / "exit_code", str(keep(folder)))


def keep(folder: pathlib.Path) -> int:
    """Run the job to its end; exit code, 128 + N for a signal N."""
    if (folder / "cancelled").exists():
        return 128 + signal.SIGTERM
    spec = json.loads((folder / "spec.json").read_text())
    # Processes that leave the job's group (torchrun's workers do) become children of the keeper when their parent dies.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    with (folder / "stdout").open("ab") as stdout, (folder / "stderr").open("ab", buffering=0) as stderr:
        try:
            job = subprocess.Popen(
                spec["command"],
                cwd=spec["working_directory"],
                env=os.environ | {TORCHRUN_GRACE: str(math.ceil(0.9 * spec["grace_s"]))} | spec["environment"],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                process_group=0,
                preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS),
            )
        except OSError as error:
            stderr.write(f"batch: cannot start {spec['command'][0]}: {error}\n".encode())
            return CANNOT_START
        pids = {"keeper": process.identity(os.getpid()), "job": process.identity(job.pid)}
        write_atomically(folder / "pid", json.dumps(pids))
        timed_out = wait(job.pid, spec["time_limit_s"], spec["grace_s"])
        if timed_out:
            stderr.write(f"batch: the time limit of {spec['time_limit_s']:g} s was reached, job ended\n".encode())
    code = finish(job.pid)
    return TIMED_OUT if timed_out else code


def wait(job: int, time_limit: float | None, grace: float) -> bool:
    """Wait until the job's first process has ended, and make it end when asked to. Whether the time limit was hit."""
    timed_out = ending = False
    asked: set[int] = set()
    wake_at = None if time_limit is None else time.monotonic() + time_limit
    while not has_ended(job) or (ending and (left := children_besides(job))):
        if has_ended(job):  # a launcher that did not wait for the training, which may be in a session of its own
            for child in set(left) - asked:
                os.kill(child, signal.SIGTERM)
            asked |= set(left)
        if wake_at is None:
            event = signal.sigwaitinfo(SIGNALS)
        else:
            event = signal.sigtimedwait(SIGNALS, max(0.0, wake_at - time.monotonic()))
        if event is not None and event.si_signo == signal.SIGCHLD:
            continue
        if ending and event is None:
            process.signal_group(job, signal.SIGKILL)
            break
        if not ending:
            ending, timed_out = True, event is None
            wake_at = time.monotonic() + grace
            process.signal_group(job, signal.SIGTERM)
    return timed_out


def has_ended(job: int) -> bool:
    """Whether the job's first process has ended. It stays a zombie: its number must not be given out again yet."""
    while (child := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
        if child.si_pid == job:
            return True
        os.waitpid(child.si_pid, 0)
    return False


def children_besides(job: int) -> list[int]:
    """What else of the job still runs. It became the keeper's when its own parent ended."""
    children = [child for child in process.children_of(os.getpid()) if child != job]
    return [child for child in children if os.waitpid(child, os.WNOHANG) == (0, 0)]


def finish(job: int) -> int:
    """Kill what the job left behind, in its group and outside; exit code of its first process."""
    process.signal_group(job, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
    while children := process.children_of(os.getpid()):  # the children of a killed one become ours: look again
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return code if code >= 0 else 128 - code


def write_atomically(path: pathlib.Path, text: str) -> None:
    """Write a file that readers see whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.replace(path)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
