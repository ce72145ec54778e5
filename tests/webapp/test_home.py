"""GET /: the library of scenes."""


def test_it_works(visitor):
    page = visitor.get("/")
    assert page.status_code == 200
    assert "Water Rights" in page.text
    assert 'data-testid="surprise"' in page.text


def test_tag_narrows_the_library(visitor):
    page = visitor.get("/?tag=Western")
    assert "Water Rights" in page.text
    assert "Berth Forty-One" not in page.text


def test_htmx_gets_the_library_alone(visitor):
    part = visitor.get("/?tag=Western", headers={"HX-Request": "true"})
    assert part.text.startswith('<section id="library"')
    assert "HX-Request" in part.headers["Vary"]


def test_unknown_tag_is_a_clear_404(visitor):
    page = visitor.get("/?tag=Nonsense")
    assert page.status_code == 404
    assert "No scene is tagged “Nonsense”." in page.text


def test_unknown_page_is_a_clear_404(visitor):
    page = visitor.get("/nowhere/")
    assert page.status_code == 404
    assert "There is nothing at this address" in page.text


def test_strict_content_security_policy(visitor):
    policy = visitor.get("/").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
