"""GET /.well-known/security.txt (RFC 9116)."""

import datetime
import subprocess
import sys

import pytest

from tests.stack import ROOT
from tests.webapp.started import running

PATH = "/.well-known/security.txt"


@pytest.fixture(scope="module")
def reachable(running_site, site_environment):
    """A second site, whose operator names a contact, and asks people for consent."""
    set_by_operator = {"BARDLOOP_SECURITY_CONTACT": "mailto:security@example.org", "BARDLOOP_CONSENT": "Agreed?"}
    with running(site_environment | set_by_operator, running_site.password) as site:
        yield site


def test_it_works(reachable):
    with reachable.visitor() as visitor:
        answer = visitor.get(PATH)
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.text.endswith("\r\n")
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert fields["Contact"] == "mailto:security@example.org"
    left = datetime.datetime.fromisoformat(fields["Expires"]) - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(days=30) < left < datetime.timedelta(days=365)


def test_nobody_is_named(visitor):
    assert visitor.get(PATH).status_code == 404


@pytest.mark.parametrize("value", ["security@example.org", "mailto:a@b.c\nExpires: never", "mailto:a b"])
def test_a_wrong_contact_is_said_in_one_line(site_environment, value):
    command = [sys.executable, "webapp/manage.py", "check"]
    environment = site_environment | {"BARDLOOP_SECURITY_CONTACT": value}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode != 0 and "expected an address such as mailto:" in done.stderr
    assert "Traceback" not in done.stderr
