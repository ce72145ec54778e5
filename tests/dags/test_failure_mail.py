"""A run that failed is told by mail, through the code with which Airflow's DAG processor tells it, over SMTP."""

import email

import pytest

from tests.dags.conftest import ROOT
from tests.dags.mail import connection, serve

TELL = """
import sys
import structlog
from airflow.callbacks.callback_requests import DagCallbackRequest
from airflow.dag_processing.dagbag import DagBag
from airflow.dag_processing.processor import _execute_dag_callbacks

bag = DagBag(dag_folder=sys.argv[1])
request = DagCallbackRequest(
    filepath="corpus.py", bundle_name="dags-folder", bundle_version=None, dag_id="corpus", run_id="manual__1",
    is_failure_callback=True, msg="task_failure <b>",
)
_execute_dag_callbacks(bag, request, structlog.get_logger())
"""


@pytest.fixture
def mail_server():
    with serve() as server:
        yield server


def tell(airflow, **environment):
    airflow.run("-c", TELL, str(ROOT / "dags" / "corpus.py"), **environment)


def test_it_works(airflow, mail_server):
    tell(airflow, AIRFLOW_CONN_BARDLOOP_MAIL=connection(mail_server, to="ops@example.org"))
    before, _, letter = "\n".join(mail_server.said).partition("\nContent-Type")
    assert "rcpt to:<ops@example.org>" in before.lower()
    mail = email.message_from_string(f"Content-Type{letter}")
    text = mail.get_payload()[0].get_payload(decode=True).decode()
    assert mail["Subject"] == "Bardloop: corpus has failed"
    assert "manual__1" in text and "/dags/corpus/runs/" in text and "task_failure &lt;b&gt;" in text


def test_without_the_connection_nobody_is_told(airflow, mail_server):
    tell(airflow)
    assert mail_server.said == []
