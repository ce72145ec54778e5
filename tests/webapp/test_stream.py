"""POST /comparisons/<id>/stream/: both replies, word by word, and every way in which that can fail."""

import re
import time

import pytest

from tests.webapp.scripted_engine import ADAPTER_REPLY, ALIAS, BASE, BASE_REPLY, VERSION, Script


def state(site) -> tuple:
    return site.rows("SELECT state, failure, reply_left, reply_right FROM arena_turn")[0]


def test_it_works(visitor, site, engine):
    steps = visitor.steps(visitor.begin())
    assert [step.name for step in steps[-2:]] == ["words", "done"]
    left, right = ("".join(step.data.get(side, "") for step in steps) for side in ("left", "right"))
    assert {left, right} == {BASE_REPLY, ADAPTER_REPLY}
    (row,) = site.rows(
        "SELECT state, reply_left, reply_right, model_left, model_right"
        " FROM arena_turn JOIN arena_comparison c ON c.id = comparison_id"
    )
    assert row[:3] == ("complete", left, right)
    assert row[3:] == ((BASE, VERSION) if left == BASE_REPLY else (VERSION, BASE))


def test_both_are_asked_the_same_way(visitor, engine):
    visitor.steps(visitor.begin())
    first, second = engine.requests
    assert {first.pop("model"), second.pop("model")} == {BASE, ALIAS}
    assert first == second
    assert (first["temperature"], first["max_tokens"], first["stream"]) == (0.8, 160, True)


def test_the_engine_hears_which_comparison_asks(visitor, site, engine):
    """Its log has both replies of one; while a version is tried out, one that is written again gets the same."""
    visitor.steps(visitor.begin())
    ((comparison,),) = site.rows("SELECT id FROM arena_comparison")
    ids = [headers["X-Request-Id"] for headers in engine.headers]
    assert {headers["X-Conversation-Id"] for headers in engine.headers} == {str(comparison)}
    assert all(re.fullmatch(rf"{comparison}\.[0-9a-f]{{8}}", each) for each in ids) and len(set(ids)) == 2


def test_the_version_that_answered_is_kept(visitor, site, engine):
    engine.version = "demo@ba9876543210"  # rolled out since the comparison began
    visitor.steps(visitor.begin())
    (row,) = site.rows("SELECT model_left, model_right FROM arena_comparison")
    assert set(row) == {BASE, "demo@ba9876543210"}


@pytest.mark.parametrize("model", [BASE, ALIAS])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"status": 500}, "engine_error"),
        ({"status": 404}, "model_gone"),
        ({"status": 400}, "too_long"),
        ({"status": 429}, "busy"),
        ({"break_after": 3}, "cut_off"),
        ({"error_after": 3}, "engine_error"),
        ({"reply": " \n"}, "empty_reply"),
        ({"answers_as": "somebody-else"}, "wrong_model"),
    ],
)
def test_one_failing_side_fails_the_comparison(visitor, site, engine, model, fault, reason):
    for name, value in fault.items():
        setattr(engine.scripts[model], name, value)
    address = visitor.begin()
    last = visitor.steps(address)[-1]
    assert (last.name, last.data["code"]) == ("failed", reason)
    assert state(site) == ("failed", reason, "", "")
    page = visitor.get(address)
    assert last.data["message"].split(":")[0] in page.text and 'data-testid="retry"' in page.text
    assert BASE not in page.text + last.raw and ALIAS not in last.raw


def test_an_alias_that_was_not_resolved_is_worth_nothing(visitor, site, engine):
    engine.scripts[ALIAS].answers_as = ALIAS
    assert visitor.steps(visitor.begin())[-1].data["code"] == "wrong_model"


def test_an_engine_that_hangs(visitor, site, engine):
    engine.scripts[ALIAS].first_delay = 6  # the site under test waits for five seconds
    assert visitor.steps(visitor.begin())[-1].data["code"] == "timeout"
    assert state(site)[:2] == ("failed", "timeout")


def test_what_the_database_cannot_hold_is_left_out(visitor, site, engine):
    engine.scripts[BASE].reply = "A null \x00 here."
    assert visitor.steps(visitor.begin())[-1].name == "done"
    assert "A null  here." in state(site)[2:]


def test_a_failed_comparison_can_be_tried_again(visitor, site, engine):
    engine.scripts[BASE].status = 500
    address = visitor.begin()
    visitor.steps(address)
    engine.reset()
    answer = visitor.submit(f"{address}again/")
    assert visitor.steps(answer.headers["Location"])[-1].name == "done"
    assert sorted(site.rows("SELECT state FROM arena_turn")) == [("complete",), ("failed",)]


def test_who_goes_away_in_mid_stream_can_come_back(visitor, site, engine):
    engine.scripts[ALIAS] = Script("long " * 200, delay=0.05)
    address = visitor.begin()
    headers = {"X-CSRFToken": visitor.token()}
    with visitor.stream("POST", f"{address}stream/", headers=headers) as response:
        words = response.iter_text()  # kept: httpx hangs up when it is thrown away
        next(words)
        busy = visitor.post(f"{address}stream/", headers=headers)
        assert state(site)[0] == "writing"
        assert (busy.status_code, busy.json()["error"]["code"]) == (409, "being_written")
    deadline = time.monotonic() + 5
    while state(site)[0] != "waiting":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    engine.reset()
    assert visitor.steps(address)[-1].name == "done"
    assert state(site)[0] == "complete"


def test_a_claim_of_a_dead_process_lapses(visitor, site):
    address = visitor.begin()
    site.rows("UPDATE arena_turn SET state = 'writing', claimed_at = now() - interval '1 hour'")
    assert visitor.steps(address)[-1].name == "done"


def test_it_is_written_once(visitor):
    address = visitor.begin()
    visitor.steps(address)
    answer = visitor.post(f"{address}stream/", headers={"X-CSRFToken": visitor.token()})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "already_written")


def test_unknown_comparison(visitor):
    path = "/comparisons/00000000-0000-4000-8000-000000000000/stream/"
    answer = visitor.post(path, headers={"X-CSRFToken": visitor.token()})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_comparison")


def test_a_link_cannot_start_the_writing(visitor):
    assert visitor.get(f"{visitor.begin()}stream/").status_code == 405
