"""
### unwanted_jobs: what nobody waits for any more is ended

A job whose task was marked failed or succeeded, or whose run was deleted, ends at once. Should the triggerer be down at
that moment, it ends the job as soon as it is back, and a run of this DAG is the trace: its task `ended` names the jobs.

**When it runs:** by itself. There is nothing to choose, and to trigger it does nothing. Do not pause it: that would
also stop the watcher, and a job that nobody wants would keep its GPUs.

**When it shows up often:** the triggerer is often down; look at its log.

**Source:** `plugins/bardloop_airflow/triggers/unwanted_jobs.py`.
"""

import logging

from airflow.sdk import Asset, AssetWatcher, dag, task

from bardloop_airflow.notifications import tell_failure
from bardloop_airflow.task_defaults import DEFAULTS
from bardloop_airflow.triggers.unwanted_jobs import UnwantedJobsTrigger

log = logging.getLogger(__name__)

UNWANTED_JOB = Asset("unwanted_job", watchers=[AssetWatcher("unwanted_jobs", UnwantedJobsTrigger())])


@dag(
    doc_md=__doc__,
    tags=["bardloop", "operations"],
    schedule=UNWANTED_JOB,
    default_args=DEFAULTS,
    on_failure_callback=tell_failure,
)
def unwanted_jobs():
    @task
    def ended(triggering_asset_events=None):
        jobs = [event.extra["payload"] for events in triggering_asset_events.values() for event in events]
        for job in jobs:
            log.info("ended %(submission_id)s of %(dag_id)s, %(run_id)s, %(task_id)s: its task is %(state)s", job)
        return [job["submission_id"] for job in jobs]

    ended()


unwanted_jobs()
