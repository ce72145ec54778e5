"""What models and people write is hostile input: it is shown as text, on every page, and runs nowhere."""

import re

import pytest

from tests.webapp.browsing import opened
from tests.webapp.scripted_engine import ADAPTER_REPLY, ALIAS, BASE

SCRIPT = "<script>window.ran = 'script'</script>"
IMAGE = "<img src=x onerror=\"window.ran = 'image'\">"
BREAK_OUT = "\"'><svg onload=\"window.ran = 'svg'\">"
LINK = "<a href=\"javascript:window.ran='link'\">[x](javascript:alert(1))</a>"
TEMPLATE = "{{ 7|add:7 }}{% csrf_token %}${window.ran='template'}"
RIGHT_TO_LEFT = "‮⁦abc‏"
OWN = {
    "title": f"{SCRIPT}{BREAK_OUT}{RIGHT_TO_LEFT}",
    "player": f"P{IMAGE}"[:60],
    "character": f"C{BREAK_OUT}"[:60],
    "tags": "<b onclick=x>,</script>",
    "post": f"*{SCRIPT}* {IMAGE} {LINK} {TEMPLATE} {RIGHT_TO_LEFT} {'w' * 3000}",
}
REPLY = f'{SCRIPT}\n\n*{IMAGE}* "{BREAK_OUT}" {LINK} {TEMPLATE} {RIGHT_TO_LEFT} {"w" * 5000}'
MARKUP = re.compile(r"<script>window|<img src=x|<svg onload|<b onclick|href=\"javascript:|href='javascript:")


@pytest.fixture
def hostile(visitor, engine, site):
    """The address of a comparison of nothing but hostile text, voted on."""
    engine.scripts[BASE].reply = engine.scripts[ALIAS].reply = REPLY
    address = visitor.submit("/write/", **OWN).headers["Location"]
    assert visitor.steps(address)[-1].name == "done"
    visitor.vote(address, "left")
    visitor.submit("/admin/login/", username=SCRIPT, password="wrong")  # stands among the log-ins that failed
    yield address
    site.rows("DELETE FROM axes_accessattempt")


@pytest.fixture
def keyed(site):
    """A program key whose name is hostile."""
    site.rows(
        "INSERT INTO access_programkey (name, digest, voter, per_minute, may_vote, may_read_statistics, may_export,"
        " created_at) VALUES (%s, 'x', gen_random_uuid(), 1, true, true, true, now())",
        f"{SCRIPT}{RIGHT_TO_LEFT}",
    )
    yield
    site.rows("DELETE FROM access_programkey")


def admin_pages(visitor) -> list[str]:
    """Every list of the admin, and every row's page."""
    lists = re.findall(r'href="(/admin/\w+/\w+/)"', visitor.get("/admin/").text)
    pages = list(dict.fromkeys(["/admin/", "/admin/statistics/", "/admin/suspicion/", *lists]))
    for path in list(pages):
        pages += dict.fromkeys(re.findall(rf'href="({path}[^"/]+/change/)[^"]*"', visitor.get(path).text))
    assert any("comparison" in page and page.endswith("/change/") for page in pages)
    return pages


def test_it_works(visitor, site, hostile, keyed):
    visitor.log_in("admin", site.password)
    pages = admin_pages(visitor)
    shown = 0
    for path in [hostile, *pages]:
        answer = visitor.get(path)
        assert answer.status_code == 200, path
        assert not MARKUP.search(answer.text), path
        shown += "&lt;script&gt;window" in answer.text
    assert shown >= 5  # the comparison, its row, lists of comparisons, keys and failed log-ins: not merely left out


@pytest.mark.parametrize(
    "text", [SCRIPT, BREAK_OUT, "\x00", RIGHT_TO_LEFT, "w" * 20_000, "%00", "\ud83d", "'; DROP TABLE"]
)
def test_questions_and_addresses(visitor, site, text):
    text = text.encode("utf-8", "replace").decode()
    visitor.log_in("admin", site.password)
    lists = re.findall(r'href="(/admin/(?!statistics)\w+/\w+/)"', visitor.get("/admin/").text)
    assert len(lists) >= 3
    asked = [
        ("/", "tag"),
        ("/admin/login/", "next"),
        *[(path, "q") for path in lists],
        *[(path, "o") for path in lists],
    ]
    asked += [(path, "state__exact") for path in lists] + [(path, "choice__exact") for path in lists]
    for path, name in asked:
        answer = visitor.get(path, params={name: text})
        assert answer.status_code == (400 if text == "\0" else answer.status_code) < 500, (path, name)
        assert not MARKUP.search(answer.text), (path, name)


def test_a_hostile_choice(visitor, site, hostile):
    page = visitor.vote(hostile, f"{SCRIPT}\x00")
    assert page.status_code in (400, 409)
    assert not MARKUP.search(page.text)


@pytest.mark.parametrize(
    "path", ["/%00", "/%3Cscript%3Ewindow.ran=1%3C/script%3E", "/scenes/%00/start/", "/admin/%00/", "/%ff"]
)
def test_hostile_paths(visitor, path):
    answer = visitor.get(path)
    assert answer.status_code in (302, 400, 404) and not MARKUP.search(answer.text)


@pytest.mark.parametrize("field", ["title", "player", "character", "post"])
def test_null_is_refused_by_the_api_too(visitor, field):
    own = {"title": "t", "player": "p", "character": "c", "post": "x"} | {field: "a\x00b"}
    assert visitor.post("/api/compare", json={"own": own}).status_code == 422


def test_json_is_json(visitor, engine):
    engine.scripts[BASE].reply = REPLY
    own = {"title": SCRIPT, "player": IMAGE[:60], "character": "c", "post": "x"}
    answer = visitor.post("/api/compare", json={"own": own})
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert {answer.json()["left"], answer.json()["right"]} == {REPLY, ADAPTER_REPLY}


@pytest.mark.slow
def test_in_a_browser_nothing_runs(browser, site, engine):
    engine.scripts[BASE].reply = engine.scripts[ALIAS].reply = REPLY
    with opened(browser, site) as page, site.visitor() as visitor:
        page.goto("/write/")
        for name, text in OWN.items():
            page.locator(f"[name={name}]").fill(text)
        page.locator("main form button").click()
        page.get_by_test_id("vote-left").and_(page.locator(":enabled")).wait_for()
        _nothing_ran(page)
        page.get_by_test_id("vote-left").click()
        page.get_by_test_id("show").click()
        page.get_by_test_id("reveal").wait_for()
        page.reload()
        _nothing_ran(page)
        visitor.log_in("admin", site.password)
        page.context.add_cookies([{"name": "sessionid", "value": visitor.cookies["sessionid"], "url": site.url}])
        for path in admin_pages(visitor):
            page.goto(path)
            _nothing_ran(page)


def _nothing_ran(page) -> None:
    assert page.evaluate("window.ran") is None
    bad = "[...document.querySelectorAll('a')].filter(a => a.protocol === 'javascript:').length"
    assert page.evaluate(bad) == 0
    assert page.evaluate("document.querySelectorAll('svg[onload], img[onerror], b[onclick]').length") == 0
