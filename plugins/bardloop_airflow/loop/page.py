"""Serves the page in Airflow's API server, to whoever may see the DAGs of the loop.

In: GET /?recipe=NAME, the metadata database, the data folder, the voting site. Out: HTML that asks for nothing else.
"""

import functools
import pathlib

import jinja2
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.models.dagrun import DagRun
from airflow.models.xcom import XComModel
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException
from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse
from sqlalchemy import select

from bardloop_airflow.links import airflow_root, connection_address
from bardloop_airflow.loop.stages import DagRunState, VoteFigures, recipes_with_data, stages
from bardloop_airflow.places import home
from bardloop_airflow.run_settings import checked_recipe
from bardloop_airflow.site import CONNECTION_ID, SiteClient, SiteError

DAGS = ("corpus", "train", "rollout", "retrain")
SETTINGS = "settings"
"""The first task of each of them; its result says which recipe the run is about."""
SITE_ANSWERS_WITHIN_S = 2.0
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}

app = FastAPI(
    title="Bardloop",
    dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE, param_dag_id=dag)) for dag in DAGS],
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
)


@app.get("/")
def loop(session: SessionDep, recipe: str = "") -> HTMLResponse:
    """The page; of the recipe that was worked on last, when none is named."""
    known = recipes_with_data(home())
    chosen = recipe if recipe in known else next(iter(known), "")
    site = connection_address(CONNECTION_ID)
    shown = stages(home(), chosen, _latest_runs(session, chosen), _votes(chosen), site) if chosen else []
    shown = _template().render(recipe=chosen, recipes=known, stages=shown, root=airflow_root())
    return HTMLResponse(shown, headers=HEADERS)


def _latest_runs(session, recipe: str) -> dict[str, DagRunState]:
    """The newest run of each DAG that is about `recipe`."""
    found = {}
    for dag in DAGS:
        of_recipe = (
            select(DagRun)
            .join(XComModel, XComModel.dag_run_id == DagRun.id)
            .where(DagRun.dag_id == dag, XComModel.task_id == SETTINGS, XComModel.key == "return_value")
            .where(XComModel.value["recipe"].as_string() == recipe)
        )
        run = session.scalars(of_recipe.order_by(DagRun.id.desc()).limit(1)).first()
        if run is not None:
            found[dag] = DagRunState(run.run_id, str(run.state), run.end_date or run.start_date or run.queued_at)
    return found


def _votes(recipe: str) -> VoteFigures | str:
    """What the voting site says, or why it says nothing."""
    from contracts.votes import read_watermark  # late: pydantic models cost time that only this page needs

    try:
        needed = checked_recipe({"recipe": recipe, "overrides": []}).votes.min_new
        site = SiteClient.from_connection(answers_within_s=SITE_ANSWERS_WITHIN_S)
        new = site.new_votes(recipe, read_watermark(home(), recipe).vote)["preferred"]
        return VoteFigures(site.statistics()["votes"]["total"], new, needed)
    except AirflowNotFoundException:
        return f"there is no connection {CONNECTION_ID}"
    except (AirflowException, SiteError, ValueError) as error:  # no such recipe, no site, a damaged watermark
        return str(error)


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("loop.html.j2")
