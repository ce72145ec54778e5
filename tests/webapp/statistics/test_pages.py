"""/admin/statistics/…: pages, filters, and the same tables as CSV."""

import csv
import datetime
import io
import re
import uuid

import pytest

from tests.webapp.rows import insert_votes
from tests.webapp.scripted_engine import BASE, VERSION

NEWER = "demo@ba9876543210"
PAGES = ("", "ratings/", "scenes/", "voters/", "gate/")
TABLES = {
    "": ("versions", "choices", "sides", "days", "comparisons"),
    "ratings/": ("ratings", "chances", "matrix", "ties"),
    "scenes/": ("tags", "reasons", "lengths", "times"),
    "voters/": ("voters", "active", "flags", "agreement"),
    "gate/": ("evidence", "interval", "harm", "rules"),
}


@pytest.fixture
def staff(visitor, site):
    """The visitor, logged in, on a site with 60 votes of six people, who came one after the other."""
    for left, right, choice, tags, hours, copies in (
        (BASE, VERSION, "right", ["Western"], 50, 18),
        (VERSION, BASE, "right", ["Western"], 50, 12),
        (NEWER, BASE, "left", ["Horror", "Drama"], 1, 18),
        (BASE, NEWER, "tie", ["Horror"], 1, 6),
        (BASE, NEWER, "bothbad", ["Drama"], 1, 6),
    ):
        insert_votes(site, left, right, choice, "anybody", tags, hours, copies)
    site.rows(
        "UPDATE arena_vote SET voter = ('00000000-0000-0000-0000-00000000000' || 1 + mod(id, 6))::uuid,"
        " created_at = created_at - (1 + mod(id, 6)) * interval '2 hours'"
    )
    visitor.log_in("admin", site.password)
    return visitor


def table(staff, page: str, name: str, query: str = "") -> list[dict]:
    """The rows of a CSV."""
    answer = staff.get(f"/admin/statistics/{page}{name}.csv{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text)))


def headline(page, testid: str) -> str:
    return re.search(rf'data-testid="{testid}"[^>]*>([^<]*)<', page.text)[1].strip()


@pytest.mark.parametrize("address", PAGES)
def test_it_works(staff, address):
    page = staff.get(f"/admin/statistics/{address}")
    assert page.status_code == 200
    for name in TABLES[address]:
        shown = f'<table data-testid="{name}"' in page.text
        assert shown == (f'data-testid="csv-{name}"' in page.text)
        assert shown == bool(table(staff, address, name))
    assert sum(f'<table data-testid="{name}"' in page.text for name in TABLES[address]) >= len(TABLES[address]) - 1


def test_the_first_page_says_who_is_better(staff):
    page = staff.get("/admin/statistics/").text
    verdicts = re.findall(r'<li class="(\w+)">([^<]*)</li>', page)
    assert [kind for kind, _ in verdicts] == ["above", "open"]
    assert f"{NEWER} is liked better than {BASE}: it wins 88 %" in verdicts[0][1]
    assert "of 24 votes by 6 people" in verdicts[0][1]
    assert verdicts[1][1].startswith(f"Nobody can tell yet whether {VERSION} is better than {BASE}")


def test_tables_are_of_the_votes(staff):
    rows = table(staff, "", "versions")
    assert [(row["adapter"], row["wins"], row["losses"], row["ties"], row["voters"]) for row in rows] == [
        (NEWER, "18", "0", "6", "6"),
        (VERSION, "18", "12", "0", "6"),
    ]
    assert float(rows[1]["win_rate"]) == 0.6
    assert sum(int(day["votes"]) for day in table(staff, "", "days")) == 60
    assert {row["tag"]: row["votes"] for row in table(staff, "scenes/", "tags")} == {
        "Western": "30", "Horror": "24", "Drama": "24"
    }  # fmt: skip
    assert [row["model"] for row in table(staff, "ratings/", "ratings")] == [NEWER, VERSION, BASE]
    (group,) = table(staff, "voters/", "voters")
    assert (group["votes_each"], group["voters"], group["votes"]) == ("10 to 19", "6", "60")


def test_filters_narrow_pages_and_files(staff):
    days_ago = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=1)
    for query, votes in (
        (f"?version={VERSION}", 30),
        ("?tag=Horror", 24),
        (f"?from={days_ago}", 30),
        (f"?to={days_ago - datetime.timedelta(days=1)}", 30),
        (f"?version={NEWER}&tag=Drama&voters=all&from=&to=", 24),
    ):
        page = staff.get(f"/admin/statistics/{query}")
        assert headline(page, "votes-total") == str(votes), query
        assert sum(int(row["votes"]) for row in table(staff, "", "choices", query)) == votes
        link = re.search(r'href="([^"]*)" data-testid="csv-choices"', page.text)[1].replace("&amp;", "&")
        assert sum(int(row["votes"]) for row in csv.DictReader(io.StringIO(staff.get(link).text))) == votes
        tab = re.search(r'href="([^"]*)"[^>]*data-testid="tab-voters"', page.text)[1].replace("&amp;", "&")
        assert headline(staff.get(tab), "votes-total") == str(votes)


