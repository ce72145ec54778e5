"""POST /api/vote/{id}/{choice}."""

import pytest

from tests.webapp.scripted_engine import ALIAS, BASE, VERSION


@pytest.fixture
def compared(visitor) -> dict:
    """A comparison's answer, ready for a vote."""
    return visitor.post("/api/compare", json={"scene": "water-rights"}).json()


def test_it_works(visitor, site, compared):
    answer = visitor.post(f"/api/vote/{compared['id']}/left")
    assert answer.status_code == 200
    body = answer.json()
    assert {body["left"]["name"], body["right"]["name"]} == {BASE, VERSION}
    assert body["preferred"] == body["left"]["role"]
    on_left = "base" if compared["left"].startswith("Base speaking") else "adapter"
    assert body["left"]["role"] == on_left
    assert site.rows("SELECT choice, voter FROM arena_vote") == [("left", None)]


@pytest.mark.parametrize("choice", ["tie", "bothbad"])
def test_nobody_is_preferred_in_a_tie(visitor, compared, choice):
    assert visitor.post(f"/api/vote/{compared['id']}/{choice}").json()["preferred"] is None


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("00000000-0000-4000-8000-000000000000/left", 404, "unknown_comparison"),
        ("not-an-id/left", 404, "not_found"),
        ("{id}/middle", 400, "unknown_choice"),
    ],
)
def test_refusals(visitor, site, compared, path, status, code):
    answer = visitor.post(f"/api/vote/{path.format(**compared)}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["message"]
    assert site.rows("SELECT * FROM arena_vote") == []


def test_a_second_vote_is_refused(visitor, site, compared):
    visitor.post(f"/api/vote/{compared['id']}/left")
    answer = visitor.post(f"/api/vote/{compared['id']}/right")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "already_voted")
    assert site.rows("SELECT choice FROM arena_vote") == [("left",)]


def test_a_failed_comparison_is_refused(visitor, site, engine):
    engine.scripts[ALIAS].status = 500
    visitor.post("/api/compare", json={})
    ((failed,),) = site.rows("SELECT id::text FROM arena_comparison")
    answer = visitor.post(f"/api/vote/{failed}/left")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "failed_comparison")


def test_reasons_come_with_the_vote(visitor, site, compared):
    why = {"reasons": ["right.repeats", "left.prose"], "comment": " Both drag on. "}
    answer = visitor.post(f"/api/vote/{compared['id']}/left", json=why)
    assert answer.status_code == 200 and BASE in answer.text and VERSION in answer.text
    kept = site.rows("SELECT reasons, comment, revealed_at >= created_at FROM arena_vote")
    assert kept == [(["left.prose", "right.repeats"], "Both drag on.", True)]


@pytest.mark.parametrize(
    ("why", "status", "code"),
    [
        ({"reasons": ["prose"]}, 400, "unknown_reason"),
        ({"comment": "x" * 1001}, 400, "long_comment"),
        ({"reasons": "left.prose"}, 422, "invalid"),
        ({"reasons": ["left.prose"] * 100}, 422, "invalid"),
    ],
)
def test_with_wrong_reasons_nothing_is_counted(visitor, site, compared, why, status, code):
    answer = visitor.post(f"/api/vote/{compared['id']}/left", json=why)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert site.rows("SELECT * FROM arena_vote") == []
    assert BASE not in answer.text and VERSION not in answer.text
    assert visitor.post(f"/api/vote/{compared['id']}/left").status_code == 200


def test_reasons_after_the_reveal_are_refused(visitor, site, compared):
    visitor.post(f"/api/vote/{compared['id']}/left")
    answer = visitor.post(f"/api/vote/{compared['id']}/left", json={"reasons": ["left.prose"]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "already_voted")
    assert site.rows("SELECT reasons FROM arena_vote") == [([],)]
