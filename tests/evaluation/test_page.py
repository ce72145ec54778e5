"""The evaluation as a person reads it, and in wandb."""

import html.parser
import re

import pytest

from jobs.evaluation.page import render
from tests.evaluation import scenes


@pytest.fixture(scope="module")
def summary(judged_home) -> dict:
    return scenes.evaluated(judged_home, "evaluate.generation.study=[4,8]", "train.wandb.mode=offline")


@pytest.fixture(scope="module")
def page(judged_home, summary) -> str:
    return (judged_home / "runs/demo/first/evaluation.html").read_text()


class Reader(html.parser.HTMLParser):
    """The elements with their attributes, and the text outside of <style>."""

    def __init__(self, page: str):
        super().__init__()
        self.elements, self.pieces, self.in_style = [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.in_style = tag == "style"
        self.pieces.append("" if tag == "wbr" else " ")

    def handle_endtag(self, tag):
        self.in_style = False
        self.pieces.append(" ")

    def handle_data(self, data):
        if not self.in_style:
            self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.pieces).split())


def test_it_says_what_was_measured(page, summary):
    text = Reader(page).text
    assert "The adapter of step 24 passes on 64 samples of split test." in text
    assert summary["reasons"][0] in text
    for metric in ("loss", "perplexity_per_byte", "choice/accuracy", "choice/unreadable", "generation/chrf"):
        adapter, base = summary["metrics"][f"test/{metric}"], summary["metrics"][f"test/base_{metric}"]
        shown = [f"{value:,.0f}" if value >= 1000 else f"{value:.4g}" for value in (adapter, base)]
        row = text[text.index("Every metric of every model") :]
        row = row[row.index(f" {metric} ") :][:400]
        assert all(figure in row for figure in shown), metric


def test_plots_are_inside_and_take_the_pages_colours(page):
    plots = re.findall(r'<svg class="plot".*?</svg>', page, flags=re.DOTALL)
    assert len(plots) == 6, "two over the checkpoints, two of kinds, two of the study"
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for plot in plots:
        assert "var(--accent)" in plot and not re.search(r"#[0-9a-f]{6}", plot) and "<style" not in plot


def test_it_asks_for_nothing_else(page):
    for tag, attributes in Reader(page).elements:
        assert tag not in ("script", "img", "iframe", "object")
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))


def test_what_a_model_writes_stays_text(judged_home, summary):
    report = scenes.report(judged_home)
    evil = "<script>alert(1)</script>"
    reply = {"text": evil, "tokens": 9, "ended": True}
    scene = [{"role": "user", "content": evil}]
    sample = {"scorer": "generation", "context": scene, "true": evil, "models": {"adapter": reply}}
    page = render(report | {"run_id": evil}, [sample])
    assert "<script" not in page and "&lt;script&gt;alert(1)" in page


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_a_desk_by_day_and_night(browser, judged_home, summary, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, asked, complaints = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto((judged_home / "runs/demo/first/evaluation.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    letters = page.evaluate("getComputedStyle(document.querySelector('.plot text')).fill")
    assert letters == page.evaluate("getComputedStyle(document.body).color")
    assert complaints == [] and all(url.startswith(("file:", "data:")) for url in asked)
    context.close()


def test_wandb_has_the_numbers(judged_home, summary):
    """What the offline file holds, as `wandb sync` would send it."""
    found = b"".join(
        path.read_bytes() for path in (judged_home / "runs/demo/first/wandb").rglob("run-demo-first.wandb")
    )
    for key in (b"evaluation/test/loss", b"evaluation/passed", b"evaluation/page", b"evaluation/step"):
        assert key in found
