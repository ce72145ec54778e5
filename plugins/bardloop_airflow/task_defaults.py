"""How often a task is tried again, how long it may take, and in which pool it waits.

What is as wrong the second time, e.g. the recipe, is not tried again: AirflowFailException says so.
"""

from datetime import timedelta

DEFAULTS = {
    "retries": 2,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": 4.0,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(minutes=15),
}
"""For `default_args`. Jobs that take longer say so."""

SENSOR = {"mode": "reschedule", "timeout": timedelta(days=3), "execution_timeout": timedelta(minutes=30)}
"""For what waits for the engine, without a worker. Each look has half an hour, in which the engine may start."""

VOTES = SENSOR | {"timeout": timedelta(days=90)}
"""The same for what may have to wait until people have voted."""

APPROVAL = {"response_timeout": timedelta(days=3), "execution_timeout": None}
"""For what waits for a person's answer, without a worker."""

DOWNLOADS = "downloads"
"""Pool of tasks that fetch from other people's servers."""
GPUS = "gpus"
"""Pool of tasks that want all GPUs of the recipe: one at a time."""
