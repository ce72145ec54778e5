"""Replies as HTML: the server's half. The browser's half has the same cases in in_browser."""

import html
import json
import pathlib

import pytest

from webapp.arena.prose import as_html

CASES = json.loads(pathlib.Path(__file__).with_name("prose_cases.json").read_text())


def test_it_works():
    assert as_html('*Nods.* "Yes."') == '<p><em>Nods.</em> <span class="speech">&quot;Yes.&quot;</span></p>'


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case):
    assert unquoted(as_html(case["text"])) == case["html"]


def unquoted(page: str) -> str:
    """The cases are written as a browser writes text back: quotation marks outside of tags are not escaped there."""
    return page.replace("&quot;", '"').replace("&#x27;", "'")


def test_nothing_gets_through_unescaped():
    hostile = '<script>x</script> *<b onclick="x">* "</span><script>" \'"><svg onload=x>'
    page = as_html(hostile)
    for tag in ("<p>", "</p>", "<em>", "</em>", '<span class="speech">', "</span>"):
        page = page.replace(tag, "")
    assert "<" not in page and ">" not in page
    assert html.unescape(page) == hostile.replace("*", "")
