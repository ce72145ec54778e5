"""DAGs for test_deferred_jobs.py and tests/faults, not in dags/: their one job is told what to do by the run's conf.

`waiting` is retried once, `patient` as often as it takes; `hurried` may not take long.
"""

from datetime import timedelta

from airflow.sdk import dag

from bardloop_airflow.links import EvaluationLink, VotingSiteLink, WandbRunLink
from bardloop_airflow.operators.batch_job import BatchJobOperator


def define(dag_id: str, **limits):
    @dag(dag_id=dag_id, schedule=None)
    def one_job():
        BatchJobOperator(
            task_id="work",
            job="download",
            settings={"recipe": "demo", "overrides": []},
            arguments={"part": "{{ dag_run.conf['part'] }}"},
            links=[EvaluationLink(), VotingSiteLink(), WandbRunLink()],
            **limits,
        )

    return one_job()


define("waiting", retries=1, retry_delay=timedelta(seconds=1))
define("hurried", execution_timeout=timedelta(seconds=10))
define("patient", retries=9, retry_delay=timedelta(seconds=1))
