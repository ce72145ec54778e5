"""
### train: from the corpus to an adapter

Prepares the base model, trains a LoRA adapter on the recipe's newest corpus, compares it with the base on held-out
threads (loss and perplexity) and publishes it with its manifest as `<recipe>@<version>`.

**When it runs:** when the DAG `corpus` has built a corpus, with the recipe and overrides of that run, or when you
trigger it. Its end starts the DAG `rollout`. With new votes, the DAG `retrain` trains; this one takes those that
were taken before.

**What you choose:** the recipe, and values of it to change, e.g. `train.max_steps=60`.

**When it fails:** the failed task's last log lines say why. Clear the task to go on: training resumes from its last
checkpoint. Marking the task failed, or the run, ends the training job within half a minute.

**Where things go:** `models/`, `runs/<recipe>/<run id>/` (checkpoints, metrics, wandb) and `adapters/` under
`BARDLOOP_HOME`. **Source:** `jobs/training/`, `jobs/evaluation/`.
"""

from datetime import timedelta

from airflow.sdk import dag, get_current_context, task

from bardloop_airflow.assets import ADAPTER, CORPUS
from bardloop_airflow.links import EvaluationLink, WandbRunLink
from bardloop_airflow.notifications import tell_failure
from bardloop_airflow.operators.batch_job import BatchJobOperator
from bardloop_airflow.run_settings import current_settings, recipe_params
from bardloop_airflow.submission_ids import job_run_id
from bardloop_airflow.task_defaults import DEFAULTS, GPUS


@dag(
    doc_md=__doc__,
    tags=["bardloop", "training"],
    schedule=CORPUS,
    params=recipe_params(),
    max_active_runs=1,
    default_args=DEFAULTS,
    on_failure_callback=tell_failure,
)
def train():
    @task
    def settings():
        return current_settings(CORPUS)

    @task
    def run_folder():
        return {"run_id": job_run_id(get_current_context()["run_id"])}

    chosen, run = settings(), run_folder()
    base_model = BatchJobOperator(
        task_id="base_model", job="base-model", settings=chosen, execution_timeout=timedelta(days=1)
    )
    fit = BatchJobOperator(
        task_id="train",
        job="train",
        settings=chosen,
        arguments=run,
        accelerate=True,
        links=[WandbRunLink()],
        pool=GPUS,
        execution_timeout=timedelta(days=14),  # the recipe's batch.time_limit_hours ends it earlier
    )
    evaluate = BatchJobOperator(
        task_id="evaluate",
        job="evaluate",
        settings=chosen,
        arguments=run,
        outlets=[ADAPTER],
        event_facts=["adapter"],
        links=[EvaluationLink()],
        pool=GPUS,
        execution_timeout=timedelta(days=2),
    )
    base_model >> fit >> evaluate


train()
