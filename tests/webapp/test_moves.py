"""POST /comparisons/<id>/continue|regenerate|edit|retry/: several turns of one scene, and none after the vote."""

from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest

from tests.webapp.scripted_engine import ADAPTER_REPLY, ALIAS, BASE, BASE_REPLY, VERSION
from webapp.arena.scenes import library

OWN = {"title": "Night Ferry", "player": "Sam", "character": "Charon", "post": "*I pay.*"}
TURNS = "SELECT number, attempt, post, state FROM arena_turn ORDER BY id"


@pytest.fixture
def told(visitor) -> str:
    """The address of a comparison with one complete turn."""
    address = visitor.begin()
    visitor.steps(address)
    return address


def code(page) -> str:
    """Reason code of a refusal's page."""
    return page.text.split('data-code="')[1].split('"')[0]


def test_it_works(visitor, site, engine, told):
    answer = visitor.move(told, "continue", post="*I nod.*\r\n\r\nGo on.", seen="1.1")
    assert (answer.status_code, answer.headers["Location"]) == (302, told)
    engine.requests.clear()
    assert visitor.steps(told)[-1].name == "done"
    assert site.rows(TURNS) == [(1, 1, "", "complete"), (2, 1, "*I nod.*\n\nGo on.", "complete")]
    opening = library()["water-rights"].opening.strip()
    for request in engine.requests:  # each model is told its own reply of the first turn, in the form it was trained on
        own = BASE_REPLY if request["model"] == BASE else ADAPTER_REPLY
        assert [message["content"] for message in request["messages"][1:]] == [
            f"Josie Tarr: {opening}",
            own,
            "Josie Tarr: *I nod.*\n\nGo on.",
        ]
    page = visitor.get(told).text
    assert page.count("Base speaking") == 2 and "<em>I nod.</em>" in page and 'data-testid="past-1"' in page


def test_the_engine_hears_one_conversation(visitor, engine, told):
    visitor.move(told, "continue", post="On.")
    visitor.steps(told)
    assert {headers["X-Conversation-Id"] for headers in engine.headers} == {told.split("/")[2]}


def test_regenerate_keeps_what_was_there(visitor, site, engine, told):
    engine.scripts[BASE].reply = "Another try altogether."
    visitor.move(told, "regenerate")
    assert visitor.steps(told)[-1].name == "done"
    rows = site.rows("SELECT number, attempt, reply_left || reply_right FROM arena_turn ORDER BY id")
    assert [row[:2] for row in rows] == [(1, 1), (1, 2)] and BASE_REPLY in rows[0][2]
    page = visitor.get(told).text
    assert "Another try altogether." in page and BASE_REPLY not in page


def test_what_leads_up_to_a_turn_are_the_last_attempts(visitor, engine, told):
    engine.scripts[BASE].reply = "Another try altogether."
    visitor.move(told, "regenerate")
    visitor.steps(told)
    engine.requests.clear()
    visitor.move(told, "continue", post="On.")
    visitor.steps(told)
    (request,) = (request for request in engine.requests if request["model"] == BASE)
    assert [message["content"] for message in request["messages"] if message["role"] == "assistant"] == [
        "Another try altogether."
    ]


def test_edit_of_a_later_post(visitor, site, engine, told):
    visitor.move(told, "continue", post="On.")
    visitor.steps(told)
    engine.requests.clear()
    visitor.move(told, "edit", post="No: back.")
    visitor.steps(told)
    assert site.rows(TURNS)[1:] == [(2, 1, "On.", "complete"), (2, 2, "No: back.", "complete")]
    assert all(request["messages"][-1]["content"] == "Josie Tarr: No: back." for request in engine.requests)


def test_edit_of_ones_own_opening(visitor, engine):
    address = visitor.submit("/write/", **OWN).headers["Location"]
    visitor.steps(address)
    engine.requests.clear()
    visitor.move(address, "edit", post="*I do not pay.*")
    visitor.steps(address)
    assert [request["messages"][1]["content"] for request in engine.requests] == ["Sam: *I do not pay.*"] * 2
    page = visitor.get(address).text
    assert "<em>I do not pay.</em>" in page and "<em>I pay.</em>" not in page


def test_the_librarys_opening_is_not_the_persons(visitor, told):
    page = visitor.move(told, "edit", post="Mine.")
    assert (page.status_code, code(page)) == (409, "not_your_post")
    assert 'data-testid="edit"' not in visitor.get(told).text


@pytest.mark.parametrize("kind", ["continue", "regenerate", "edit", "retry"])
def test_after_the_vote_everything_is_dead(visitor, site, told, kind):
    visitor.vote(told, "tie")
    page = visitor.move(told, kind, post="More.")
    assert (page.status_code, code(page)) == (409, "already_voted")
    assert len(site.rows(TURNS)) == 1


@pytest.mark.parametrize("kind", ["continue", "regenerate", "edit", "retry"])
def test_one_turn_at_a_time(visitor, site, kind):
    address = visitor.begin()
    page = visitor.move(address, kind, post="More.")
    assert (page.status_code, code(page)) == (409, "being_written")
    with pytest.raises(psycopg2.errors.UniqueViolation, match="one_turn_at_a_time"):
        site.rows(
            "INSERT INTO arena_turn (comparison_id, number, attempt, post, state, failure, created_at, reply_left,"
            " reply_right) SELECT id, 2, 1, 'x', 'waiting', '', now(), '', '' FROM arena_comparison"
        )


