"""The operator's terms: BARDLOOP_CONSENT and BARDLOOP_MIN_AGE. A site of its own, since they are read at its start."""

import re

import pytest

from tests.webapp.browsing import PHONE, opened


@pytest.fixture
def newcomer(site, engine, strict_site):
    """Somebody who has agreed to nothing yet."""
    with site.visitor() as visitor:
        visitor.base_url = strict_site.url
        yield visitor


def agree(visitor, **fields):
    """Send the form of the page that asks."""
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', visitor.get("/welcome/").text)[1]
    return visitor.post("/welcome/", data={"csrfmiddlewaretoken": token} | fields)


def test_it_works(newcomer):
    answer = newcomer.get("/?tag=Western")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/welcome/?next=%2F%3Ftag%3DWestern")
    page = newcomer.get(answer.headers["Location"]).text
    assert "I am at least 18 years old" in page and "&lt;b&gt;trains" in page
    answer = agree(newcomer, age="yes", agree="yes", next="/?tag=Western")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/?tag=Western")
    assert newcomer.get("/?tag=Western").status_code == 200
    newcomer.steps(newcomer.begin())


@pytest.mark.parametrize("ticked", [{}, {"age": "yes"}, {"agree": "yes"}, {"age": "no", "agree": "yes"}])
def test_half_is_not_enough(newcomer, ticked):
    page = agree(newcomer, **ticked)
    assert page.status_code == 400 and 'role="alert"' in page.text
    assert newcomer.get("/").status_code == 303


@pytest.mark.parametrize("address", ["https://elsewhere.example/", "//elsewhere.example", "javascript:1", "/\\x"])
def test_it_leads_nowhere_else(newcomer, address):
    assert agree(newcomer, age="yes", agree="yes", next=address).headers["Location"] == "/"


def test_nothing_can_be_done_before(newcomer, site):
    assert newcomer.post("/scenes/water-rights/start/").headers["Location"] == "/welcome/?next=%2F"
    assert newcomer.get("/", headers={"HX-Request": "true"}).headers["HX-Redirect"].startswith("/welcome/")
    assert site.rows("SELECT * FROM arena_comparison") == []


def test_a_forged_cookie_is_worth_nothing(newcomer):
    agree(newcomer, age="yes", agree="yes")
    signed = newcomer.cookies["bardloop_terms"].strip('"')
    newcomer.cookies.clear()
    newcomer.cookies.set("bardloop_terms", f"{signed}x")
    assert newcomer.get("/").status_code == 303


def test_programs_staff_and_ones_own_data_have_their_own_doors(newcomer):
    for path in ("/api/statistics", "/health", "/mine/", "/admin/login/"):
        assert newcomer.get(path).status_code == 200, path


def test_without_terms_nobody_is_asked(visitor):
    assert visitor.get("/").status_code == 200
    assert visitor.get("/welcome/").headers["Location"] == "/"


@pytest.mark.slow
def test_the_page_on_a_phone(browser, strict_site):
    with opened(browser, strict_site, **PHONE) as page:
        page.goto("/?tag=Western")
        page.get_by_test_id("age").check()
        page.get_by_test_id("agree").check()
        page.get_by_test_id("enter").click()
        page.wait_for_url("**/?tag=Western")
