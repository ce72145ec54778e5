"""Run one command and measure what its whole process tree takes.

In: a command, a folder for its temporary files and logs. Out: seconds, memory, what lay on disk, its logged stages.
"""

import os
import pathlib
import re
import stat
import subprocess
import sys
import time
from dataclasses import dataclass, field

import psutil

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
INTERVAL = 0.1
"""Seconds between two samples of the tree."""
PSS_EVERY = 5
"""Samples between two readings of PSS, for which the kernel walks the page tables."""
_STAGE = re.compile(r"stage ([\w .+/-]+): ([\d.]+) s\b")


class RunError(RuntimeError):
    """The command failed or was ended for taking too long. The message ends with what it last said."""


@dataclass
class Measured:
    """What a command took. Sizes are bytes, times seconds."""

    wall: float = 0.0
    cpu: float = 0.0
    """User and system time of the process and all descendants that ended before it."""
    rss: int = 0
    """Peak of the RSS of all processes together; pages that they share count once for each."""
    pss: int = 0
    """Peak of the PSS of all processes together, sampled less often."""
    disk: int = 0
    """Peak of what the watched folder held, less what it held at the start."""
    csv: int = 0
    """The largest regular file there whose name ends in .csv."""
    stages: dict[str, float] = field(default_factory=dict)
    """Seconds by stage from log lines `stage NAME: 12.3 s`; summed when processes log the same name."""
    summary: str = ""
    """The last line of stdout."""


def measure(command: list[str], folder: pathlib.Path, timeout: float, watch: pathlib.Path | None = None) -> Measured:
    """Run `command` from the project's root with `folder` for stdout, stderr and temporary files.

    Raises:
        RunError: it exited with another code than 0, or ran for more than `timeout` seconds.
    """
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "tmp")}
    found, at_start = Measured(), _disk(watch)[0]
    with (folder / "stdout").open("w") as stdout, (folder / "stderr").open("w") as stderr:
        began = time.monotonic()
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=stdout, stderr=stderr, start_new_session=True
        )
        try:
            usage = _sample_until_it_ends(process, found, began + timeout, watch)
        finally:
            _end(process)
    found.wall, found.cpu = time.monotonic() - began, usage.ru_utime + usage.ru_stime
    found.disk = max(0, found.disk - at_start)
    log = (folder / "stderr").read_text(errors="replace")
    if process.returncode != 0:
        raise RunError(f"{' '.join(command[1:4])} exited with {process.returncode}:\n" + log[-2_000:])
    for name, seconds in _STAGE.findall(log):
        found.stages[name] = found.stages.get(name, 0.0) + float(seconds)
    found.summary = (folder / "stdout").read_text().rstrip().rpartition("\n")[2]
    return found


def _sample_until_it_ends(process: subprocess.Popen, found: Measured, deadline: float, watch: pathlib.Path | None):
    """Keep the peaks in `found` until `process` ends; returns its resource usage, as os.wait4 gives it."""
    root, samples = psutil.Process(process.pid), 0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage
        if time.monotonic() > deadline:
            raise RunError(f"{' '.join(process.args[1:4])} took too long and was ended")
        tree = _tree(root)
        found.rss = max(found.rss, sum(_memory(member).rss for member in tree))
        if samples % PSS_EVERY == 0:
            found.pss = max(found.pss, sum(_memory(member, with_pss=True).pss for member in tree))
        disk, csv = _disk(watch)
        found.disk, found.csv = max(found.disk, disk), max(found.csv, csv)
        samples += 1
        time.sleep(INTERVAL)


def _tree(root: psutil.Process) -> list[psutil.Process]:
    """`root` and its descendants that live."""
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


@dataclass(frozen=True)
class _Memory:
    rss: int = 0
    pss: int = 0


def _memory(process: psutil.Process, with_pss: bool = False) -> _Memory:
    """Memory of one process, zero when it has just ended."""
    try:
        info = process.memory_full_info() if with_pss else process.memory_info()
    except psutil.Error:
        return _Memory()
    return _Memory(info.rss, getattr(info, "pss", 0))


def _disk(folder: pathlib.Path | None) -> tuple[int, int]:
    """Bytes on disk under `folder`, and bytes of the largest regular .csv file."""
    total = largest = 0
    for parent, _, names in os.walk(folder) if folder else ():
        for name in names:
            try:
                status = (pathlib.Path(parent) / name).lstat()
            except FileNotFoundError:  # the job removed it a moment ago
                continue
            if stat.S_ISREG(status.st_mode):
                total += status.st_blocks * 512
                if name.lower().endswith(".csv"):
                    largest = max(largest, status.st_size)
    return total, largest


def _end(process: subprocess.Popen) -> None:
    """End `process` and its tree if they still run."""
    if process.returncode is not None:
        return
    for member in reversed(_tree(psutil.Process(process.pid))):
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()
    print(f"ended {' '.join(map(str, process.args[1:4]))} and its processes", file=sys.stderr)
