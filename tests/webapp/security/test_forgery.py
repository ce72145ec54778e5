"""CSRF everywhere but in /api, which takes no rights from a cookie; no redirect to another site."""

import subprocess
import sys

import pytest

from tests.webapp.conftest import ROOT

EXEMPT = """
from django.urls import get_resolver, URLPattern
def walk(patterns, before=""):
    for one in patterns:
        here = before + str(one.pattern)
        if isinstance(one, URLPattern):
            print(here, getattr(one.callback, "csrf_exempt", False))
        else:
            walk(one.url_patterns, here)
walk(get_resolver().url_patterns)
"""
ELSEWHERE = ["https://evil.example/", "//evil.example", "/\\\\evil.example", "///evil.example", "javascript:alert(1)"]
ELSEWHERE += ["https:evil.example", "\thttps://evil.example"]


def test_only_the_api_is_without_csrf_tokens(site_environment):
    command = [sys.executable, "webapp/manage.py", "shell", "--no-imports", "-v", "0", "-c", EXEMPT]
    done = subprocess.run(command, cwd=ROOT, env=site_environment, capture_output=True, text=True, check=True)
    lines = [line.rsplit(" ", 1) for line in done.stdout.splitlines()]
    assert len(lines) > 30
    assert [path for path, exempt in lines if exempt == "True" and not path.startswith("api/")] == []


@pytest.mark.parametrize("step", ["stream", "vote", "again"])
def test_no_step_of_a_comparison_without_a_token(visitor, site, step):
    address = visitor.begin()
    answer = visitor.post(f"{address}{step}/", data={"choice": "left"})
    assert (answer.status_code, 'data-code="csrf"' in answer.text) == (403, True)
    assert site.rows("SELECT count(*) FROM arena_comparison") == [(1,)]


@pytest.mark.parametrize(
    "path", ["/write/", "/surprise/", "/scenes/water-rights/start/", "/admin/login/", "/admin/logout/"]
)
def test_no_form_without_a_token(visitor, path):
    assert visitor.post(path, data={"username": "admin"}).status_code == 403


def test_staffs_cookie_alone_does_nothing(visitor, site):
    visitor.log_in("admin", site.password)
    answer = visitor.post("/admin/access/programkey/add/", data={"name": "theirs", "per_minute": "1"})
    assert answer.status_code == 403
    assert site.rows("SELECT * FROM access_programkey") == []


@pytest.mark.parametrize("target", ELSEWHERE)
def test_the_log_in_leads_nowhere_else(visitor, site, target):
    for fields in ({"next": target}, {}):
        with site.visitor() as somebody:
            path = "/admin/login/" if fields else f"/admin/login/?next={target.replace(chr(92), '%5C').strip()}"
            answer = somebody.submit(path, username="admin", password=site.password, **fields)
            assert (answer.status_code, answer.headers["Location"]) == (302, "/")


@pytest.mark.parametrize(
    "path", ["//evil.example", "//evil.example/write", "/%5Cevil.example/write", "/write?next=//evil.example"]
)
def test_no_address_is_completed_to_another_site(visitor, path):
    answer = visitor.get(f"{visitor.base_url}{path}")
    assert answer.status_code in (301, 404)
    assert answer.headers.get("Location", "/w").startswith("/w")
