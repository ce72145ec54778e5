"""GET /admin/statistics/ and the read-only records in the admin."""

import re

import pyarrow
import pytest
from pyarrow import parquet

from tests.webapp.scripted_engine import BASE, VERSION


@pytest.fixture
def staff(visitor, site):
    """The visitor, logged in as staff."""
    visitor.log_in("admin", site.password)
    return visitor


def cell(page, testid: str) -> str:
    """Text of the element with that test id."""
    return re.search(rf'data-testid="{testid}"[^>]*>([^<]*)<', page.text)[1].strip()


def test_it_works(staff, site):
    compared = staff.post("/api/compare", json={}).json()
    reveal = staff.post(f"/api/vote/{compared['id']}/left").json()
    page = staff.get("/admin/statistics/")
    assert page.status_code == 200
    assert (cell(page, "comparisons-total"), cell(page, "votes-total")) == ("1", "1")
    assert (cell(page, "votes-left"), cell(page, "votes-right")) == ("1", "0")
    won = reveal["preferred"] == "adapter"
    assert (cell(page, "wins"), cell(page, "losses")) == (("1", "0") if won else ("0", "1"))
    assert cell(page, "win-rate") == ("100 %" if won else "0 %")
    assert cell(page, "interval") == ("21 % to 100 %" if won else "0 % to 79 %")
    assert VERSION in page.text and BASE in page.text


def test_before_the_first_vote(staff):
    page = staff.get("/admin/statistics/")
    assert "No votes yet" in page.text


def test_the_front_page_has_the_headlines_and_a_link(staff):
    page = staff.get("/admin/")
    assert cell(page, "votes-total") == "0"
    assert 'href="/admin/statistics/"' in page.text


def test_only_for_staff(visitor):
    answer = visitor.get("/admin/statistics/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/login/?next=/admin/statistics/")


def test_votes_and_comparisons_are_read_only(staff, site):
    compared = staff.post("/api/compare", json={}).json()
    staff.post(f"/api/vote/{compared['id']}/left")
    ((vote,),) = site.rows("SELECT id FROM arena_vote")
    for model, key in (("vote", vote), ("comparison", compared["id"])):
        assert staff.get(f"/admin/arena/{model}/").status_code == 200
        assert staff.get(f"/admin/arena/{model}/add/").status_code == 403
        page = staff.get(f"/admin/arena/{model}/{key}/change/")
        assert page.status_code == 200 and 'name="_save"' not in page.text
        assert staff.submit(f"/admin/arena/{model}/{key}/change/", choice="right").status_code == 403
        assert staff.submit(f"/admin/arena/{model}/{key}/delete/", post="yes").status_code == 403
    assert site.rows("SELECT choice FROM arena_vote") == [("left",)]


def test_staff_do_not_see_who_is_who_in_a_scene_of_their_own_before_they_voted(staff, site):
    address = staff.begin()
    staff.steps(address)
    change = f"/admin/arena/comparison/{address.split('/')[2]}/change/"
    assert "1 comparison" not in staff.get("/admin/arena/comparison/").text
    assert staff.get(change).status_code == 302  # Django's answer for what is not there
    staff.vote(address, "tie")
    assert "1 comparison" in staff.get("/admin/arena/comparison/").text
    assert staff.get(change).status_code == 200


def test_staff_do_not_see_who_is_who_in_a_scene_that_they_were_given_before_they_voted(staff, site):
    with site.visitor() as first:
        address = first.begin()
        first.steps(address)
        first.vote(address, "left")
    comparison = address.split("/")[2]
    ((vote,),) = site.rows("SELECT id FROM arena_vote")
    records = [f"/admin/arena/comparison/{comparison}/", f"/admin/arena/vote/{vote}/"]
    places = {
        f"/admin/arena/{kind}/": f"{record}change/"
        for kind, record in zip(("comparison", "vote"), records, strict=True)
    }
    places |= {f"{record}{page}/": comparison for record in records for page in ("change", "history")}
    places |= {f"/api/battles?format={form}": comparison for form in ("jsonl", "csv")}

    def naming() -> list[bool]:
        """Which places name the battle."""
        return [name in staff.get(place).text for place, name in places.items()]

    staff.begin()  # from here on they are a voter
    assert all(naming()) and battles(staff) == 1
    site.rows(
        "INSERT INTO arena_invitation (comparison_id, voter, created_at)"
        " SELECT %s, voter, now() FROM arena_comparison WHERE id <> %s",
        *(comparison, comparison),
    )
    assert not any(naming()) and battles(staff) == 0
    assert staff.vote(address, "right").status_code == 302
    assert all(naming()) and battles(staff) == 2


def battles(staff) -> int:
    """How many the file for programs holds."""
    return parquet.read_table(pyarrow.BufferReader(staff.get("/api/battles?format=parquet").content)).num_rows


def test_inline_code_and_style_are_forbidden_and_absent(staff):
    for address in ("/admin/", "/admin/statistics/", "/"):
        page = staff.get(address)
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]* (src|type=\"application/json\"))", page.text)
