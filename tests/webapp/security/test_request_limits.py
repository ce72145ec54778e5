"""Bodies larger than the site takes are refused, declared or not, and nothing of them is kept on the way."""

import pytest

LARGE = b"x" * 300_000


def chunks():
    """The same without a Content-Length."""
    for start in range(0, len(LARGE), 50_000):
        yield LARGE[start : start + 50_000]


@pytest.mark.parametrize("body", [LARGE, chunks], ids=["declared", "chunked"])
def test_it_works(visitor, body):
    headers = {"X-CSRFToken": visitor.token(), "Content-Type": "application/x-www-form-urlencoded"}
    page = visitor.post("/write/", content=body() if callable(body) else body, headers=headers)
    assert page.status_code == 413
    assert 'data-code="too_large"' in page.text and "That is too much at once" in page.text
    assert visitor.get("/write/").status_code == 200


@pytest.mark.parametrize("body", [LARGE, chunks], ids=["declared", "chunked"])
def test_programs_get_json(visitor, body):
    headers = {"Content-Type": "application/json"}
    answer = visitor.post("/api/compare", content=body() if callable(body) else body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_the_longest_scene_fits(visitor):
    fields = {"title": "字" * 120, "player": "字" * 60, "character": "龍" * 60, "post": "🐉" * 4000, "tags": ""}
    assert visitor.submit("/write/", **fields).status_code == 302


def test_no_upload(visitor):
    files = {"post": ("scene.txt", LARGE)}
    page = visitor.post("/write/", files=files, headers={"X-CSRFToken": visitor.token()})
    assert page.status_code == 413


def test_a_host_that_is_not_ours(visitor):
    page = visitor.get("/", headers={"Host": "elsewhere.example"})
    assert page.status_code == 400
    assert 'data-code="bad_request"' in page.text and "That was not understood" in page.text


def test_a_page_that_only_takes_forms_says_so(visitor):
    page = visitor.get("/surprise/")
    assert (page.status_code, page.headers["Allow"]) == (405, "POST")
    assert 'data-code="wrong_method"' in page.text and "Back to the scenes" in page.text
