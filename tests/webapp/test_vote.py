"""POST /comparisons/<id>/vote/: once, when both replies are complete, and never again."""

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest

from tests.statements import statements
from tests.webapp.scripted_engine import ALIAS, BASE, VERSION


@pytest.fixture
def complete(visitor) -> str:
    """The address of a comparison that can be voted on."""
    address = visitor.begin()
    visitor.steps(address)
    return address


def test_it_works(visitor, site, complete):
    answer = visitor.vote(complete, "left")
    assert (answer.status_code, answer.headers["Location"]) == (302, complete)
    (row,) = site.rows(
        "SELECT choice, v.voter = c.voter, dwell_ms FROM arena_vote v JOIN arena_comparison c ON c.id = comparison_id"
    )
    assert row[:2] == ("left", True)
    assert 0 <= row[2] < 60_000


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ("left", "You chose the "),
        ("right", "You chose the "),
        ("tie", "You called it a tie"),
        ("bothbad", "Neither would do"),
    ],
)
def test_htmx_gets_the_reveal(visitor, site, complete, choice, sentence):
    headers = {"HX-Request": "true", "X-CSRFToken": visitor.token()}
    asked = visitor.post(f"{complete}vote/", data={"choice": choice}, headers=headers)
    assert asked.status_code == 200 and "Why?" in asked.text
    assert BASE not in asked.text and VERSION not in asked.text
    part = visitor.post(f"{complete}reasons/", headers=headers)
    assert part.status_code == 200
    assert part.text.strip().startswith('<div id="comparison"')
    assert sentence in part.text and BASE in part.text and VERSION in part.text
    ((left,),) = site.rows("SELECT model_left FROM arena_comparison")
    if choice in ("left", "right"):
        trained = (choice == "left") == (left == VERSION)
        assert ("the trained storyteller" in part.text) == trained


def test_a_second_vote_is_refused(visitor, site, complete):
    visitor.vote(complete, "left")
    page = visitor.vote(complete, "right")
    assert page.status_code == 409
    assert "has its vote already, and a vote cannot be changed" in page.text
    assert site.rows("SELECT choice FROM arena_vote") == [("left",)]


def test_htmx_shows_a_refusal_as_a_notice(visitor, complete):
    visitor.vote(complete, "left")
    headers = {"HX-Request": "true", "X-CSRFToken": visitor.token()}
    part = visitor.post(f"{complete}vote/", data={"choice": "left"}, headers=headers)
    assert (part.status_code, part.headers["HX-Retarget"]) == (409, "#notice")
    assert part.text.startswith('<p class="notice" role="alert"')


def test_of_many_votes_at_once_one_is_kept(visitor, site, engine):
    token = visitor.token()
    for _ in range(5):
        address = visitor.begin()
        visitor.steps(address)

        def cast(choice, address=address):
            with site.visitor() as other:
                other.cookies = visitor.cookies
                return other.post(f"{address}vote/", data={"csrfmiddlewaretoken": token, "choice": choice}).status_code

        with ThreadPoolExecutor(8) as pool:
            codes = list(pool.map(cast, ["left", "right"] * 4))
        assert sorted(codes) == [302] + [409] * 7
    assert site.rows("SELECT count(*) FROM arena_vote") == [(5,)]


def test_the_database_itself_refuses_a_second_vote(visitor, site, complete):
    visitor.vote(complete, "left")
    columns = "comparison_id, turn_id, voter, dwell_ms, created_at"
    for _ in ("a person's", "a program's"):
        with pytest.raises(psycopg2.errors.UniqueViolation, match="one_vote_a_voter"):
            site.rows(f"INSERT INTO arena_vote ({columns}, choice) SELECT {columns}, 'right' FROM arena_vote")
        site.rows("UPDATE arena_vote SET voter = NULL")


def test_not_before_both_replies_are_complete(visitor, site):
    page = visitor.vote(visitor.begin(), "left")
    assert page.status_code == 409
    assert "Both replies have to be complete" in page.text
    assert site.rows("SELECT * FROM arena_vote") == []


def test_a_failed_comparison_counts_for_nobody(visitor, site, engine):
    engine.scripts[ALIAS].status = 500
    address = visitor.begin()
    visitor.steps(address)
    page = visitor.vote(address, "left")
    assert page.status_code == 409
    assert "This comparison failed" in page.text
    assert site.rows("SELECT * FROM arena_vote") == []


def test_unknown_comparison(visitor):
    page = visitor.vote("/comparisons/00000000-0000-4000-8000-000000000000/", "left")
    assert page.status_code == 404
    assert "There is no such comparison" in page.text


def test_unknown_choice(visitor, site, complete):
    page = visitor.vote(complete, "middle")
    assert page.status_code == 400
    assert "“middle” is not a vote" in page.text
    assert site.rows("SELECT * FROM arena_vote") == []


def test_a_forged_voter_is_a_new_voter(visitor, site, complete):
    ((own,),) = site.rows("SELECT voter::text FROM arena_comparison")
    visitor.cookies.set("bardloop_voter", f"{own}:forged", domain=visitor.base_url.host)
    assert visitor.vote(complete, "tie").status_code == 302
    ((voter,),) = site.rows("SELECT voter::text FROM arena_vote")
    assert voter != own


def test_votes_of_one_person_are_counted_to_them(visitor):
    for number in (1, 2):
        address = visitor.begin()
        visitor.steps(address)
        visitor.vote(address, "tie")
        visitor.reasons(address)
        assert f"That was vote number {number} of yours." in visitor.get(address).text


def test_a_vote_costs_four_messages_to_the_database(visitor, site, complete):
    form = {"csrfmiddlewaretoken": visitor.token(), "choice": "left"}
    with ThreadPoolExecutor(1) as pool:
        listening = pool.submit(statements, site.database_url, 3)
        time.sleep(2)
        assert visitor.post(f"{complete}vote/", data=form).status_code == 302
        asked = [" ".join(statement.split()[:3]) for statement in listening.result()]
    allowances = ["INSERT INTO access_allowance"] * 2  # the voter's and the address's
    assert asked == [*allowances, "SELECT FROM arena_comparison", "SELECT pg_advisory_xact_lock(7201985);"]
