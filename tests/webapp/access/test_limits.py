"""Limits for each voter and each address: who is too fast is told so, in the form that was asked for."""

import itertools
import re
import subprocess
import sys

import pytest

from tests.webapp.browsing import opened
from tests.webapp.conftest import EXPORT_KEY, ROOT
from tests.webapp.in_browser.steps import begin
from tests.webapp.started import running

LIMITS = "start/voter=3,start/address=7,write/voter=1,vote/voter=2,api/address=4,act/voter=100,login/address=2,"
LIMITS += "signup/address=1"
ADDRESSES = (f"198.51.100.{number}" for number in itertools.count(1))


@pytest.fixture(scope="module")
def strict(running_site, site_environment):
    """The site with tight limits, behind one proxy."""
    environment = site_environment | {"BARDLOOP_LIMITS": LIMITS, "BARDLOOP_PROXIES": "1"}
    with running(environment, running_site.password) as site:
        yield site


@pytest.fixture
def hasty(strict, site, engine):
    """Somebody at an address that nobody had before."""
    with strict.visitor() as visitor:
        visitor.headers["X-Forwarded-For"] = next(ADDRESSES)
        yield visitor


def start(visitor, **headers):
    return visitor.post("/surprise/", data={"csrfmiddlewaretoken": visitor.token()}, headers=headers)


def test_it_works(hasty):
    # The first start has no cookie yet, so it counts for the address alone.
    assert [start(hasty).status_code for _ in range(5)] == [302, 302, 302, 302, 429]
    page = start(hasty)
    assert 'data-code="too_fast"' in page.text and "A little slower, please" in page.text
    wait = int(page.headers["Retry-After"])
    assert 15 <= wait <= 20  # three a minute: the next one after twenty seconds
    assert f"Wait {wait} s" in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_htmx_gets_a_notice(hasty):
    for _ in range(4):
        start(hasty)
    part = start(hasty, **{"HX-Request": "true"})
    assert (part.status_code, part.headers["HX-Retarget"]) == (429, "#notice")
    assert part.text.startswith('<p class="notice" role="alert"') and "Retry-After" in part.headers


