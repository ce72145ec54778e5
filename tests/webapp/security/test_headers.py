"""What every answer tells the browser to refuse."""

import pytest

from tests.webapp.scripted_engine import ALIAS

PATHS = [
    "/",
    "/write/",
    "/no-such-page",
    "/admin/login/",
    "/api/docs",
    "/api/openapi.json",
    "/api/statistics",
    "/health",
]
EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def check(headers) -> None:
    for name, value in EVERYWHERE.items():
        assert headers[name] == value
    assert "camera=()" in headers["Permissions-Policy"] and "geolocation=()" in headers["Permissions-Policy"]


@pytest.mark.parametrize("path", PATHS)
def test_it_works(visitor, path):
    headers = visitor.get(path).headers
    check(headers)
    assert headers["X-Frame-Options"] == "DENY"
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in headers["Content-Security-Policy"] and "*" not in headers["Content-Security-Policy"]
    assert not any(directive.startswith(("script-src", "style-src")) for directive in policy)  # default-src says it


@pytest.mark.parametrize(
    "path", ["/static/arena/bardloop.css", "/static/arena/sheets.css", "/static/admin/css/base.css"]
)
def test_static_files(visitor, path):
    check(visitor.get(path).headers)


def test_streams(visitor, engine):
    visitor.steps(visitor.begin())
    check(visitor.stream_headers)
    assert visitor.stream_headers["Cache-Control"] == "no-store"


def test_refusals(visitor, engine):
    engine.scripts[ALIAS].status = 500
    check(visitor.post("/api/compare", json={}).headers)
    check(visitor.post("/surprise/").headers)


def test_robots_are_told_to_stay_out_of_what_people_wrote(visitor):
    answer = visitor.get("/robots.txt")
    assert answer.headers["Content-Type"] == "text/plain"
    assert "Disallow: /comparisons/" in answer.text and "Disallow: /admin/" in answer.text
