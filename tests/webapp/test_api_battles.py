"""GET /api/battles: every vote as a battle record, for staff."""

import json

from contracts.battle import Battle
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
