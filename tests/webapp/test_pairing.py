"""Who meets whom: weights from the admin, versions that the engine has loaded, scenes that a second person votes on."""

from collections import Counter

import pytest

from tests.webapp.scripted_engine import ALIAS, BASE, VERSION, Script
from webapp.arena.engine import EngineFault, ServedPair
from webapp.arena.pairing import draw

OTHER = "demo@ba9876543210"
PAIR = ServedPair(BASE, ALIAS, VERSION, (OTHER,))


@pytest.fixture(autouse=True)
def as_before(running_site):
    """Weights as the migration made them, before and after each test."""
    set_weights(running_site, **{"base-stable": 1})
    yield
    set_weights(running_site, **{"base-stable": 1})


def set_weights(site, **weights: float) -> None:
    site.rows("UPDATE arena_pairweight SET weight = 0")
    for kind, weight in weights.items():
        site.rows("UPDATE arena_pairweight SET weight = %s WHERE kind = %s", weight, kind)


def test_it_works():
    drawn = [draw([PAIR], {"base-stable": 3, "stable-other": 1, "base-other": 0, "shared": 9}) for _ in range(400)]
    kinds = Counter(one.pair for one in drawn)
    assert set(kinds) == {"base-stable", "stable-other"}
    assert 60 < kinds["stable-other"] < 140  # 100 expected; outside once in 250,000 runs
    assert {frozenset((one.left, one.right)) for one in drawn} == {
        frozenset((BASE, ALIAS)),
        frozenset((VERSION, OTHER)),
    }
    assert 140 < sum(one.left in (BASE, OTHER) for one in drawn) < 260


def test_what_is_not_possible_is_not_drawn():
    alone = ServedPair(BASE, ALIAS, VERSION, ())
    assert {draw([alone], {"base-stable": 1, "stable-other": 99}).pair for _ in range(20)} == {"base-stable"}
    with pytest.raises(EngineFault, match="another version has to be loaded"):
        draw([alone], {"base-stable": 0, "stable-other": 1})


def test_two_versions_meet(visitor, site, engine):
    set_weights(site, **{"stable-other": 1})
    engine.listed.append({"id": OTHER, "object": "model", "root": OTHER, "parent": BASE})
    engine.scripts |= {VERSION: Script("The stable one."), OTHER: Script("The other one.")}
    address = visitor.begin()
    assert visitor.steps(address)[-1].name == "done"
    visitor.vote(address, "left")
    visitor.reasons(address)
    page = visitor.get(address).text
    assert VERSION in page and OTHER in page and "You chose the trained storyteller" in page
    assert site.rows("SELECT pair FROM arena_comparison") == [("stable-other",)]


def test_nothing_that_is_wanted_is_possible(visitor, site):
    set_weights(site, **{"stable-other": 1})
    page = visitor.submit("/surprise/")
    assert page.status_code == 503 and "another version has to be loaded" in page.text


def test_staff_set_the_weights(visitor, site):
    visitor.log_in("admin", site.password)
    assert "a base model and its adapter" in visitor.get("/admin/arena/pairweight/").text
    answer = visitor.submit("/admin/arena/pairweight/base-other/change/", weight="0.5")
    assert answer.status_code == 302, answer.text
    assert site.rows("SELECT weight FROM arena_pairweight WHERE kind = 'base-other'") == [(0.5,)]
    assert visitor.submit("/admin/arena/pairweight/base-other/change/", weight="-1").status_code == 200  # shown again
    assert site.rows("SELECT weight FROM arena_pairweight WHERE kind = 'base-other'") == [(0.5,)]


@pytest.fixture
def shared(visitor, site) -> str:
    """The address of a comparison that the visitor has voted on, on a site that gives out nothing else."""
    address = visitor.begin()
    visitor.steps(address)
    visitor.vote(address, "left")
    visitor.reasons(address)
    set_weights(site, shared=1)
    return address


def test_a_second_person_votes_on_the_same_replies(visitor, site, shared):
    with site.visitor() as second:
        assert second.submit("/surprise/").headers["Location"] == shared
        page = second.get(shared).text
        assert 'data-state="complete"' in page and "Somebody else has played this scene" in page
        assert BASE not in page and VERSION not in page and 'data-testid="onward"' not in page
        assert second.move(shared, "continue", post="More.").status_code == 409
        assert second.vote(shared, "right").status_code == 302
        assert second.vote(shared, "left").status_code == 409
        second.reasons(shared)
        assert BASE in second.get(shared).text
    votes = site.rows("SELECT choice, dwell_ms < 20000 FROM arena_vote ORDER BY number")
    assert votes == [("left", True), ("right", True)]
    assert visitor.get("/api/statistics").json()["votes"]["total"] == 2


def test_not_to_the_same_person_nor_to_too_many(visitor, site, shared):
    set_weights(site, **{"base-stable": 1e-9, "shared": 1000})
    assert visitor.submit("/surprise/").headers["Location"] != shared
    led_to = []
    for _ in range(3):
        with site.visitor() as another:
            led_to.append(another.submit("/surprise/").headers["Location"] == shared)
            assert another.submit("/surprise/").headers["Location"] != shared
    assert led_to == [True, True, False]


def test_nobody_reads_what_another_wrote(visitor, site, shared):
    site.rows("UPDATE arena_turn SET post = 'A secret.'")
    set_weights(site, **{"base-stable": 1e-9, "shared": 1000})
    with site.visitor() as second:
        assert second.submit("/surprise/").headers["Location"] != shared
        assert second.vote(shared, "right").status_code == 409
