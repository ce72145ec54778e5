"""Work for several processes on this machine.

In: a function and the arguments of its calls. Out: the results, in the order of the calls.
"""

import concurrent.futures
import logging
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Sequence


class Processes:
    """Processes on this machine, at most as many as there are cores; they start when there is work, and are kept for
    more of it. Use it as a context manager.
    """

    def __init__(self):
        self._cores = len(os.sched_getaffinity(0))
        self._pool: concurrent.futures.ProcessPoolExecutor | None = None

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, kind, error, trace) -> None:
        if self._pool:
            self._pool.shutdown(wait=error is None, cancel_futures=True)

    def run(self, function: Callable, calls: Sequence[tuple]) -> list:
        """`function(*arguments)` for each of `calls`; what one core can do alone runs right here.

        The calls are taken in their order: put the long ones first. What one of them raises is raised here, and calls
        that were not begun are dropped when the context is left.
        """
        if min(len(calls), self._cores) <= 1:
            return [function(*arguments) for arguments in calls]
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = concurrent.futures.ProcessPoolExecutor(self._cores, context, initializer=_start_worker)
        waiting = [self._pool.submit(function, *arguments) for arguments in calls]
        for done in concurrent.futures.as_completed(waiting):
            done.result()
        return [done.result() for done in waiting]


def _start_worker() -> None:
    """Log as the job does, and end when the job ends, however it ends."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
