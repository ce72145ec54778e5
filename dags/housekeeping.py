"""
### housekeeping: what is no longer needed goes

Lists the adapters, runs and corpora of a recipe, each with what happens to it and why, and removes what the recipe's
section `housekeeping` no longer keeps. Never removed: what the engine serves (stable, canary, previous) and every
adapter it was trained on from, the runs and corpora that a kept adapter comes from, the latest corpus, a run at work,
one that waits for its evaluation or holds a whole model.

**When it runs:** every Sunday at five (UTC), when you trigger it.

**What you choose:** the recipe, and whether to remove. Your run only lists unless you say *Remove*; the one on Sunday
only lists unless the recipe says `housekeeping.automatic: true`.

**What came out:** the log of the task `prune`: `keep`, `would remove` or `remove`, and the reason.

**Source:** `jobs/housekeeping/`.
"""

from datetime import timedelta

from airflow.sdk import Param, dag, task

from bardloop_airflow.clock import at
from bardloop_airflow.notifications import tell_failure
from bardloop_airflow.operators.batch_job import BatchJobOperator
from bardloop_airflow.run_settings import by_the_clock, checked_recipe, current_settings, recipe_params
from bardloop_airflow.task_defaults import DEFAULTS

REMOVE = Param(False, type="boolean", title="Remove", description="Remove what is not kept. Otherwise only list it.")


@dag(
    doc_md=__doc__,
    tags=["bardloop", "data"],
    schedule=at("0 5 * * SUN"),
    catchup=False,
    params=recipe_params() | {"remove": REMOVE},
    max_active_runs=1,
    default_args=DEFAULTS,
    on_failure_callback=tell_failure,
)
def housekeeping():
    @task
    def settings():
        return current_settings()

    @task
    def whether_to_remove(settings, params=None):
        remove = checked_recipe(settings).housekeeping.automatic if by_the_clock() else params["remove"]
        return {"delete": "yes" if remove else "no"}

    chosen = settings()
    BatchJobOperator(
        task_id="prune",
        job="prune",
        settings=chosen,
        arguments=whether_to_remove(chosen),
        execution_timeout=timedelta(hours=6),
    )


housekeeping()
