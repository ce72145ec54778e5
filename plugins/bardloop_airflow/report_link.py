"""The button "Corpus report" on a task that built a corpus.

In: the job's summary (XCom). Out: the address at which `report_server` shows that corpus's report.
"""

import pathlib
from urllib.parse import urlsplit

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf
from airflow.sdk.execution_time.xcom import XCom

REPORTS = "/bardloop-reports"
"""Where the API server shows reports, below its own root."""


class CorpusReportLink(BaseOperatorLink):
    """Opens report.html of the corpus that the task built."""

    name = "Corpus report"

    def get_link(self, operator, *, ti_key) -> str:
        """Address of the report; empty, which greys the button out, when the task has built none."""
        summary = XCom.get_value(ti_key=ti_key, key="return_value")
        return report_address(pathlib.PurePath(summary["page"])) if summary else ""


def report_address(page: pathlib.PurePath) -> str:
    """Address of `<home>/corpus/<recipe>/<digest>/report.html`, without a host.

    So it works through every name and tunnel by which the API server is reached: the cookie of the session belongs
    to that name, not to the one in Airflow's setting. That setting only says below which path Airflow lies.
    """
    root = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
    recipe, digest, file = page.parts[-3:]
    return f"{root}{REPORTS}/{recipe}/{digest}/{file}"
