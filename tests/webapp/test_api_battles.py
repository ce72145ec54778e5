"""GET /api/battles: every vote as a battle record, for staff."""

import json
import time

from contracts.battle import Battle
from tests.webapp.conftest import EXPORT_KEY
from tests.webapp.rows import insert_votes
from tests.webapp.scripted_engine import ADAPTER_REPLY, BASE, BASE_REPLY, VERSION


def test_it_works(visitor, site):
    compared = visitor.post("/api/compare", json={"scene": "water-rights"}).json()
    visitor.post(f"/api/vote/{compared['id']}/left")
    visitor.log_in("admin", site.password)
    answer = visitor.get("/api/battles")
    assert answer.headers["Content-Type"] == "application/jsonl"
    (line,) = answer.text.splitlines()
    battle = Battle.model_validate(json.loads(line))
    assert {battle.model_a, battle.model_b} == {BASE, VERSION}
    assert (battle.winner, battle.question_id, battle.tags) == ("model_a", compared["id"], ["Western", "Drama"])
    assert battle.conversation_a[-1] == {"role": "assistant", "content": compared["left"]}
    assert battle.conversation_b[-1] == {"role": "assistant", "content": compared["right"]}


def test_a_conversation_of_several_turns_is_whole(visitor, site):
    address = visitor.begin()
    visitor.steps(address)
    visitor.move(address, "regenerate")
    visitor.steps(address)
    visitor.move(address, "continue", post="*I wait.*")
    visitor.steps(address)
    visitor.vote(address, "left")
    visitor.reasons(address, "left.prose", comment="Not for programs.")
    visitor.log_in("admin", site.password)
    text = visitor.get("/api/battles").text
    battle = Battle.model_validate_json(text)
    assert (battle.turn, battle.pair, battle.names_maker) == (2, "base-stable", False)
    assert battle.reasons == ["left.prose"] and "Not for programs" not in text
    for model, conversation in ((battle.model_a, battle.conversation_a), (battle.model_b, battle.conversation_b)):
        said = BASE_REPLY if model == BASE else ADAPTER_REPLY
        assert [one["role"] for one in conversation] == ["system", "user", "assistant", "user", "assistant"]
        assert [conversation[index]["content"] for index in (2, 3, 4)] == [said, "Josie Tarr: *I wait.*", said]


def test_not_for_everybody(visitor):
    assert visitor.get("/api/battles").status_code == 401


def test_every_choice_has_fastchats_word(visitor, site):
    for choice in ("left", "right", "tie", "bothbad"):
        compared = visitor.post("/api/compare", json={}).json()
        visitor.post(f"/api/vote/{compared['id']}/{choice}")
    visitor.log_in("admin", site.password)
    winners = [json.loads(line)["winner"] for line in visitor.get("/api/battles").text.splitlines()]
    assert winners == ["model_a", "model_b", "tie", "tie (bothbad)"]


def test_a_line_says_what_the_page_of_votes_says(visitor, site, engine):
    """`/api/votes` makes its records vote by vote, from the model; the lines come from the columns."""
    hostile = '*“Ünïcode”* \\ "quoted"\ttab\x7f\u2028 </script> 🜁\r\n\r\nend'
    one_turn = visitor.begin()
    visitor.steps(one_turn)
    visitor.vote(one_turn, "tie")
    played = visitor.begin()
    visitor.steps(played)
    for kind, post in (("continue", hostile), ("regenerate", ""), ("edit", "Another *post*."), ("continue", "Last.")):
        engine.scripts[BASE].reply = f"{hostile} after {kind}"
        assert visitor.move(played, kind, post=post).status_code == 302
        visitor.steps(played)
    visitor.vote(played, "left")
    visitor.reasons(played, "left.prose", "right.repeats")
    own = visitor.submit("/write/", title='A "title" \\', tags="a, b", player="Ann", character="Ben", post=hostile)
    own = own.headers["Location"]
    visitor.steps(own)
    assert visitor.move(own, "edit", post="Better.").status_code == 302
    visitor.steps(own)
    visitor.vote(own, "bothbad")
    program = visitor.post("/api/compare", json={}).json()
    visitor.post(f"/api/vote/{program['id']}/right")
    visitor.log_in("admin", site.password)
    lines = [json.loads(line) for line in visitor.get("/api/battles").text.removesuffix("\n").split("\n")]
    page = visitor.get("/api/votes?adapter=demo", headers={"Authorization": f"Bearer {EXPORT_KEY}"}).json()
    assert lines == [vote["battle"] for vote in page["votes"]]
    assert [Battle.model_validate(line).turn for line in lines] == [1, 3, 1, 1]
    assert lines[1]["conversation_a"][3]["content"].endswith(": Another *post*.")
    assert lines[2]["conversation_a"][1]["content"] == "Ann: Better."


def test_many_lines_come_in_order_and_whole(visitor, site):
    insert_votes(site, BASE, VERSION, "left", "anybody", ["Noir"], 0, copies=2500)
    visitor.log_in("admin", site.password)
    asked = [json.loads(line)["question_id"] for line in visitor.get("/api/battles").text.splitlines()]
    assert asked == [row for (row,) in site.rows("SELECT comparison_id::text FROM arena_vote ORDER BY number")]


def test_who_leaves_early_leaves_nothing_behind(visitor, site):
    insert_votes(site, BASE, VERSION, "left", "anybody", ["Noir"], 0, copies=20_000)
    visitor.log_in("admin", site.password)
    for _ in range(20):  # more than there are connections in the pool
        with visitor.stream("GET", "/api/battles") as answer:
            next(answer.iter_bytes(1000))
    assert len(visitor.get("/api/battles").text.splitlines()) == 20_000
    reading = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'FETCH%%'"
    deadline = time.monotonic() + 10
    while site.rows(reading) != [(0,)] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert site.rows(reading) == [(0,)]
