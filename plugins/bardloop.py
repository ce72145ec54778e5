"""What Bardloop adds to Airflow's API server: the page of the loop, those of corpus reports and of evaluations.

Every Airflow process reads this file, but only the API server asks for the apps.
"""

from functools import cached_property

from airflow.plugins_manager import AirflowPlugin

from bardloop_airflow.links import EVALUATIONS, LOOP, REPORTS, airflow_root


class BardloopPlugin(AirflowPlugin):
    """The links to reports and evaluations need no place here: the task that made one leaves its address in XCom."""

    name = "bardloop"

    @cached_property
    def external_views(self) -> list[dict]:
        """An entry of the menu Browse, which opens a tab of its own.

        Airflow's frame for such pages (`url_route`) lets no link lead out of it, and at the menu's top level Airflow
        3.3 makes a button of an address, which opens nothing.
        """
        page = f"{airflow_root()}{LOOP}/"
        return [{"name": "Bardloop", "href": page, "destination": "nav", "category": "browse"}]

    @cached_property
    def fastapi_apps(self) -> list[dict]:
        """Apps and the paths under which they are found."""
        from bardloop_airflow import report_server  # late: FastAPI and Airflow's API cost every other process time
        from bardloop_airflow.loop import page

        return [
            {"app": page.app, "url_prefix": LOOP, "name": "Bardloop loop"},
            {"app": report_server.reports, "url_prefix": REPORTS, "name": "Bardloop corpus reports"},
            {"app": report_server.evaluations, "url_prefix": EVALUATIONS, "name": "Bardloop evaluations"},
        ]
