"""Shows the pages that jobs wrote, in Airflow's API server, to whoever may see the DAG whose task made them.

In: GET /<recipe>/<digest>/report.html or /<recipe>/<run id>/evaluation.html. Out: the file under home, or 404 and why.
"""

import re

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, Response
from fastapi.responses import FileResponse, PlainTextResponse

from bardloop_airflow.places import home

RECIPE = re.compile(r"[a-z][a-z0-9_-]{0,62}")
DIGEST = re.compile(r"[0-9a-f]{12}")
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}


def _app(title: str, dag_id: str) -> FastAPI:
    """An app whose pages are for those who may read the task instances of a DAG."""
    may_see = requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE, param_dag_id=dag_id)
    return FastAPI(title=title, dependencies=[Depends(may_see)], docs_url=None, redoc_url=None, openapi_url=None)


reports = _app("Bardloop corpus reports", dag_id="corpus")
evaluations = _app("Bardloop evaluations", dag_id="train")


@reports.get("/{recipe}/{digest}/report.html")
def corpus_report(recipe: str, digest: str) -> Response:
    """The page that the job `corpus` wrote."""
    if not (RECIPE.fullmatch(recipe) and DIGEST.fullmatch(digest)):
        return _not_found("Not the address of a corpus report: expected <recipe>/<12 hex digits>/report.html.")
    return _page(f"corpus/{recipe}/{digest}/report.html", "The DAG corpus writes it; trigger it with this recipe.")


@evaluations.get("/{recipe}/{run_id}/evaluation.html")
def evaluation_page(recipe: str, run_id: str) -> Response:
    """The page that the job `evaluate` wrote."""
    if not (RECIPE.fullmatch(recipe) and RUN_ID.fullmatch(run_id)):
        return _not_found("Not the address of an evaluation: expected <recipe>/<run id>/evaluation.html.")
    return _page(f"runs/{recipe}/{run_id}/evaluation.html", "The DAG train writes it, in its task evaluate.")


def _page(place: str, remedy: str) -> Response:
    if not (home() / place).is_file():
        return _not_found(f"{place} is not in the data folder. {remedy}")
    return FileResponse(home() / place, media_type="text/html", headers=HEADERS)


def _not_found(why: str) -> PlainTextResponse:
    return PlainTextResponse(why, status_code=404, headers=HEADERS)
