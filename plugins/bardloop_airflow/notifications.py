"""A mail when a run has failed, if somebody wants one.

In: the Airflow connection `bardloop_mail` (type SMTP; extra: `to`, `from_email`). Out: a mail; without that connection,
a line in the log of the DAG processor, which calls this once for each run that failed.
"""

import logging
from html import escape

from airflow.sdk.exceptions import AirflowNotFoundException

log = logging.getLogger(__name__)

CONNECTION_ID = "bardloop_mail"


def tell_failure(context) -> None:
    """`on_failure_callback` of every DAG: which run, which task was last, why, where to look.

    Raises:
        ValueError: the connection says nobody to write to.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.configuration import conf

    dag_id, run_id = context["dag"].dag_id, context["run_id"]
    try:
        connection = BaseHook.get_connection(CONNECTION_ID)
    except AirflowNotFoundException:
        log.info("%s %s failed; no connection %s, so nobody is told", dag_id, run_id, CONNECTION_ID)
        return
    to = connection.extra_dejson.get("to")
    if not to:
        raise ValueError(f"connection {CONNECTION_ID}: its extra has no `to`: say who gets the mails")
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    task = context.get("ti")
    address = f"{conf.get('api', 'base_url', fallback='').rstrip('/')}/dags/{dag_id}/runs/{run_id}"
    lines = [f"The run {run_id} of {dag_id} has failed: {context.get('reason') or 'no reason given'}."]
    lines += [f"The last task was {task.task_id}."] if task is not None else []
    lines += [f"Logs: {address}"]
    SmtpNotifier(
        smtp_conn_id=CONNECTION_ID,
        to=to,
        subject=f"Bardloop: {dag_id} has failed",
        html_content="".join(f"<p>{escape(line)}</p>" for line in lines),
    ).notify(context)  # not called: what a task said must not be taken for a template
