"""When a DAG runs by the clock."""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable


def at(cron: str) -> CronTriggerTimetable:
    """A timetable of these times (UTC), the first of which lies ahead.

    Airflow 3.3 otherwise starts a DAG that it has just met at once, for the time that went by last, if that is not
    long ago (a tenth of the interval: on a Sunday, all day for what runs on Sundays), and it takes
    `run_immediately=False`, which should forbid that, for the default.
    """
    return CronTriggerTimetable(cron, timezone="UTC", run_immediately=timedelta(0))
