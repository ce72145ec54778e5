"""GET and POST /write/: a scene of one's own."""

OWN = {
    "title": "Night Ferry",
    "tags": "Fantasy, Comedy",
    "player": "Sam",
    "character": "The Ferryman",
    "post": '*I step aboard.* "How much to the other side?"',
}


def test_it_works(visitor, site, engine):
    answer = visitor.submit("/write/", **OWN)
    assert answer.status_code == 302
    visitor.steps(answer.headers["Location"])
    first, second = engine.requests
    assert first["messages"] == second["messages"]
    assert first["messages"][0]["content"].startswith(
        "You are The Ferryman in a forum role-play titled “Night Ferry” (Fantasy, Comedy)."
    )
    assert first["messages"][1]["content"] == f"Sam: {OWN['post']}"


def test_the_empty_form(visitor):
    page = visitor.get("/write/")
    assert page.status_code == 200
    assert '<label for="id_post">Your first post</label>' in page.text


def test_what_is_missing_is_said_beside_the_field(visitor, site):
    page = visitor.submit("/write/", **(OWN | {"post": "", "character": "sam"}))
    assert page.status_code == 400
    assert 'data-testid="error-post"' in page.text
    assert "This is your own character&#x27;s name" in page.text
    assert 'value="Night Ferry"' in page.text
    assert site.rows("SELECT * FROM arena_comparison") == []


def test_too_many_genres(visitor):
    page = visitor.submit("/write/", **(OWN | {"tags": "a,b,c,d,e,f"}))
    assert "At most five genres" in page.text


def test_null_characters_are_refused(visitor):
    assert visitor.submit("/write/", **(OWN | {"post": "a\x00b"})).status_code == 400


def test_engine_down_loses_no_word(visitor, engine):
    engine.down = True
    page = visitor.submit("/write/", **OWN)
    assert page.status_code == 503
    assert "The storytellers cannot be reached" in page.text
    assert "How much to the other side?" in page.text


def test_hostile_text_is_shown_as_text(visitor):
    answer = visitor.submit("/write/", **(OWN | {"title": "<script>t</script>", "post": "<script>p</script>"}))
    page = visitor.get(answer.headers["Location"])
    assert "<script>t" not in page.text and "<script>p" not in page.text
    assert "&lt;script&gt;p" in page.text
