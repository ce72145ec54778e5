"""GET /api/gate: the votes in the database, judged by the recipe's rules."""

import time
import uuid

import pytest

from contracts.recipe import Gate, load_recipe
from tests.webapp.conftest import EXPORT_KEY, ROOT
from tests.webapp.rows import insert_votes
from tests.webapp.scripted_engine import BASE, VERSION
from tests.webapp.site import Site

KEY = {"Authorization": f"Bearer {EXPORT_KEY}"}
STABLE, OLDER = "demo@fedcba987654", "demo@aaaaaaaaaaaa"
RULES = load_recipe(ROOT / "recipes" / "demo.yaml").gate


def cast(site: Site, who: str, votes: int = 5, against=STABLE, voter="", tags=(), hours_ago: float = 0.5) -> str:
    """Votes of one voter (a new one where none is named) on VERSION, for `who`: candidate, other, tie or bothbad."""
    voter = str(uuid.uuid4()) if voter == "" else voter
    for number in range(votes):
        left, right = (VERSION, against) if number % 2 else (against, VERSION)
        choice = {"candidate": ("right", "left"), "other": ("left", "right")}.get(who, (who, who))[number % 2]
        insert_votes(site, left, right, choice, voter, list(tags), hours_ago)
    return voter


def ask(visitor, candidate=VERSION, **query) -> dict:
    answer = visitor.get("/api/gate", params={"candidate": candidate, **query}, headers=KEY)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_it_works(visitor, site):
    for _ in range(7):
        cast(site, "candidate")
    cast(site, "other", votes=1)
    cast(site, "bothbad", votes=3)
    told = ask(visitor, stable=STABLE)
    assert (told["answer"], told["code"], told["decided_after"]) == ("pass", "better", 7)
    assert told["reasons"] == [
        "It wins more than 52.0% against the other one: proven after 7 voters, at an error of 5%."
    ]
    assert (told["candidate"], told["against"]) == (VERSION, STABLE)
    assert (told["decided_votes"], told["both_bad"]) == (36, 3)
    numbers = told["numbers"]
    assert (numbers["votes"], numbers["voters"], numbers["voters_open"], numbers["score"]) == (35, 7, 1, 1.0)
    assert numbers["capital"] > numbers["threshold"] == pytest.approx(20)
    assert told["path"]["voters"] == [1, 2, 3, 4, 5, 6, 7] and len(told["path"]["low"]) == 7
    rules = Gate.model_validate(told["rules"])
    assert rules.model_copy(update={"tags": ()}) == RULES


def test_before_the_first_vote_it_goes_on_against_nobody(visitor):
    told = ask(visitor)
    assert (told["answer"], told["against"], told["numbers"]["voters"]) == ("continue", None, 0)
    assert told["reasons"][0] == "5 more voters are needed before anything can pass (0 of 5)."


def test_a_worse_candidate_is_stopped(visitor, site):
    for _ in range(10):
        cast(site, "other")
    told = ask(visitor)
    assert (told["answer"], told["code"]) == ("stop", "not_better")


def test_harm_in_one_kind_of_scene_is_named(visitor, site):
    for _ in range(20):
        voter = cast(site, "candidate", votes=2)
        cast(site, "other", votes=2, voter=voter, tags=["horror", "My own"])
        cast(site, "tie", votes=1, voter=voter)
    told = ask(visitor)
    assert (told["answer"], told["code"]) == ("stop", "harm")
    assert "“Horror”" in told["reasons"][0]
    tags = {tag["tag"]: tag for tag in told["numbers"]["tags"]}
    assert tags["Horror"]["score"] == 0 and "My own" not in tags
    assert tags["Horror"]["threshold"] == pytest.approx(len(tags) / RULES.alpha_harm)


def test_the_opponent_is_the_version_that_it_met_first_else_the_base(visitor, site):
    cast(site, "candidate", votes=1, against=BASE)
    assert ask(visitor)["against"] == BASE
    cast(site, "candidate", votes=2, against=STABLE)
    cast(site, "candidate", votes=3, against=OLDER)
    cast(site, "candidate", votes=3, against="other@fedcba987654")
    told = ask(visitor)
    assert (told["against"], told["decided_votes"]) == (STABLE, 2)
    assert ask(visitor, stable=OLDER)["decided_votes"] == 3
    assert ask(visitor, stable=BASE)["decided_votes"] == 1


def test_of_one_person_only_the_first_votes_count_and_programs_are_one(visitor, site):
    cast(site, "candidate", votes=30)
    cast(site, "candidate", votes=30, voter=None)
    told = ask(visitor)
    assert (told["answer"], told["decided_votes"]) == ("continue", 60)
    assert (told["numbers"]["votes"], told["numbers"]["voters"]) == (10, 2)


def test_who_has_few_votes_counts_when_the_window_is_over(visitor, site):
    cast(site, "tie", votes=1, hours_ago=RULES.voter_window_hours - 0.1)
    assert ask(visitor)["numbers"]["voters_open"] == 1
    cast(site, "tie", votes=1, hours_ago=RULES.voter_window_hours + 0.1)
    numbers = ask(visitor)["numbers"]
    assert (numbers["voters"], numbers["voters_open"], numbers["score"]) == (1, 1, 0.5)


def test_what_comes_after_the_last_voter_is_not_read(visitor, site):
    """Fifty thousand votes more than the gate needs: it says what it said before, and as quickly."""
    for number in range(2 * RULES.max_voters):
        cast(site, "candidate" if number % 2 else "other", votes=1, hours_ago=90 - number / 10)
    before = ask(visitor)
    assert (before["code"], before["decided_after"]) == ("too_many_voters", RULES.max_voters)
    insert_votes(site, VERSION, STABLE, "left", "anybody", ["Horror"], hours_ago=0, copies=50_000)
    site.rows("ANALYZE arena_comparison, arena_vote")
    began = time.monotonic()
    assert ask(visitor) == before
    assert time.monotonic() - began < 1


def test_an_adapter_without_a_recipe_is_told(visitor):
    answer = visitor.get("/api/gate", params={"candidate": "stranger@0123456789ab"}, headers=KEY)
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error["code"] == "no_recipe" and "'stranger'" in error["message"] and "demo" in error["message"]


@pytest.mark.parametrize(
    "query",
    [{}, {"candidate": "demo"}, {"candidate": "../demo@0123456789ab"}, {"candidate": VERSION, "stable": VERSION}],
)
def test_a_wrong_question_is_explained(visitor, query):
    answer = visitor.get("/api/gate", params=query, headers=KEY)
    assert answer.status_code == 422 and answer.json()["error"]["code"] == "invalid"


def test_only_for_staff_and_programs_with_the_key(visitor, site):
    assert visitor.get("/api/gate", params={"candidate": VERSION}).status_code == 401
    wrong = visitor.get("/api/gate", params={"candidate": VERSION}, headers={"Authorization": "Bearer wrong"})
    assert wrong.status_code == 401 and "BARDLOOP_EXPORT_KEY" in wrong.json()["error"]["message"]
    visitor.log_in("admin", site.password)
    assert visitor.get("/api/gate", params={"candidate": VERSION}).json()["answer"] == "continue"


def test_the_document_has_the_answers_type(visitor):
    document = visitor.get("/api/openapi.json").json()
    answer = document["components"]["schemas"]["GateAnswer"]["properties"]
    assert set(answer["answer"]["enum"]) == {"pass", "continue", "stop"}
    assert "/api/gate" in document["paths"]
