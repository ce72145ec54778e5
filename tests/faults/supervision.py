"""What supervisord and containers do for Airflow's services: start again what ended by itself."""

import contextlib
import threading

from tests.airflow_services import RunningAirflow

IDLE_WORKER = "airflow worker -- LocalExecutor"
"""Title of an executor's process. Those of a scheduler that was killed wait for work for ever."""


@contextlib.contextmanager
def supervised(running: RunningAirflow):
    """Within the block, services that end are started again; not those that a test has killed."""
    done = threading.Event()

    def supervise() -> None:
        while not done.wait(0.5):
            running.revive()

    thread = threading.Thread(target=supervise)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
