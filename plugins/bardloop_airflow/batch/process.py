"""Processes that outlive their parents: known by pid *and* start time, since the kernel gives pids out again.

Reads Linux' /proc. Standard library only, and nothing of ours: the keeper of a job imports it as a script's neighbour.
"""

import os
import pathlib
import signal
from collections.abc import Iterator

PROC = pathlib.Path("/proc")
TAKEN = 75
"""Exit code of job_start.py when another keeper has or had the job."""


def identity(pid: int) -> dict:
    """What tells this process from a later one with the same pid: {"pid", "started"}."""
    return {"pid": pid, "started": start_time(pid)}


def start_time(pid: int) -> str | None:
    """When process `pid` started (boot id and clock ticks since boot); None when there is none. Zombies count."""
    fields = _stat(pid)
    if fields is None:
        return None
    return f"{(PROC / 'sys/kernel/random/boot_id').read_text().strip()}:{fields[19]}"


def is_alive(who: dict) -> bool:
    """Whether the process with this `identity` runs (zombies do not)."""
    fields = _stat(who["pid"])
    return fields is not None and fields[0] not in "ZX" and start_time(who["pid"]) == who["started"]


def group_is_alive(leader: dict) -> bool:
    """Whether a process runs in the group that `leader` led, be the leader itself gone or not.

    While a group has members its number is not given out again. So a process with the leader's pid that started at
    another time means that the group is gone and the number belongs to somebody else.
    """
    started = start_time(leader["pid"])
    if started is not None and started != leader["started"]:
        return False
    return any(fields[0] not in "ZX" and int(fields[2]) == leader["pid"] for _, fields in _all_stats())


def children_of(pid: int) -> list[int]:
    """Pids of the children of a process, zombies included."""
    return [child for child, fields in _all_stats() if int(fields[1]) == pid]


def signal_group(group: int, which: signal.Signals) -> None:
    """Send a signal to every process of a group; nothing when there is none."""
    try:
        os.killpg(group, which)
    except ProcessLookupError:
        return


def _all_stats() -> Iterator[tuple[int, list[str]]]:
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))) is not None:
            yield int(entry.name), fields


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the third (state) on: [0] state, [1] parent, [2] group, [19] start time."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return stat[stat.rindex(")") + 2 :].split()  # the name before it may hold spaces and brackets
