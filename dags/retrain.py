"""
### retrain: the loop closes

Takes the votes that came since the last retraining that succeeded, adds the conversations that people preferred to the
corpus, trains and evaluates as the DAG `train` does, and only then moves the watermark: a run that fails leaves all
its votes to the next one. When the watermark has moved, the adapter is handed on to the DAG `rollout`.

**When it runs:** every night at three (UTC); as soon as `votes.min_new` new votes with a preference are in; when you
trigger it. One run at a time: what comes meanwhile waits. With nothing new the task `whats_new` is skipped, and its
log says what it looked at. New is a vote behind the watermark, or a corpus that nothing was trained on.

**What you choose:** the recipe, and values of it to change. Runs that start by themselves take `BARDLOOP_RECIPE`.

**When it fails:** the failed task's last log lines say why. Clear the task to go on with the same votes.

**Where things go:** `votes/<recipe>/`, `runs/`, `adapters/`. Needs: `bardloop_web`. **Source:** `jobs/votes/`.
"""

from datetime import timedelta

from airflow.sdk import Asset, AssetOrTimeSchedule, AssetWatcher, dag, get_current_context, task

from bardloop_airflow.assets import ADAPTER, VOTES
from bardloop_airflow.clock import at
from bardloop_airflow.links import EvaluationLink, VotingSiteLink, WandbRunLink
from bardloop_airflow.notifications import tell_failure
from bardloop_airflow.operators.batch_job import BatchJobOperator
from bardloop_airflow.run_settings import default_recipe, recipe_params
from bardloop_airflow.submission_ids import job_run_id
from bardloop_airflow.task_defaults import DEFAULTS, GPUS
from bardloop_airflow.vote_watcher import NewVotesTrigger
from bardloop_airflow.votes import retrain_settings, what_is_new, with_votes

NEW_VOTES = Asset(VOTES, watchers=[AssetWatcher("new_votes", NewVotesTrigger(default_recipe()))])


@dag(
    doc_md=__doc__,
    tags=["bardloop", "training"],
    schedule=AssetOrTimeSchedule(timetable=at("0 3 * * *"), assets=NEW_VOTES),
    catchup=False,  # a night that was missed is made up by the next: the watermark knows
    params=recipe_params(),
    max_active_runs=1,
    default_args=DEFAULTS,
    on_failure_callback=tell_failure,
)
def retrain():
    @task
    def settings():
        return retrain_settings(NEW_VOTES)

    @task
    def whats_new(settings):
        return what_is_new(settings)

    @task
    def with_the_votes(settings, votes):
        return with_votes(settings, votes)

    @task
    def run_folder():
        return {"run_id": job_run_id(get_current_context()["run_id"])}

    def job(name, settings, days, **options):
        limits = {"execution_timeout": timedelta(days=days)} | options
        return BatchJobOperator(task_id=name.replace("-", "_"), job=name, settings=settings, **limits)

    asked, run = settings(), run_folder()
    votes = job("votes", asked, 1, arguments=whats_new(asked), links=[VotingSiteLink()])
    chosen = with_the_votes(asked, votes.output)
    gpu = {"arguments": run, "pool": GPUS}
    fit = job("train", chosen, 14, accelerate=True, links=[WandbRunLink()], **gpu)
    evaluate = job("evaluate", chosen, 2, links=[EvaluationLink()], **gpu)
    # An adapter goes live only when its votes are taken: else they would be trained on again the next night.
    taken = job("watermark", chosen, 1, arguments=run, outlets=[ADAPTER], event_facts=["adapter"])
    job("base-model", chosen, 1) >> fit >> evaluate >> taken


retrain()
