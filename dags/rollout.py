"""
### rollout: from the adapter to the live engine

Hands an adapter to the running inference service, which checks it, loads it beside the live one, tests it, gives it
rising shares of the requests (`rollout.canary` in the recipe) and only then makes it the stable version. When it is
refused, fails requests or is slow, the old version answers, and the task `live` says why.

**When it runs:** when the DAG `train` or `retrain` has published an adapter, or when you trigger it.

**What you choose:** the recipe, and which adapter (`name@version`; empty: the newest of the recipe).

**Approval** (`rollout.approval`): `person`: answer the task `approval` under *Required Actions*, with evaluation and
votes; *Reject*, or no answer within three days: it is not promoted. `votes`: the engine holds it, people vote on it,
and `gate` waits for what they say (`docs/voting.md`). With `votes` and `automatic`, an adapter that its evaluation
found no better than base and parent is left alone; with `never`, all are.

**Source:** `serving/`, `plugins/bardloop_airflow/serving/`.
"""

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import dag, task

from bardloop_airflow.assets import ADAPTER
from bardloop_airflow.evidence import evidence
from bardloop_airflow.gate import has_passed
from bardloop_airflow.notifications import tell_failure
from bardloop_airflow.rollouts import adapter_param, approved_by, is_live, once_there, promote, with_adapter
from bardloop_airflow.run_settings import current_settings, recipe_params
from bardloop_airflow.task_defaults import APPROVAL, DEFAULTS, SENSOR, VOTES


@dag(
    doc_md=__doc__,
    tags=["bardloop", "serving"],
    schedule=ADAPTER,
    params=recipe_params() | adapter_param(),  # several runs at once: one may wait for a person for days
    default_args=DEFAULTS,
    on_failure_callback=tell_failure,
)
def rollout():
    @task
    def settings(params=None):
        return with_adapter(current_settings(ADAPTER, "adapter"), params["adapter"])

    @task.branch
    def who_approves(settings):
        return approved_by(settings, person="what_is_known", nobody="promote")

    @task
    def what_is_known(settings):
        return evidence(settings)

    @task.sensor(task_id="promote", trigger_rule="none_failed_min_one_success", poke_interval=30, **VOTES)
    def promote_adapter(settings, dag_run=None):
        return once_there(promote(settings, who="airflow", why=f"run {dag_run.run_id}"))

    @task.sensor(task_id="gate", poke_interval=60, **VOTES)
    def wait_for_votes(settings, dag_run=None):
        return once_there(has_passed(settings, who="airflow", why=f"run {dag_run.run_id}"))

    @task.sensor(task_id="live", poke_interval=5, **SENSOR)
    def wait_until_live(settings, dag_run=None):
        return once_there(is_live(settings, who="airflow", why=f"run {dag_run.run_id}"))

    chosen = settings()
    approval = ApprovalOperator(
        task_id="approval",
        subject="Promote {{ ti.xcom_pull('settings').adapter }}?",
        body="{{ ti.xcom_pull('what_is_known') }}",
        defaults="Reject",
        **APPROVAL,
    )
    known, promoted = what_is_known(chosen), promote_adapter(chosen)
    who_approves(chosen) >> [known, promoted]
    known >> approval >> promoted >> wait_for_votes(chosen) >> wait_until_live(chosen)


rollout()
