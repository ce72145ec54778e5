"""The buttons of a task in Airflow's UI: where to look at what it does or made.

In: the operator, its task instance (XCom). Out: an address; empty, which greys the button out, while there is nothing.
"""

import pathlib
import re
from urllib.parse import urlsplit

from airflow.sdk import BaseHook, BaseOperatorLink
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.execution_time.xcom import XCom

REPORTS = "/bardloop-reports"
"""Where the API server shows corpus reports, below its own root."""
EVALUATIONS = "/bardloop-evaluations"
"""Where it shows evaluation pages."""
LOOP = "/bardloop"
"""Where it shows the state of the loop."""
WANDB_RUN = re.compile(r"\bwandb run: (https?://\S+)")
"""How a job that is online at Weights & Biases says in its log where."""


class CorpusReportLink(BaseOperatorLink):
    """Opens report.html of the corpus that the task built."""

    name = "Corpus report"

    def get_link(self, operator, *, ti_key) -> str:
        page = _page(ti_key)
        return page_address(REPORTS, page) if page else ""


class EvaluationLink(BaseOperatorLink):
    """Opens evaluation.html of the run that the task evaluated."""

    name = "Evaluation"

    def get_link(self, operator, *, ti_key) -> str:
        page = _page(ti_key)
        return page_address(EVALUATIONS, page) if page else ""


class RayJobLink(BaseOperatorLink):
    """Opens the job in Ray's dashboard, from its submission on."""

    name = "Ray job"

    def get_link(self, operator, *, ti_key) -> str:
        if operator.batch_backend != "ray":
            return ""
        dashboard = connection_address("bardloop_ray")
        return f"{dashboard}/#/jobs/{operator.submission_id}" if dashboard else ""


class WandbRunLink(BaseOperatorLink):
    """Opens the training's run at Weights & Biases. The job names it in its log when it is online."""

    name = "wandb run"

    def get_link(self, operator, *, ti_key) -> str:
        return XCom.get_value(ti_key=ti_key, key=self.xcom_key) or ""  # left there by whoever followed the log


class VotingSiteLink(BaseOperatorLink):
    """Opens the site where people compare and vote: the connection `bardloop_web`."""

    name = "Voting site"

    def get_link(self, operator, *, ti_key) -> str:
        return connection_address("bardloop_web")


def page_address(prefix: str, page: pathlib.PurePath) -> str:
    """Address of the page `…/<recipe>/<digest or run>/<file>` under one of the prefixes above, without a host."""
    return "/".join((f"{airflow_root()}{prefix}", *page.parts[-3:]))


def airflow_root() -> str:
    """The path below which Airflow lies, without a slash at its end; mostly empty.

    Addresses that begin with it work through every name and tunnel by which the API server is reached: the cookie of
    the session belongs to that name, not to the one in Airflow's setting.
    """
    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")


def connection_address(name: str) -> str:
    """Where people's browsers reach what an Airflow connection names; empty when there is no such connection.

    `browser_url` in the connection's extra where it has one: behind a proxy, host and port are for our processes only.
    """
    try:
        connection = BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return ""
    if elsewhere := connection.extra_dejson.get("browser_url"):
        return elsewhere.rstrip("/")
    from bardloop_airflow.site import address_of  # late: a DAG file must not wait for httpx

    return address_of(connection)


def _page(ti_key) -> pathlib.PurePath | None:
    """The page that the task's summary names; None when it has not ended well."""
    summary = XCom.get_value(ti_key=ti_key, key="return_value")
    return pathlib.PurePath(summary["page"]) if summary else None
