"""GET /api/votes and /api/votes/count: what a program that trains on votes reads, behind the number it has come to."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg2
import pytest

from contracts.battle import Battle
from tests.webapp.conftest import EXPORT_KEY
from tests.webapp.scripted_engine import VERSION

KEY = {"Authorization": f"Bearer {EXPORT_KEY}"}


def cast(visitor, choice: str) -> str:
    """One vote over the API; the comparison's id."""
    compared = visitor.post("/api/compare", json={"scene": "water-rights"}).json()
    assert visitor.post(f"/api/vote/{compared['id']}/{choice}").status_code == 200
    return compared["id"]


def votes(visitor, **query) -> list[dict]:
    answer = visitor.get("/api/votes", params={"adapter": "demo", **query}, headers=KEY)
    assert answer.status_code == 200, answer.text
    return answer.json()["votes"]


def test_it_works(visitor):
    cast_ones = [cast(visitor, choice) for choice in ("left", "tie", "right")]
    found = votes(visitor)
    battles = [Battle.model_validate(each["battle"]) for each in found]
    assert [battle.question_id for battle in battles] == cast_ones
    assert [battle.winner for battle in battles] == ["model_a", "tie", "model_b"]
    numbers = [each["number"] for each in found]
    assert numbers == sorted(set(numbers)) and numbers[0] > 0
    count = visitor.get("/api/votes/count", params={"adapter": "demo"}, headers=KEY).json()
    assert count == {"votes": 3, "preferred": 2, "until": numbers[-1], "last": numbers[-1]}


def test_only_what_came_after_is_told(visitor):
    cast(visitor, "left")
    (first,) = votes(visitor)
    assert votes(visitor, after=first["number"]) == []
    later = cast(visitor, "right")
    (second,) = votes(visitor, after=first["number"])
    assert second["battle"]["question_id"] == later and second["number"] > first["number"]
    query = {"adapter": "demo", "after": second["number"]}
    nothing = visitor.get("/api/votes/count", params=query, headers=KEY).json()
    assert nothing == {"votes": 0, "preferred": 0, "until": second["number"], "last": second["number"]}


def test_who_has_read_further_than_there_are_votes_can_see_it(visitor):
    def last(adapter: str) -> int:
        query = {"adapter": adapter, "after": 10**9}
        return visitor.get("/api/votes/count", params=query, headers=KEY).json()["last"]

    assert last("demo") == 0
    cast(visitor, "left")
    (vote,) = votes(visitor)
    assert last("demo") == last("other") == vote["number"]


def test_pages_hold_every_vote_once(visitor):
    cast_ones = [cast(visitor, "left") for _ in range(5)]
    after, seen = 0, []
    while page := votes(visitor, after=after, limit=2):
        assert len(page) <= 2
        seen += [each["battle"]["question_id"] for each in page]
        after = page[-1]["number"]
    assert seen == cast_ones


def test_votes_on_other_adapters_are_another_programs(visitor, engine):
    cast(visitor, "left")
    assert VERSION.startswith("demo@")
    for other in ("other", "dem", "demo-2"):
        assert votes(visitor, adapter=other) == []
        assert visitor.get("/api/votes/count", params={"adapter": other}, headers=KEY).json()["votes"] == 0


def test_a_vote_that_is_still_being_cast_hides_all_that_come_after(visitor, site):
    """The one that began first has the smaller number: a reader who saw the second would never see the first."""
    first, second = (visitor.post("/api/compare", json={"scene": "water-rights"}).json()["id"] for _ in range(2))
    slow = psycopg2.connect(site.database_url)
    with slow.cursor() as cursor:  # a site's process that hangs in the midst of casting: its transaction is open
        cursor.execute("SELECT pg_advisory_xact_lock(7201985)")
        cursor.execute(
            "INSERT INTO arena_vote (comparison_id, turn_id, choice, dwell_ms, created_at)"
            " SELECT comparison_id, id, 'left', 1, now() FROM arena_turn WHERE comparison_id = %s",
            [first],
        )
    with ThreadPoolExecutor() as pool:
        url = f"{site.url}/api/vote/{second}/left"
        waiting = pool.submit(httpx.post, url, timeout=20)
        threading.Event().wait(0.5)
        assert votes(visitor) == [] and not waiting.done()
        slow.commit()
        assert waiting.result().status_code == 200
    slow.close()
    assert [each["battle"]["question_id"] for each in votes(visitor)] == [first, second]


@pytest.mark.parametrize("path", ["/api/votes", "/api/votes/count"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}])
def test_without_the_key_nothing_is_told(visitor, path, headers):
    answer = visitor.get(path, params={"adapter": "demo"}, headers=headers)
    assert answer.status_code == 401
    assert "BARDLOOP_EXPORT_KEY" in answer.json()["error"]["message"]


@pytest.mark.parametrize("query", [{}, {"adapter": "../demo"}, {"adapter": "demo", "after": -1}])
def test_a_wrong_question_is_explained(visitor, query):
    answer = visitor.get("/api/votes", params=query, headers=KEY)
    assert answer.status_code == 422 and answer.json()["error"]["code"] == "invalid"
