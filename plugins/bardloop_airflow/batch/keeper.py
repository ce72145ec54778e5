"""The keeper of one job: `python keeper.py FOLDER GUARDIAN` starts the job, waits for it, writes down how it ended.

In: FOLDER/spec.json. Out: FOLDER/pid, stdout, stderr, exit_code; while the job runs, `alive` is touched. It lives in a
session of its own, so it and the job outlive whoever submitted them. SIGTERM asks it to end the job, and so do the
markers, which also reach another machine: SIGTERM to the job's process group, SIGKILL after the grace_s seconds of its
spec. A time limit does the same and gives exit code 124, as timeout(1) does. A job that ends because the cluster took
its place away is `lost`: FOLDER/displaced says so, or the death of GUARDIAN, the keeper's parent, which holds it.
"""

import contextlib
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
BEAT_S = 5.0
"""Seconds between two touches of `alive`, and two looks at the markers."""
CANCEL_GRACE_S = 20.0
"""The most that a job which a person cancelled is left of its grace: who cancels wants the GPUs back."""
TO_END = ("cancelled", "displaced", "lost")
"""Markers that ask for the job's end."""
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
SIGNALS = {signal.SIGTERM, signal.SIGCHLD}


def main(folder: pathlib.Path, guardian: int) -> None:
    """Run the job described in `folder`, unless another keeper has it or had it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    with (folder / "lock").open("w") as lock:  # held until the end
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if any((folder / name).exists() for name in ("exit_code", "pid", "lost")):
            return
        end_with(guardian)
        code = keep(folder)
        displaced = (folder / "displaced").exists() or guardian != os.getppid()
        if displaced and code != 0 and not (folder / "cancelled").exists():
            declare_lost(folder, "the cluster has taken its place away, or the node's part of it has died")
        else:
            write_atomically(folder / "exit_code", str(code))


def keep(folder: pathlib.Path) -> int:
    """Run the job to its end; exit code, 128 + N for a signal N."""
    if (folder / "cancelled").exists():
        return 128 + signal.SIGTERM
    spec = json.loads((folder / "spec.json").read_text())
    # Processes that leave the job's group (torchrun's workers do) become children of the keeper when their parent dies.
    inherit_orphans()
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
        timed_out = wait(folder, job.pid, spec["time_limit_s"], spec["grace_s"])
        if timed_out:
            stderr.write(f"batch: the time limit of {spec['time_limit_s']:g} s was reached, job ended\n".encode())
    code = finish(job.pid)
    return TIMED_OUT if timed_out else code


def wait(folder: pathlib.Path, job: int, time_limit: float | None, grace: float) -> bool:
    """Wait until the job's first process has ended, and make it end when asked to. Whether the time limit was hit."""
    timed_out = ending = cancelled = False
    asked: set[int] = set()
    wake_at = time.monotonic() + (math.inf if time_limit is None else time_limit)
    while not has_ended(job) or (ending and (left := children_besides(job))):
        if has_ended(job):  # a launcher that did not wait for the training, which may be in a session of its own
            for child in set(left) - asked:
                os.kill(child, signal.SIGTERM)
            asked |= set(left)
        told = beat(folder)
        patience = 0.0 if told and not ending else min(BEAT_S, wake_at - time.monotonic())
        event = signal.sigtimedwait(SIGNALS, max(0.0, patience))
        if event is not None and event.si_signo == signal.SIGCHLD:
            continue
        told = told or event is not None
        too_late = time.monotonic() >= wake_at
        if ending and too_late:
            process.signal_group(job, signal.SIGKILL)
            break
        if not ending and (told or too_late):
            ending, timed_out = True, not told
            wake_at = time.monotonic() + grace
            process.signal_group(job, signal.SIGTERM)
        if ending and not cancelled and (folder / "cancelled").exists():
            cancelled, wake_at = True, min(wake_at, time.monotonic() + CANCEL_GRACE_S)
    return timed_out


def beat(folder: pathlib.Path) -> bool:
    """Show that the job runs, wherever the folder is seen; whether a marker says that it is to end."""
    with contextlib.suppress(OSError):  # a file server that is away for a while; the job itself sees it too
        (folder / "alive").touch()
        return any((folder / marker).exists() for marker in TO_END)
    return False


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
    end_children()
    return code if code >= 0 else 128 - code


def end_children() -> None:
    """Kill every child of this process, and theirs when they become ours."""
    while children := process.children_of(os.getpid()):
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def inherit_orphans() -> None:
    """From now on, descendants whose parent has died become children of this process."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_with(guardian: int) -> None:
    """Get SIGTERM, which has to be blocked, when the parent dies; at once when it has died already."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != guardian:
        os.kill(os.getpid(), signal.SIGTERM)


def declare_lost(folder: pathlib.Path, reason: str) -> None:
    """Write down that nobody knows how the job would have ended, and why: in the log first, whose last line it is."""
    line = f"batch: lost on {os.uname().nodename}: {reason}\n"
    with (folder / "stderr").open("a") as stderr:
        stderr.write(line)
    write_atomically(folder / "lost", line)


def write_atomically(path: pathlib.Path, text: str) -> None:
    """Write a file that readers see whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.replace(path)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
