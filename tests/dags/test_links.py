"""Where the buttons of a task lead to: what an Airflow connection says of host, port and browsers."""

import json

import pytest

from bardloop_airflow.links import connection_address


@pytest.mark.parametrize(
    ("fields", "leads_to"),
    [
        ({"host": "ray", "port": 8265}, "http://ray:8265"),
        ({"host": "https://ray.example", "port": 8265}, "https://ray.example:8265"),
        ({"host": "https://ray.example"}, "https://ray.example"),
        ({"host": "ray", "schema": "https"}, "https://ray"),
        ({"host": "ray", "extra": json.dumps({"browser_url": "https://ray.example/"})}, "https://ray.example"),
    ],
)
def test_a_button_leads_to_where_the_connection_says(monkeypatch, fields, leads_to):
    monkeypatch.setenv("AIRFLOW_CONN_BARDLOOP_RAY", json.dumps({"conn_type": "http", **fields}))
    assert connection_address("bardloop_ray") == leads_to


def test_without_a_connection_there_is_no_button():
    assert connection_address("bardloop_nothing") == ""
