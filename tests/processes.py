"""What became of a process that somebody else started."""

import psutil


def lives(process: psutil.Process | int) -> bool:
    """Whether a process (or the one with this pid) runs. A zombie does not."""
    try:
        process = psutil.Process(process) if isinstance(process, int) else process
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it ended between two looks
        return False
