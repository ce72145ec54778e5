"""What pages are made of stays while the votes do; small sites are always exact, large ones say of when they are."""

import re
import threading
from dataclasses import replace

import numpy as np
import pytest

from tests.webapp.rows import insert_votes
from tests.webapp.scripted_engine import BASE, VERSION
from tests.webapp.started import running
from tests.webapp.statistics.made import Row, by_lot, columns
from webapp.insights.breakdowns.flagged import LOOKS_AT
from webapp.insights.pages.kept import EXACT_UP_TO, FRESH_S, MOST_KEPT, Shown, kept, kept_while_large

MANY = LOOKS_AT + 1


def test_it_works():
    """Made once for the same votes, and again for others."""
    table, made = by_lot(10).table, []

    def make() -> int:
        made.append(1)
        return len(made)

    now = Shown(table, 0.0)
    assert [kept("it works", now, make) for _ in range(3)] == [1, 1, 1]
    assert kept("it works", Shown(table.with_rows(columns([Row(11)])), 1.0), make) == 2
    assert [kept_while_large("it works", now, make) for _ in range(2)] == [3, 4]  # ten votes are not many


def test_two_who_ask_at_once_make_it_once():
    now, made, began = Shown(by_lot(10).table, 0.0), [], threading.Event()

    def make() -> str:
        began.set()
        made.append(threading.get_ident())
        threading.Event().wait(0.2)
        return "made"

    found = []
    people = [threading.Thread(target=lambda: found.append(kept("at once", now, make))) for _ in range(4)]
    for each in people:
        each.start()
    for each in people:
        each.join()
    assert found == ["made"] * 4 and len(made) == 1


def test_not_everything_is_kept_for_ever():
    now = Shown(by_lot(10).table, 0.0)
    kept(("many", 0), now, lambda: "first")
    for number in range(1, MOST_KEPT + 1):
        kept(("many", number), now, lambda: "other")
    assert kept(("many", 0), now, lambda: "again") == "again"


def test_what_depends_on_the_time_is_as_old_as_the_page_says():
    """Also where nobody votes: the gate closes voters as time goes by, turns fail without a vote."""
    table = by_lot(10).table
    table = replace(table, columns={name: np.resize(column, EXACT_UP_TO + 1) for name, column in table.columns.items()})
    found = [
        kept_while_large("by time", Shown(table, at), lambda at=at: f"of {at:g}")
        for at in (0.0, 0.0, FRESH_S, FRESH_S, 86_400.0)
    ]
    assert found == ["of 0", "of 0", "of 60", "of 60", "of 86400"]


def test_only_many_votes_may_be_old():
    few = Shown(by_lot(10).table, 100.0)
    assert few.exact and not few.may_stay(100.0)


@pytest.fixture
def large_site(site, site_environment):
    """A process of its own: the one that all tests share would go on showing these votes for a minute."""
    insert_votes(site, BASE, VERSION, "left", "anybody", [], 1, copies=MANY)
    with running(site_environment, site.password) as own:
        yield own
    site.rows("TRUNCATE arena_vote, arena_invitation, arena_turn, arena_comparison")


@pytest.mark.slow
def test_many_votes_may_be_a_minute_old_and_not_all_are_looked_at_and_the_page_says_so(large_site):
    site, votes = large_site, []
    visitor = site.visitor()
    visitor.log_in("admin", site.password)
    for _ in range(2):
        page = visitor.get("/admin/statistics/").text
        assert re.search(r'data-testid="as-of">As of \d\d:\d\d:\d\d', page)
        votes.append(re.search(r'data-testid="votes-total">([^<]*)<', page)[1])
        insert_votes(site, BASE, VERSION, "left", "anybody", [], 1)
    assert votes == [f"{MANY:,}"] * 2  # FRESH_S have not gone by
    assert FRESH_S > 30
    assert visitor.get("/api/statistics").json()["votes"]["total"] == MANY + 2
    assert 'data-testid="filter-warning"' not in page
    page = visitor.get("/admin/statistics/?voters=unflagged").text
    assert f"newest {LOOKS_AT:,} votes. Whoever was odd only among the 1 before" in page
