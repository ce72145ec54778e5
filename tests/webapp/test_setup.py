"""`python webapp/manage.py setup`, as the demo starts it."""

import subprocess
import sys

import pytest

from tests.webapp.conftest import ROOT


@pytest.fixture
def setup(site, site_environment):
    """Runs the command again on the site's database; keywords are environment variables, None takes one away."""

    def run(**changes):
        environment = {name: value for name, value in (site_environment | changes).items() if value is not None}
        command = [sys.executable, "webapp/manage.py", "setup"]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    return run


def test_it_works(setup, site, visitor):
    assert setup().stdout == "database migrated, 12 scenes, account “admin” unchanged\n"
    assert site.rows("SELECT username, is_staff, is_superuser FROM auth_user") == [("admin", True, True)]
    visitor.log_in("admin", site.password)


def test_a_changed_password_is_set_again(setup, site, visitor):
    site.rows("UPDATE auth_user SET password = 'unusable', is_active = false")
    assert setup().stdout.endswith("account “admin” updated\n")
    visitor.log_in("admin", site.password)


def test_log_ins_that_have_run_out_are_removed(setup, site, visitor):
    visitor.log_in("admin", site.password)
    site.rows("INSERT INTO django_session VALUES ('old', '', now() - interval '1 minute')")
    assert setup().returncode == 0
    assert site.rows("SELECT count(*) FROM django_session WHERE expire_date < now()") == [(0,)]
    assert visitor.get("/admin/").status_code == 200


def test_the_migrations_say_all_that_the_models_say(site, site_environment):
    command = [sys.executable, "webapp/manage.py", "makemigrations", "--check", "--dry-run"]
    done = subprocess.run(command, cwd=ROOT, env=site_environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"DJANGO_SUPERUSER_PASSWORD": None}, "DJANGO_SUPERUSER_PASSWORD is not set"),
        ({"DATABASE_URL": None}, "DATABASE_URL is not set. Example: DATABASE_URL=postgresql://"),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, "the database does not answer (DATABASE_URL)"),
        ({"DJANGO_SECRET_KEY": None}, "DJANGO_SECRET_KEY is not set"),
        ({"BARDLOOP_INFERENCE_URL": "127.0.0.1:8001"}, "expected an address such as http://127.0.0.1:8001"),
        ({"BARDLOOP_REPLY_TOKENS": "many"}, "BARDLOOP_REPLY_TOKENS='many': expected a number"),
    ],
)
def test_what_is_missing_is_said_in_one_line(setup, changes, says):
    done = setup(**changes)
    assert done.returncode != 0
    assert says in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3  # libpq's own words about a refused connection are two
