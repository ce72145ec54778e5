"""Fixtures of the web site's tests: PostgreSQL, the site under uvicorn, and a scripted engine behind it.

The site runs as it does in the demo, in a process of its own, and is spoken to over HTTP; there is no Django in the
test's process.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import pytest

from demo.postgres import start
from tests.stack import ROOT
from tests.webapp.scripted_engine import KEY, ScriptedEngine
from tests.webapp.site import Site
from tests.webapp.started import running
from webapp.access.limits import DEFAULTS

PASSWORD = "only-for-the-tests"
EXPORT_KEY = "reads-the-votes"
UNHURRIED = ",".join(f"{limit}=100000" for limit in DEFAULTS)
"""All visitors of the tests share one address, and tests are faster than a school."""
EMPTY = """
    DELETE FROM arena_invitation; DELETE FROM arena_vote; DELETE FROM arena_turn; DELETE FROM arena_comparison;
    DELETE FROM arena_account; DELETE FROM auth_user WHERE NOT is_superuser
"""


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server of the tests' own. Unix sockets allow about 100 characters: hence the short folder."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bardloop-pg-"))
    server = start(folder, databases=["bardloop"])
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def scripted_engine():
    """The stand-in for the inference engine; `engine` is it, reset."""
    server = ScriptedEngine()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def site_environment(postgres, scripted_engine) -> dict[str, str]:
    """The environment that the site is started with."""
    return dict(os.environ) | {
        "DATABASE_URL": postgres.url("bardloop"),
        "DJANGO_SECRET_KEY": "only for the tests",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "BARDLOOP_INFERENCE_URL": scripted_engine.url,
        "BARDLOOP_API_KEY": KEY,
        "BARDLOOP_EXPORT_KEY": EXPORT_KEY,
        "BARDLOOP_REPLY_TIMEOUT_S": "5",
        "BARDLOOP_LIMITS": UNHURRIED,
    }


@pytest.fixture(scope="session")
def running_site(site_environment):
    """The site under uvicorn on a free port, set up from nothing."""
    subprocess.run([sys.executable, "webapp/manage.py", "setup"], cwd=ROOT, env=site_environment, check=True)
    with running(site_environment, PASSWORD) as site:
        yield site


@pytest.fixture(scope="session")
def strict_site(running_site, site_environment) -> Iterator[Site]:
    """A second site on the same database, which asks for an age and for consent."""
    terms = {"BARDLOOP_MIN_AGE": "18", "BARDLOOP_CONSENT": "What you write is stored.\\n\\nIt <b>trains</b> models."}
    with running(site_environment | terms, PASSWORD) as site:
        yield site


@pytest.fixture
def site(running_site) -> Site:
    """The site without comparisons and votes."""
    running_site.rows(EMPTY)
    return running_site


@pytest.fixture
def engine(scripted_engine) -> ScriptedEngine:
    """The scripted engine, with everything up and well."""
    scripted_engine.reset()
    return scripted_engine


@pytest.fixture
def visitor(site, engine):
    """Somebody who has never been here."""
    with site.visitor() as visitor:
        yield visitor
