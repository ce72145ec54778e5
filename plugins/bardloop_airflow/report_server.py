"""Shows corpus reports in Airflow's API server, to whoever may see the DAG that makes them.

In: GET /<recipe>/<digest>/report.html. Out: that file of corpus/<recipe>/<digest>/ under home, or 404 and why.
"""

import re

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, Response
from fastapi.responses import FileResponse, PlainTextResponse

from bardloop_airflow.places import home

RECIPE = re.compile(r"[a-z][a-z0-9_-]{0,62}")
DIGEST = re.compile(r"[0-9a-f]{12}")

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}

app = FastAPI(
    title="Bardloop reports",
    dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE, param_dag_id="corpus"))],
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
)


@app.get("/{recipe}/{digest}/report.html")
def corpus_report(recipe: str, digest: str) -> Response:
    """The page that the job `corpus` wrote."""
    if not (RECIPE.fullmatch(recipe) and DIGEST.fullmatch(digest)):
        return _not_found("Not the address of a corpus report: expected <recipe>/<12 hex digits>/report.html.")
    place = f"corpus/{recipe}/{digest}/report.html"
    if not (home() / place).is_file():
        return _not_found(f"{place} is not in the data folder. The DAG corpus writes it; trigger it with this recipe.")
    return FileResponse(home() / place, media_type="text/html", headers=HEADERS)


def _not_found(why: str) -> PlainTextResponse:
    return PlainTextResponse(why, status_code=404, headers=HEADERS)
