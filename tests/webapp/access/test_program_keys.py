"""Keys for programs: made and revoked in the admin and by command, and what they open."""

import hashlib
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.webapp.conftest import EXPORT_KEY, ROOT


@pytest.fixture
def command(site, site_environment):
    """Runs `manage.py program_key`."""

    def run(*arguments: str) -> subprocess.CompletedProcess:
        whole = [sys.executable, "webapp/manage.py", "program_key", *arguments]
        return subprocess.run(whole, cwd=ROOT, env=site_environment, capture_output=True, text=True)

    return run


def test_it_works(command, make, site, visitor):
    made = command("make", "judge", "--may", "vote")
    key = made.stdout.strip()
    assert key.startswith("bardloop_") and len(key) > 50
    headers = {"Authorization": f"Bearer {key}"}
    compared = visitor.post("/api/compare", json={}, headers=headers).json()
    assert visitor.post(f"/api/vote/{compared['id']}/left", headers=headers).status_code == 200
    ((voter,),) = site.rows("SELECT voter FROM access_programkey WHERE name = 'judge'")
    assert site.rows("SELECT voter FROM arena_vote") == site.rows("SELECT voter FROM arena_comparison") == [(voter,)]


def test_the_key_itself_is_nowhere_in_the_database(command, make, site):
    key = command("make", "judge", "--may", "vote").stdout.strip()
    ((row,),) = site.rows("SELECT k::text FROM access_programkey k")
    assert key not in row and hashlib.sha256(key.encode()).hexdigest() in row


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/statistics"), ("POST", "/api/compare"), ("GET", "/api/openapi.json")]
)
def test_a_wrong_key_is_refused_everywhere(visitor, method, path):
    answer = visitor.request(method, path, headers={"Authorization": "Bearer bardloop_wrong"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "key_refused")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_proxys_own_password_is_not_taken_for_a_key(visitor):
    assert visitor.get("/api/statistics", headers={"Authorization": "Basic YTpi"}).status_code == 200


@pytest.mark.parametrize(
    ("permission", "codes"),
    [("vote", [200, 403, 403]), ("statistics", [403, 200, 403]), ("export", [403, 403, 200])],
)
def test_a_key_opens_what_it_permits(visitor, make, permission, codes):
    headers = make(**{permission: True})
    answers = [
        visitor.post("/api/compare", json={}, headers=headers),
        visitor.get("/api/statistics", headers=headers),
        visitor.get("/api/battles", headers=headers),
    ]
    assert [answer.status_code for answer in answers] == codes
    refused = next(answer for answer in answers if answer.status_code == 403)
    assert refused.json()["error"]["code"] == "not_permitted"


def test_votes_by_a_key_that_permits_export(visitor, make):
    path = "/api/votes/count?adapter=demo"
    assert visitor.get(path, headers=make(export=True)).status_code == 200
    assert visitor.get(path, headers={"Authorization": f"Bearer {EXPORT_KEY}"}).status_code == 200
    assert visitor.get(path, headers=make(statistics=True)).status_code == 403


def test_blind_with_a_key_too(visitor, make):
    answer = visitor.post("/api/compare", json={}, headers=make(vote=True))
    assert set(answer.json()) == {"id", "title", "player", "character", "left", "right"}
    assert "set-cookie" not in answer.headers


def test_a_key_has_its_own_number_of_calls_also_when_all_come_at_once(visitor, make, site):
    headers = make(per_minute=10, statistics=True)
    began = time.monotonic()

    def call(_):
        return httpx.get(f"{site.url}/api/statistics", headers=headers, timeout=20).status_code

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(call, range(40)))
    assert set(codes) == {200, 429}
    assert 10 <= codes.count(200) <= 10 + (time.monotonic() - began) / 6
    assert visitor.get("/api/statistics").status_code == 200  # others go on


def test_a_revoked_key_opens_nothing(command, make, visitor):
    headers = make("judge", statistics=True)
    assert visitor.get("/api/statistics", headers=headers).status_code == 200
    assert command("revoke", "judge").stdout == "“judge” opens nothing any more\n"
    assert visitor.get("/api/statistics", headers=headers).status_code == 401
    assert command("list").stdout.startswith("judge: revoked 2")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("make", "judge", "--may", "vote"), "Program key with this Name already exists."),
        (("make", "other", "--may", "vote", "--per-minute", "0"), "greater than or equal to 1"),
        (("make", "other", "--may", "everything"), "invalid choice: 'everything'"),
        (("revoke", "nobody"), "there is no key “nobody”"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(command, make, arguments, says):
    make("judge")
    done = command(*arguments)
    assert done.returncode != 0 and says in done.stderr and "Traceback" not in done.stderr


def test_the_admin_makes_a_key_and_shows_it_once(visitor, make, site):
    visitor.log_in("admin", site.password)
    form = {"name": "judge", "per_minute": "60", "may_vote": "on"}
    page = visitor.submit("/admin/access/programkey/add/", **form)
    assert page.status_code == 200 and "no-store" in page.headers["Cache-Control"]
    key = re.search(r'data-testid="new-key">(bardloop_[\w-]+)<', page.text)[1]
    headers = {"Authorization": f"Bearer {key}"}
    assert visitor.post("/api/compare", json={}, headers=headers).status_code == 200
    ((row,),) = site.rows("SELECT id FROM access_programkey")
    for path in ("", f"{row}/change/", f"{row}/history/"):
        assert key not in visitor.get(f"/admin/access/programkey/{path}").text


def test_the_admin_revokes_but_never_deletes(visitor, make, site):
    headers = make("judge", statistics=True)
    visitor.log_in("admin", site.password)
    ((row,),) = site.rows("SELECT id FROM access_programkey")
    answer = visitor.submit("/admin/access/programkey/", action="revoke", _selected_action=str(row))
    assert answer.status_code == 302
    assert visitor.get("/api/statistics", headers=headers).status_code == 401
    assert "Revoked." in visitor.get(f"/admin/access/programkey/{row}/history/").text
    assert visitor.get(f"/admin/access/programkey/{row}/delete/").status_code == 403


def test_the_document_says_where_a_key_is_needed(visitor):
    document = visitor.get("/api/openapi.json").json()
    assert document["components"]["securitySchemes"]["ProgramKeyAuth"] == {"type": "http", "scheme": "bearer"}
    assert document["paths"]["/api/compare"]["post"]["security"] == [{"ProgramKeyAuth": []}, {}]
    assert document["paths"]["/api/votes"]["get"]["security"] == [{"ProgramKeyAuth": []}]
