"""What Bardloop adds to Airflow's API server: the pages of the corpus reports.

Every Airflow process reads this file, but only the API server asks for the apps.
"""

from functools import cached_property

from airflow.plugins_manager import AirflowPlugin

from bardloop_airflow.report_link import REPORTS


class BardloopPlugin(AirflowPlugin):
    """The link to a report needs no place here: the task that made the report leaves its address in XCom."""

    name = "bardloop"

    @cached_property
    def fastapi_apps(self) -> list[dict]:
        """Apps and the paths under which they are found."""
        from bardloop_airflow.report_server import app  # late: FastAPI and Airflow's API cost every other process time

        return [{"app": app, "url_prefix": REPORTS, "name": "Bardloop reports"}]
