"""
### export: the adapter as a model of its own

Merges an adapter into its base (`merge`), and makes GGUF files of the result (`quantize`), each with a model card that
says what it was trained on and how it did.

**When it runs:** when you trigger it, or by itself after each training whose recipe says `export.automatic: true`. For
other trainings the run is skipped in `adapter`.

**What you choose:** the recipe, and which adapter (`name@version`; empty: the newest of the recipe).

**When it fails:** the failed task's last log lines say why. Clear the task to go on; files that are there are kept.

**Where things go:** `exports/<name>@<version>/merged/` and `…/gguf/` under `BARDLOOP_HOME`. **Source:** `jobs/export/`.
"""

from datetime import timedelta

from airflow.sdk import dag, task

from bardloop_airflow.assets import ADAPTER
from bardloop_airflow.notifications import tell_failure
from bardloop_airflow.operators.batch_job import BatchJobOperator
from bardloop_airflow.rollouts import adapter_param, adapter_to_export
from bardloop_airflow.run_settings import current_settings, recipe_params
from bardloop_airflow.task_defaults import DEFAULTS


@dag(
    doc_md=__doc__,
    tags=["bardloop", "export"],
    schedule=ADAPTER,
    params=recipe_params() | adapter_param("export"),
    max_active_runs=1,
    default_args=DEFAULTS,
    on_failure_callback=tell_failure,
)
def export():
    @task
    def settings():
        return current_settings(ADAPTER, "adapter")

    @task
    def adapter(settings, params=None):
        return {"adapter": adapter_to_export(settings, params["adapter"])}

    chosen = settings()
    which = adapter(chosen)
    merge, quantize = (
        BatchJobOperator(task_id=name, job=name, settings=chosen, arguments=which, execution_timeout=timedelta(days=1))
        for name in ("merge", "quantize")
    )
    merge >> quantize


export()
