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


def run(function: Callable, calls: Sequence[tuple], processes: int | None = None) -> list:
    """`function(*arguments)` for each of `calls`, on as many processes as there are cores, or at most on so many as
    `processes` says; what needs no more than one runs right here.

    The calls are taken in their order: put the long ones first. What one of them raises is raised here, and calls that
    were not begun are dropped.
    """
    workers = min(len(calls), processes or len(os.sched_getaffinity(0)))
    if workers <= 1:
        return [function(*arguments) for arguments in calls]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, context, initializer=_start_worker) as pool:
        waiting = [pool.submit(function, *arguments) for arguments in calls]
        try:
            for done in concurrent.futures.as_completed(waiting):
                done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return [done.result() for done in waiting]


def _start_worker() -> None:
    """Log as the job does, and end when the job ends, however it ends."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
