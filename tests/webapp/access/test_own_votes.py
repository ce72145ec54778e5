"""/api/mine: what a program with a key can do about its own votes."""

import pytest

from tests.webapp.conftest import EXPORT_KEY
from tests.webapp.scripted_engine import BASE, VERSION


@pytest.fixture
def headers(make) -> dict:
    """A program's key that permits votes."""
    return make(vote=True)


def vote(visitor, headers: dict, choice: str = "left", **why) -> None:
    compared = visitor.post("/api/compare", json={}, headers=headers).json()
    answer = visitor.post(f"/api/vote/{compared['id']}/{choice}", json=why or None, headers=headers)
    assert answer.status_code == 200, answer.text


def own(visitor, headers: dict, **page) -> list[dict]:
    answer = visitor.get("/api/mine", params=page, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["votes"]


def test_it_works(visitor, site, headers):
    vote(visitor, headers, "left", reasons=["left.prose"], comment="Well told.")
    vote(visitor, headers, "tie")
    first, second = own(visitor, headers)
    assert (first["choice"], first["reasons"], first["comment"]) == ("left", ["left.prose"], "Well told.")
    assert set(first["models"].values()) == {BASE, VERSION} and second["choice"] == "tie"
    assert own(visitor, headers, after=first["number"]) == [second]
    assert own(visitor, headers, limit=1) == [first]


def test_a_withdrawn_vote_counts_nowhere(visitor, site, headers):
    vote(visitor, headers)
    (mine,) = own(visitor, headers)
    answer = visitor.post(f"/api/mine/{mine['number']}/withdraw", headers=headers)
    assert answer.status_code == 200 and answer.json()["withdrawn_at"]
    assert own(visitor, headers) == [answer.json()]
    assert visitor.get("/api/statistics").json()["votes"]["total"] == 0
    again = visitor.post(f"/api/mine/{mine['number']}/withdraw", headers=headers)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "already_withdrawn")


@pytest.mark.parametrize("number", [1, 10**30])
def test_only_its_own(visitor, site, headers, make, number):
    vote(visitor, headers)
    ((theirs,),) = site.rows("SELECT number FROM arena_vote")
    other = make(vote=True)
    assert own(visitor, other) == []
    for each in (theirs, theirs + number):
        assert visitor.post(f"/api/mine/{each}/withdraw", headers=other).status_code == 404
    assert site.rows("SELECT withdrawn_at FROM arena_vote") == [(None,)]


def test_it_needs_a_key_that_permits_votes(visitor, make):
    assert visitor.get("/api/mine").status_code == 401
    assert visitor.get("/api/mine", headers=make(statistics=True, export=True)).status_code == 403
    assert visitor.get("/api/mine", headers={"Authorization": f"Bearer {EXPORT_KEY}"}).status_code == 403
    assert visitor.post("/api/mine/1/withdraw").status_code == 401
