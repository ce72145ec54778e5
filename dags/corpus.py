"""
### corpus: from the archive to threads

Fetches the recipe's archive parts, parses each, and builds the corpus from all of them: threads in `train`, `valid`
and `test`, every dropped record with its reason, and a report whose sums are checked.

**When it runs:** when you trigger it; every Monday at one (UTC) where the recipe says `corpus.archive.automatic: true`,
and then it goes on only if the latest corpus lacks a part or holds an older one. Its end starts the DAG `train` with
the same recipe and overrides.

**What you choose:** the recipe, and values of it to change for this run and what follows from it.

**When it fails:** the failed task's last log lines say which part, which file and why. Clear the task to go on from
there; what is done is not done again. A wrong recipe fails at once in `settings`.

**What came out:** the task `build` has a button *Corpus report* under *Details*, which opens the report of its run.

**Where things go:** `raw/<recipe>/` and `corpus/<recipe>/<digest>/` under `BARDLOOP_HOME`; the report is
`report.html` there, for programs `report.json`. **Source:** `jobs/corpus/`.
"""

from datetime import timedelta

from airflow.sdk import dag, task

from bardloop_airflow.assets import CORPUS
from bardloop_airflow.clock import at
from bardloop_airflow.links import CorpusReportLink
from bardloop_airflow.new_parts import skip_unless_automatic, skip_unless_new
from bardloop_airflow.notifications import tell_failure
from bardloop_airflow.operators.batch_job import BatchJobOperator
from bardloop_airflow.run_settings import checked_recipe, current_settings, recipe_params
from bardloop_airflow.task_defaults import DEFAULTS, DOWNLOADS


@dag(
    doc_md=__doc__,
    tags=["bardloop", "data"],
    schedule=at("0 1 * * MON"),
    catchup=False,
    params=recipe_params(),
    max_active_runs=1,
    default_args=DEFAULTS,
    on_failure_callback=tell_failure,
)
def corpus():
    @task
    def settings():
        return skip_unless_automatic(current_settings())

    @task
    def parts(settings):
        return [{"part": part.name} for part in checked_recipe(settings).corpus.archive.parts]

    chosen = settings()
    each_part = parts(chosen)

    def for_each_part(task_id, job, **options):
        mapped = BatchJobOperator.partial(
            task_id=task_id, job=job, settings=chosen, map_index_template="{{ task.arguments['part'] }}", **options
        )
        return mapped.expand(arguments=each_part)

    download = for_each_part("download", "download", pool=DOWNLOADS, execution_timeout=timedelta(days=2))
    parse = for_each_part("parse", "corpus", execution_timeout=timedelta(days=1))
    build = BatchJobOperator(
        task_id="build",
        job="corpus",
        settings=chosen,
        execution_timeout=timedelta(days=1),
        outlets=[CORPUS],
        event_facts=["digest"],
        links=[CorpusReportLink()],
    )
    download >> task(task_id="new_parts")(skip_unless_new)(chosen) >> parse >> build


corpus()
