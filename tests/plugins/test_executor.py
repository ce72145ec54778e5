"""The executor of the scheduler ends, however the machine shares its time between the scheduler and its workers."""

import os
import pathlib
import subprocess
import sys

PLUGINS = pathlib.Path(__file__).parents[2] / "plugins"

ENDS = """
import time
from bardloop_airflow.executor import LocalExecutor

executor = LocalExecutor(parallelism=3)
executor.start()
time.sleep(0.5)
executor.workers = dict(reversed(executor.workers.items()))  # after some tasks any of them may be next
tell = executor.activity_queue.put
def tell_and_lose_the_core(message):
    tell(message)
    time.sleep(0.5)  # whoever takes the message has ended before the next worker is looked at
executor.activity_queue.put = tell_and_lose_the_core
executor.end()
print("ended")
"""


def test_it_ends_when_workers_end_while_others_are_told():
    environment = os.environ | {"PYTHONPATH": str(PLUGINS)}
    ended = subprocess.run([sys.executable, "-c", ENDS], env=environment, capture_output=True, text=True, timeout=60)
    assert ended.stdout.splitlines()[-1:] == ["ended"], ended.stderr