def test_a_stream_gets_json(hasty):
    headers = {"X-CSRFToken": hasty.token(), "Accept": "text/event-stream"}
    address = hasty.begin()
    hasty.steps(address)
    answer = hasty.post(f"{address}stream/", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_fast")


def test_the_page_says_why_no_stream_comes(strict, site, engine, browser):
    """write/voter=1: of two scenes that are begun at once, the second has to wait."""
    forwarded = {"X-Forwarded-For": next(ADDRESSES)}
    with opened(browser, strict, extra_http_headers=forwarded) as page:
        begin(page)
        page.locator("#votes:enabled").wait_for()
        begin(page, "berth-forty-one")
        notice = page.get_by_test_id("notice")
        notice.wait_for()
        assert "faster than this site allows" in notice.inner_text() and "broke" not in notice.inner_text()
        assert page.get_by_test_id("reload").count() == 1


def test_no_word_of_a_scene_of_ones_own_is_lost(hasty, site):
    own = {"title": "Night Ferry", "player": "Sam", "character": "Charon", "post": "*I pay in <secrets>.*"}
    pages = [hasty.submit("/write/", **own) for _ in range(5)]
    assert [page.status_code for page in pages] == [302, 302, 302, 302, 429]
    page = pages[-1]
    assert 'data-testid="own-scene"' in page.text and "*I pay in &lt;secrets&gt;.*" in page.text
    assert 'data-code="too_fast"' in page.text and 'value="Night Ferry"' in page.text
    assert page.headers["Retry-After"] and page.headers["Cache-Control"] == "no-store"
    assert len(site.rows("SELECT * FROM arena_comparison")) == 4


def test_accounts_are_not_made_by_the_dozen(hasty):
    form = {"username": "a b", "password1": "", "password2": ""}
    assert [hasty.submit("/account/sign-up/", **form).status_code for _ in range(2)] == [400, 429]
    assert [hasty.submit("/account/log-in/", **form).status_code for _ in range(3)] == [400, 400, 429]


def test_votes(hasty, site):
    addresses = [hasty.begin() for _ in range(3)]
    codes = [hasty.vote(address, "left").status_code for address in addresses]
    assert codes == [409, 409, 429]  # not complete, twice; then it is not even looked at


def test_programs_get_json(hasty):
    answers = [hasty.get("/api/statistics") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429]
    assert answers[-1].json()["error"]["code"] == "too_fast"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 15


def test_reading_is_free(hasty):
    assert {hasty.get("/write/").status_code for _ in range(20)} == {200}


def test_of_one_address_many_people_start_and_all_of_them_together_are_limited(hasty, strict):
    codes = []
    for _ in range(9):
        with strict.visitor() as pupil:
            pupil.headers["X-Forwarded-For"] = hasty.headers["X-Forwarded-For"]
            codes.append(start(pupil).status_code)
    assert codes == [302] * 7 + [429] * 2


def test_who_is_refused_as_one_uses_up_nothing_of_the_address(hasty, strict):
    for _ in range(20):
        start(hasty)
    with strict.visitor() as neighbour:  # of the address's seven, four are gone
        neighbour.headers["X-Forwarded-For"] = hasty.headers["X-Forwarded-For"]
        assert start(neighbour).status_code == 302


def test_only_what_our_proxy_wrote_is_believed(hasty):
    mine = hasty.headers["X-Forwarded-For"]
    for number in range(4):
        hasty.headers["X-Forwarded-For"] = f"203.0.113.{number}, {mine}"
        hasty.get("/api/statistics")
    assert hasty.get("/api/statistics").status_code == 429
    hasty.headers["X-Forwarded-For"] = next(ADDRESSES)
    assert hasty.get("/api/statistics").status_code == 200


def test_one_household_of_ipv6_is_one_address(hasty):
    codes = []
    for number in range(5):
        hasty.headers["X-Forwarded-For"] = f"2001:db8:1:2::{number:x}"
        codes.append(hasty.get("/api/statistics").status_code)
    assert codes == [200] * 4 + [429]


def test_without_proxies_the_header_is_not_believed(visitor, site):
    site.rows("DELETE FROM access_allowance")
    for number in range(3):
        visitor.get("/api/statistics", headers={"X-Forwarded-For": f"203.0.113.{number}"})
    assert site.rows("SELECT count(*) FROM access_allowance WHERE subject LIKE 'api/address/%%'") == [(1,)]


def test_no_address_is_kept(hasty, site):
    hasty.headers["X-Forwarded-For"] = "192.0.2.77"
    hasty.get("/api/statistics")
    subjects = [subject for (subject,) in site.rows("SELECT subject FROM access_allowance")]
    assert not any("192.0.2" in subject or "127.0.0.1" in subject for subject in subjects)
    assert any(re.fullmatch(r"api/address/fd[0-9a-f:]+", subject) for subject in subjects)


def test_the_operators_own_program_is_not_limited(hasty):
    headers = {"Authorization": f"Bearer {EXPORT_KEY}"}
    codes = {hasty.get("/api/votes/count", params={"adapter": "demo"}, headers=headers).status_code for _ in range(9)}
    assert codes == {200}


def test_log_ins_of_one_address_are_limited(hasty):
    token = hasty.token()
    form = {"csrfmiddlewaretoken": token, "password": "wrong"}
    codes = [hasty.post("/admin/login/", data=form | {"username": f"name{n}"}).status_code for n in range(3)]
    assert codes == [200, 200, 429]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("vote/adress=5", "BARDLOOP_LIMITS: there is no limit 'vote/adress'. The limits are: start/voter"),
        ("vote/voter=0", "expected vote/voter= and a whole number from 1"),
        ("vote/voter", "expected vote/voter= and a whole number from 1"),
    ],
)
def test_a_wrong_limit_is_said_in_one_line(site_environment, value, says):
    command = [sys.executable, "webapp/manage.py", "check"]
    environment = site_environment | {"BARDLOOP_LIMITS": value}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode != 0 and says in done.stderr and "Traceback" not in done.stderr
