"""docker/make-secrets.sh, docker/with-secrets.sh and docker/databases.sql, each really run."""

import json
import os
import subprocess

import psycopg2
import pytest
from airflow.sdk import Connection
from cryptography.fernet import Fernet

from tests.containers import compose
from tests.containers.compose import ROOT

MAKE = ROOT / "docker" / "make-secrets.sh"
BECOME = ["sh", ROOT / "docker" / "with-secrets.sh"]
SHOW = ["python3", "-c", "import json, os; print(json.dumps(dict(os.environ)))"]


def contents(folder):
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_what_compose_mounts_is_made_and_closed_to_others(tmp_path):
    folder = tmp_path / "secrets"
    subprocess.run([MAKE, folder], check=True)
    mounted = [definition["file"] for definition in compose.read()["secrets"].values()]
    assert {f"./var/secrets/{name}" for name in contents(folder)} >= set(mounted)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o644}  # the containers' users read them


def test_secrets_differ_and_are_long(tmp_path):
    subprocess.run([MAKE, tmp_path], check=True)
    made = contents(tmp_path)
    assert len(set(made.values())) == len(made)
    assert min(map(len, made.values())) >= 43
    Fernet(made["airflow_fernet_key"])


def test_buttons_lead_to_where_browsers_reach_the_site(tmp_path):
    subprocess.run([MAKE, tmp_path], check=True, env=os.environ | {"BARDLOOP_SITE": "vote.example"})
    web = Connection.from_json(contents(tmp_path)["airflow_connection_web"])
    assert (web.host, web.extra_dejson) == ("web", {"browser_url": "https://vote.example"})


def test_a_second_run_keeps_what_is_there_and_follows_what_was_changed(tmp_path):
    subprocess.run([MAKE, tmp_path], check=True)
    before = contents(tmp_path)
    subprocess.run([MAKE, tmp_path], check=True)
    assert contents(tmp_path) == before
    (tmp_path / "admin_key").unlink()
    subprocess.run([MAKE, tmp_path], check=True)
    after = contents(tmp_path)
    assert json.loads(after["airflow_connection_serving"])["password"] == after["admin_key"] != before["admin_key"]
    assert {name for name in before if before[name] != after[name]} == {"admin_key", "airflow_connection_serving"}


def test_files_named_as_variables_become_variables(tmp_path):
    (tmp_path / "DJANGO_SECRET_KEY").write_text("a b$c'd")
    (tmp_path / "ray_token").write_text("stays a file")
    shown = json.loads(subprocess.check_output([*BECOME, tmp_path, *SHOW]))
    assert shown["DJANGO_SECRET_KEY"] == "a b$c'd"
    assert "ray_token" not in shown


def test_without_secrets_the_command_runs(tmp_path):
    assert subprocess.check_output([*BECOME, tmp_path / "none", "echo", "here"]) == b"here\n"


def test_an_empty_secret_stops_the_container(tmp_path):
    (tmp_path / "PGPASSWORD").touch()
    done = subprocess.run([*BECOME, tmp_path, "echo", "started"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "PGPASSWORD is empty" in done.stderr


@pytest.mark.parametrize(
    ("role", "secret", "own"),
    [
        ("airflow", "airflow_database_password", "airflow"),
        ("bardloop", "web_database_password", "bardloop"),
        ("exporter", "exporter_database_password", "postgres"),
    ],
)
def test_each_role_reaches_its_own_database_only(database, role, secret, own):
    database.connect(own, role, secret).close()
    for other in {"airflow", "bardloop"} - {own}:
        with pytest.raises(psycopg2.OperationalError, match="permission denied"):
            database.connect(other, role, secret)
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        database.connect(own, role, "grafana_password")


def test_the_exporter_may_read_statistics(database):
    with database.connect("postgres", "exporter", "exporter_database_password") as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT sum(pg_database_size(datname)) FROM pg_stat_database WHERE datname IS NOT NULL")
        assert cursor.fetchone()[0] > 0
