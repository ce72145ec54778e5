"""POST /api/compare."""

import pytest

from tests.webapp.scripted_engine import ADAPTER_REPLY, ALIAS, BASE, BASE_REPLY, VERSION

OWN = {
    "title": "Night Ferry",
    "tags": ["Fantasy"],
    "player": "Sam",
    "character": "The Ferryman",
    "post": "*I step aboard.*",
}


def test_it_works(visitor, site):
    answer = visitor.post("/api/compare", json={"scene": "water-rights"})
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"id", "title", "player", "character", "left", "right"}
    assert {body["left"], body["right"]} == {BASE_REPLY, ADAPTER_REPLY}
    assert (body["player"], body["character"]) == ("Josie Tarr", "Deputy Mercer")
    assert site.rows(
        "SELECT c.id::text, state, voter FROM arena_comparison c JOIN arena_turn ON c.id = comparison_id"
    ) == [(body["id"], "complete", None)]


def test_no_names_before_the_vote(visitor):
    answer = visitor.post("/api/compare", json={"scene": "water-rights"})
    assert not any(name in answer.text + str(answer.headers) for name in (BASE, VERSION, f'"{ALIAS}"'))
    assert "set-cookie" not in answer.headers


def test_further_turns(visitor, engine):
    first = visitor.post("/api/compare", json={"own": OWN}).json()
    path = f"/api/compare/{first['id']}"
    for move, post in (("continue", "*I row.*"), ("regenerate", ""), ("edit", "*I swim.*")):
        engine.requests.clear()
        answer = visitor.post(f"{path}/{move}", json={"post": post})
        assert (answer.status_code, answer.json()) == (200, first)
        last = "Sam: *I swim.*" if move == "edit" else "Sam: *I row.*"
        assert [request["messages"][-1]["content"] for request in engine.requests] == [last] * 2
    visitor.post(f"/api/vote/{first['id']}/left")
    after = visitor.post(f"{path}/continue", json={"post": "On."})
    assert (after.status_code, after.json()["error"]["code"]) == (409, "already_voted")


@pytest.mark.parametrize(
    ("move", "post", "status", "code"),
    [
        ("continue", "", 400, "no_post"),
        ("retry", "", 409, "already_written"),
        ("leave", "", 422, "invalid"),
    ],
)
def test_moves_that_cannot_be_made(visitor, move, post, status, code):
    first = visitor.post("/api/compare", json={"own": OWN}).json()
    answer = visitor.post(f"/api/compare/{first['id']}/{move}", json={"post": post})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_scene_of_ones_own(visitor, engine):
    assert visitor.post("/api/compare", json={"own": OWN}).status_code == 200
    assert engine.requests[0]["messages"][1] == {"role": "user", "content": "Sam: *I step aboard.*"}


def test_a_scene_by_chance(visitor):
    assert visitor.post("/api/compare", json={}).status_code == 200


def test_unknown_scene(visitor):
    answer = visitor.post("/api/compare", json={"scene": "no-such-scene"})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_scene"
    assert "water-rights" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"scene": "water-rights", "own": OWN}, "not both"),
        ({"own": OWN | {"character": "sam"}}, "must differ"),
        ({"own": OWN | {"post": "x" * 4001}}, "4000"),
        ({"own": OWN | {"post": "a\x00b"}}, "post"),
        ({"own": OWN | {"title": "  "}}, "title"),
        ({"own": OWN | {"tags": ["x" * 41]}}, "tags"),
        ({"own": {"title": "only"}}, "player"),
    ],
)
def test_a_wrong_body_is_told_which_field(visitor, site, body, says):
    answer = visitor.post("/api/compare", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    assert says in answer.json()["error"]["message"]
    assert site.rows("SELECT * FROM arena_comparison") == []


def test_text_that_is_no_text(visitor):
    body = b'{"own": {"title": "\\ud800", "player": "a", "character": "b", "post": "c"}}'
    answer = visitor.post("/api/compare", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


def test_engine_down(visitor, site, engine):
    engine.down = True
    answer = visitor.post("/api/compare", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unreachable")
    assert site.rows("SELECT * FROM arena_comparison") == []


def test_one_failing_side_fails_it(visitor, site, engine):
    engine.scripts[ALIAS].break_after = 2
    answer = visitor.post("/api/compare", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "cut_off")
    assert site.rows("SELECT state, failure FROM arena_turn") == [("failed", "cut_off")]


def test_openapi_document(visitor):
    document = visitor.get("/api/openapi.json").json()
    assert set(document["paths"]) == {
        "/api/compare",
        "/api/compare/{comparison_id}/{move}",
        "/api/vote/{comparison_id}/{choice}",
        "/api/statistics",
        "/api/battles",
        "/api/gate",
        "/api/mine",
        "/api/mine/{number}/withdraw",
        "/api/votes",
        "/api/votes/count",
    }
    assert visitor.get("/api/docs").status_code == 200


def test_unknown_address_is_json(visitor):
    answer = visitor.get("/api/nothing")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
