"""GET /comparisons/<id>/ and POST …/again/."""

import re

from tests.webapp.scripted_engine import ALIAS, BASE, VERSION


def test_it_works(visitor):
    page = visitor.get(visitor.begin())
    assert page.status_code == 200
    assert "watched his dust for an hour" in page.text
    assert 'data-state="waiting"' in page.text
    assert re.search(r'<fieldset id="votes" data-testid="votes" disabled>', page.text)


def test_complete_replies_are_there_after_a_reload(visitor):
    address = visitor.begin()
    visitor.steps(address)
    page = visitor.get(address)
    assert "<em>She looks up.</em>" in page.text
    assert "Base speaking, plainly" in page.text
    assert '<fieldset id="votes" data-testid="votes" >' in page.text
    assert "no-store" in page.headers["Cache-Control"]


def test_names_are_on_the_page_only_after_the_vote(visitor):
    address = visitor.begin()
    names = (BASE, f'"{ALIAS}"', f">{ALIAS}", VERSION)
    before = visitor.get(address).text
    visitor.steps(address)
    complete = visitor.get(address).text
    assert not any(name in text for text in (before, complete) for name in names)
    visitor.vote(address, "left")
    asked_why = visitor.get(address).text
    assert not any(name in asked_why for name in names)
    visitor.reasons(address)
    after = visitor.get(address).text
    assert BASE in after and VERSION in after


def test_after_the_vote_there_is_nothing_to_vote_with(visitor):
    address = visitor.begin()
    visitor.steps(address)
    visitor.vote(address, "tie")
    visitor.reasons(address)
    page = visitor.get(address)
    assert "You called it a tie" in page.text
    for gone in ("vote-left", "onward", "give-reasons"):
        assert f'data-testid="{gone}"' not in page.text
    assert 'data-testid="next-scene"' in page.text


def test_unknown_comparison(visitor):
    page = visitor.get("/comparisons/00000000-0000-4000-8000-000000000000/")
    assert page.status_code == 404
    assert "There is no such comparison" in page.text


def test_again_draws_anew_for_the_same_scene(visitor, site):
    answer = visitor.submit(f"{visitor.begin('berth-forty-one')}again/")
    assert answer.status_code == 302
    assert site.rows("SELECT scene, count(*) FROM arena_comparison GROUP BY 1") == [("berth-forty-one", 2)]
    first, second = site.rows("SELECT title, tags, player, character, posts FROM arena_comparison")
    assert first == second
