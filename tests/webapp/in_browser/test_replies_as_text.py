"""Role-play as it is shown: emphasis and speech, never a model's markup; alike in the browser and from the server."""

import json
import pathlib

import pytest

from tests.webapp.in_browser.steps import begin
from tests.webapp.scripted_engine import ALIAS, BASE, Script

pytestmark = pytest.mark.slow

CASES = json.loads(pathlib.Path(__file__).parent.with_name("prose_cases.json").read_text())


def test_what_a_model_writes_is_never_markup(page, engine):
    hostile = '<img src=x onerror="document.title=1"> <script>document.title=1</script> *<b>bold</b>* "<i>" ' * 3
    engine.scripts = {BASE: Script(hostile), ALIAS: Script(hostile)}
    begin(page)
    page.locator("#votes:enabled").wait_for()
    for _ in ("as streamed", "as stored"):
        text = page.get_by_test_id("text-left")
        assert text.locator("img, script, b, i").count() == 0
        assert "<b>bold</b>" in text.inner_text()
        assert page.title() == "Water Rights · Bardloop"
        page.reload()


def test_browser_and_server_render_alike(page):
    page.goto("/")
    rendered = page.evaluate(
        """async (cases) => {
            const { render } = await import("/static/arena/prose.js");
            return cases.map(({ text }) => {
                const target = document.createElement("div");
                render(target, text);
                return target.innerHTML;
            });
        }""",
        CASES,
    )
    assert rendered == [case["html"] for case in CASES]