def test_of_many_at_once_one_goes_on(visitor, site, told):
    token = visitor.token()

    def send(kind: str) -> int:
        with site.visitor() as other:
            other.cookies = visitor.cookies
            fields = {"csrfmiddlewaretoken": token, "post": "On.", "choice": "left"}
            return other.post(f"{told}{kind}/", data=fields).status_code

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(send, ["continue", "regenerate", "vote", "continue"] * 2))
    assert sorted(codes) == [302] + [409] * 7


def test_who_acts_on_replies_that_are_not_the_last_is_told(visitor, site, told):
    visitor.move(told, "continue", post="On.", seen="1.1")
    visitor.steps(told)
    for kind in ("regenerate", "vote"):
        page = visitor.submit(f"{told}{kind}/", choice="left", seen="1.1")
        assert (page.status_code, code(page)) == (409, "moved_on")
    assert site.rows("SELECT * FROM arena_vote") == []
    assert visitor.submit(f"{told}vote/", choice="left", seen="2.1").status_code == 302


@pytest.mark.parametrize("post", ["", " \r\n ", "x" * 4001])
def test_a_post_has_to_be_one(visitor, site, told, post):
    page = visitor.move(told, "continue", post=post)
    assert (page.status_code, code(page)) == (400, "long_post" if post.strip() else "no_post")
    assert len(site.rows(TURNS)) == 1


def test_a_turn_that_fails_can_be_tried_again(visitor, site, engine, told):
    engine.scripts[ALIAS].break_after = 2
    visitor.move(told, "continue", post="On.")
    assert visitor.steps(told)[-1].data["code"] == "cut_off"
    page = visitor.get(told).text
    assert 'data-testid="turn-failed" data-code="cut_off"' in page and ">On.</textarea>" in page
    engine.reset()
    visitor.move(told, "retry", seen="2.1")
    assert visitor.steps(told)[-1].name == "done"
    assert site.rows(TURNS)[1:] == [(2, 1, "On.", "failed"), (2, 2, "On.", "complete")]


def test_after_a_turn_that_failed_the_one_before_can_be_voted_on(visitor, site, engine, told):
    engine.scripts[ALIAS].status = 500
    visitor.move(told, "continue", post="On.")
    visitor.steps(told)
    assert visitor.submit(f"{told}vote/", choice="left", seen="1.1").status_code == 302
    assert site.rows("SELECT t.number, attempt FROM arena_vote JOIN arena_turn t ON t.id = turn_id") == [(1, 1)]


def test_a_scene_that_grew_too_long(visitor, engine, told):
    engine.scripts[BASE].status = 400
    visitor.move(told, "continue", post="On.")
    assert visitor.steps(told)[-1].data["code"] == "scene_too_long"
    assert "The scene has grown too long" in visitor.get(told).text


def test_another_version_does_not_go_on_in_the_firsts_place(visitor, site, engine, told):
    engine.version = "demo@ba9876543210"
    visitor.move(told, "continue", post="On.")
    assert visitor.steps(told)[-1].data["code"] == "version_changed"
    assert site.rows("SELECT state, failure, reply_left FROM arena_turn ORDER BY id")[1] == (
        "failed",
        "version_changed",
        "",
    )
    assert set(site.rows("SELECT model_left, model_right FROM arena_comparison")[0]) == {BASE, VERSION}


def test_times_of_both_sides_are_kept(visitor, site, engine, told):
    (row,) = site.rows("SELECT first_token_left, seconds_left, first_token_right, seconds_right FROM arena_turn")
    assert 0 < row[0] <= row[1] < 20 and 0 < row[2] <= row[3] < 20


def test_without_javascript(visitor, site, engine):
    address = visitor.begin()
    assert f'action="{address}replies/"' in visitor.get(address).text
    for post in ("Second.", ""):
        answer = visitor.submit(f"{address}replies/")
        assert (answer.status_code, answer.headers["Location"]) == (302, address)
        if post:
            visitor.move(address, "continue", post=post)
    visitor.vote(address, "left")
    visitor.reasons(address)
    assert "You chose the" in visitor.get(address).text
    assert [row[3] for row in site.rows(TURNS)] == ["complete"] * 2


def test_without_javascript_a_failure_stands_on_the_page(visitor, engine):
    engine.scripts[BASE].status = 500
    address = visitor.begin()
    assert visitor.submit(f"{address}replies/").status_code == 302
    assert 'data-code="engine_error"' in visitor.get(address).text


def test_a_reply_that_names_its_maker_marks_the_battle(visitor, site, engine, told):
    assert site.rows("SELECT names_maker FROM arena_comparison") == [(False,)]
    engine.scripts[BASE].reply = "I am ChatGPT and cannot do that."
    visitor.move(told, "continue", post="On.")
    visitor.steps(told)
    assert site.rows("SELECT names_maker FROM arena_comparison") == [(True,)]