def test_without_flagged_voters(staff, site):
    insert_votes(site, BASE, VERSION, "left", str(uuid.UUID(int=99)), [], 1, copies=25)
    insert_votes(site, VERSION, BASE, "left", str(uuid.UUID(int=99)), [], 1, copies=25)
    page = staff.get("/admin/statistics/voters/")
    assert (headline(page, "votes-total"), headline(page, "voters-flagged")) == ("110", "1")
    assert headline(staff.get("/admin/statistics/voters/?voters=unflagged"), "votes-total") == "60"
    flags = {row["rule"]: row["votes"] for row in table(staff, "voters/", "flags")}
    assert flags == {"one_sided": "50", "too_fast": "0", "scripted": "0", "coordinated": "0"}
    assert "50 of 50 votes for a side went to the left" in staff.get("/admin/suspicion/").text  # one and the same


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?from=yesterday", "This is not a day: write it as YYYY-MM-DD"),
        ("?to=2026-02-30", "This is not a day"),
        ("?from=0001-01-01", "Choose a year from 2020"),
        ("?from=2026-03-02&to=2026-03-01", "The last day is before the first."),
        ("?version=demo@nobody", "No vote here has the model “demo@nobody”."),
        ("?tag=%3Cscript%3E", "No vote here has the tag “&lt;script&gt;”."),
        ("?voters=none", "No vote here has the group of voters “none”."),
        ("?vesion=demo", "There is no filter “vesion”. The filters are: from, to, version, tag, voters."),
    ],
)
def test_bad_filters_are_told(staff, query, says):
    page = staff.get(f"/admin/statistics/{query}")
    assert page.status_code == 400 and says in page.text
    assert 'data-testid="votes-total"' not in page.text
    answer = staff.get(f"/admin/statistics/ratings/ratings.csv{query}")
    assert answer.status_code == 400 and answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_the_gates_page_says_what_its_api_says(staff):
    for candidate, against in ((VERSION, None), (VERSION, BASE), (NEWER, BASE)):
        question = {"candidate": candidate} | ({"stable": against} if against else {})
        answer = staff.get("/api/gate", params=question).json()
        page = staff.get("/admin/statistics/gate/", params=question)
        assert headline(page, "gate-answer") == {"pass": "Pass", "continue": "Go on", "stop": "Stop"}[answer["answer"]]
        assert f"{candidate} against {answer['against']}. {answer['reasons'][0]}" in page.text
        query = "?" + "&".join(f"{name}={value}" for name, value in question.items())
        rows = table(staff, "gate/", "evidence", query)
        assert [float(row["capital"]) for row in rows] == answer["path"]["capital"]
        assert page.text.count("<polyline") == 2 and "passes at 20" in page.text


def test_the_gate_judges_the_newest_version_first(staff):
    assert f'<option value="{NEWER}"' in staff.get("/admin/statistics/gate/").text
    assert f"{NEWER} against" in staff.get("/admin/statistics/gate/").text


def test_the_gate_refuses_in_words(staff, site):
    assert "No vote here has the version" in staff.get("/admin/statistics/gate/?candidate=demo@nobody").text
    same = staff.get(f"/admin/statistics/gate/?candidate={NEWER}&stable={NEWER}")
    assert same.status_code == 400 and "That is the candidate itself." in same.text
    insert_votes(site, BASE, "unknown@ba9876543210", "left", "anybody", [], 0)
    page = staff.get("/admin/statistics/gate/?candidate=unknown@ba9876543210")
    assert page.status_code == 200 and "There is no recipe" in page.text


def test_what_cannot_be_rated_is_said(staff, site):
    insert_votes(site, "qwen@ba9876543210", "Qwen", "left", "anybody", [], 0, copies=3)
    page = staff.get("/admin/statistics/ratings/").text
    assert "2 groups of models never met" in page and "never lost: qwen@ba9876543210" in page
    reasons = {row["model"]: row["reason"] for row in table(staff, "ratings/", "ratings")}
    assert reasons["qwen@ba9876543210"].startswith("never lost") and reasons[BASE] == ""


@pytest.mark.parametrize("address", PAGES)
def test_before_the_first_vote(visitor, site, address):
    visitor.log_in("admin", site.password)
    page = visitor.get(f"/admin/statistics/{address}")
    assert page.status_code == 200 and "<polyline" not in page.text


@pytest.mark.parametrize("address", [*PAGES, "versions.csv", "ratings/ratings.csv"])
def test_only_for_staff(visitor, address):
    answer = visitor.get(f"/admin/statistics/{address}")
    assert answer.status_code == 302 and answer.headers["Location"].startswith("/admin/login/?next=")


def test_there_are_no_other_pages_and_tables(staff):
    for address in ("nothing/", "nothing.csv", "ratings/nothing.csv", "nothing/ratings.csv"):
        assert staff.get(f"/admin/statistics/{address}").status_code == 404
    assert staff.submit("/admin/statistics/").status_code == 405


def test_hostile_tags_are_text_and_no_formulas(staff, site):
    insert_votes(site, BASE, VERSION, "left", "anybody", ['=HYPERLINK("x")', "<b onclick=x>", 'a"b\nc|d'], 0)
    page = staff.get("/admin/statistics/scenes/").text
    assert "&lt;b onclick=x&gt;" in page and "<b onclick" not in page
    tags = {row["tag"] for row in table(staff, "scenes/", "tags")}
    assert {'\'=HYPERLINK("x")', 'a"b c|d'} <= tags  # a line of its own is none


@pytest.mark.parametrize("address", PAGES)
def test_inline_code_and_style_are_absent(staff, address):
    page = staff.get(f"/admin/statistics/{address}")
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]* (src|type=\"application/json\"))", page.text)
