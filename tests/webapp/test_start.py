"""POST /scenes/<slug>/start/ and /surprise/: the draw, and what happens when there is nothing to compare."""

from tests.webapp.scripted_engine import ALIAS, BASE


def test_it_works(visitor, site):
    address = visitor.begin("water-rights")
    assert address.startswith("/comparisons/")
    (row,) = site.rows(
        "SELECT scene, state, asked_left, asked_right, model_left, voter IS NOT NULL"
        " FROM arena_comparison c JOIN arena_turn ON c.id = comparison_id"
    )
    assert row[:2] == ("water-rights", "waiting")
    assert set(row[2:4]) == {BASE, ALIAS}
    assert row[4:] == ("", True)


def test_sides_are_drawn_evenly(visitor, site):
    token = visitor.token()
    for _ in range(64):
        visitor.post("/scenes/water-rights/start/", data={"csrfmiddlewaretoken": token})
    ((left,),) = site.rows("SELECT count(*) FROM arena_comparison WHERE asked_left = %s", BASE)
    assert 16 <= left <= 48  # outside once in 30,000 runs


def test_surprise_brings_another_scene_each_time(visitor, site):
    for _ in range(12):
        assert visitor.submit("/surprise/").status_code == 302
    ((scenes,),) = site.rows("SELECT count(DISTINCT scene) FROM arena_comparison")
    assert scenes == 12


def test_engine_down_says_so_and_offers_to_try_again(visitor, site, engine):
    engine.down = True
    page = visitor.submit("/scenes/water-rights/start/")
    assert page.status_code == 503
    assert "The storytellers cannot be reached" in page.text
    assert 'data-testid="retry"' in page.text and 'action="/scenes/water-rights/start/"' in page.text
    assert site.rows("SELECT * FROM arena_comparison") == []
    engine.down = False
    assert visitor.submit("/scenes/water-rights/start/").status_code == 302


def test_no_adapter_live_yet(visitor, site, engine):
    engine.listed = engine.listed[:1]
    page = visitor.submit("/surprise/")
    assert page.status_code == 503
    assert "No trained adapter is live yet" in page.text
    assert site.rows("SELECT * FROM arena_comparison") == []


def test_engine_that_lists_nonsense(visitor, engine):
    engine.listed = [{"name": "no id"}]
    page = visitor.submit("/surprise/")
    assert page.status_code == 503
    assert "reported an error" in page.text


def test_unknown_scene(visitor):
    page = visitor.submit("/scenes/no-such-scene/start/")
    assert page.status_code == 404
    assert "There is no scene “no-such-scene”" in page.text


def test_a_link_cannot_start_a_comparison(visitor):
    assert visitor.get("/scenes/water-rights/start/").status_code == 405


def test_a_form_without_its_token_is_refused(visitor, site):
    page = visitor.post("/surprise/")
    assert page.status_code == 403
    assert "This form has grown too old" in page.text
    assert site.rows("SELECT * FROM arena_comparison") == []
