"""The corpus report as a page: what a reader sees, what strangers wrote stays text, nothing is asked from outside."""

import html.parser
import re

import pytest

from contracts.corpus_report import CorpusReport
from jobs.corpus.reporting.page import render
from tests.corpus.reporting.reports import DROPPED, HOSTILE, account, histogram, rule, two_parts


@pytest.fixture(scope="module")
def values() -> dict:
    return two_parts()


@pytest.fixture(scope="module")
def report(values) -> CorpusReport:
    return CorpusReport.model_validate(values)


@pytest.fixture(scope="module")
def page(report) -> str:
    return render(report)


INLINE = {"b", "strong", "del", "ins", "wbr"}
"""Elements that do not part the words before and after them."""


class Reader(html.parser.HTMLParser):
    """Collects what a browser would: the elements with attributes, and the text outside of <style>."""

    def __init__(self, page: str):
        super().__init__()
        self.elements, self.pieces, self.in_style = [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.in_style = tag == "style"
        self.handle_data("" if tag in INLINE else " ")

    def handle_endtag(self, tag):
        self.in_style = self.in_style and tag != "style"
        self.handle_data("" if tag in INLINE else " ")

    def handle_data(self, data):
        if not self.in_style:
            self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.pieces).split())


@pytest.fixture(scope="module")
def read(page) -> Reader:
    return Reader(page)


def test_it_works(read):
    assert "roleplay_guild 0f3a9c1b77de" in read.text
    assert "132,513 of 222,691 records kept in 3,789 threads." in read.text


def test_the_funnel_says_how_many_records_go_for_which_reason(read):
    assert "Records read All rows of all parts. 222,691 100.0 %" in read.text
    assert "not_ic Not in character, by the forum's own label of the thread. −79,218 35.6 %" in read.text
    assert "malformed.nul NUL bytes stand in the row. −3 < 0.1 %" in read.text
    assert "Kept Posts of the corpus. 132,513 59.5 %" in read.text


def test_every_reason_is_explained_and_an_unknown_one_is_shown_as_it_is(read):
    steps = [attributes["data-reason"] for tag, attributes in read.elements if "data-reason" in attributes]
    assert steps[0] == "not_ic" and steps[-1] == "eaten_by_dragon"
    assert sorted(steps) == sorted({reason for dropped in DROPPED.values() for reason in dropped})
    for reason in steps[:-1]:
        assert re.search(rf"{re.escape(reason)} [A-Z][^.]+\. −", read.text), f"{reason} is not explained"
    assert "eaten_by_dragon −9" in read.text


def test_every_part_has_its_row(read):
    assert "uuub3g 108,011 62,011 57.4 % 41,207 61 0" in read.text
    assert "luxmdg 114,680 70,502 61.5 % 38,011 0 12" in read.text
    assert "All 222,691 132,513 59.5 % 79,218 61 12" in read.text


def test_splits_distributions_tags_and_duplicates_are_there(read):
    assert "train 3,411 90.0 % 119,262 90.0 %" in read.text
    assert "Characters per post median 1,311 · maximum 48,211" in read.text
    assert "1 – 99 120" in read.text and "≥ 10,000 1,390" in read.text
    assert "Authors per thread median 2 · maximum 14 authors threads 2 – 3 2,900" in read.text  # no empty row before
    assert "fantasy 1,822" in read.text and "and 15 rarer tags" in read.text
    assert "Threads tied to another one, and so in the same split with it 74 threads" in read.text


def test_cleaning_rules_show_what_they_changed(page, read):
    assert "mojibake on Repairs UTF-8 that was read as Windows-1252. 4,112 posts" in read.text
    assert "quotes drop_cited" in read.text and "emoji off" in read.text
    assert "<del>Itâ€™</del>s late" in page and "<ins>It’</ins>s late" in page
    assert "After (nothing left)" in read.text


def test_rejects_show_their_place_and_what_cannot_be_seen(page, read):
    assert "malformed.columns The row has more or fewer columns than the header. 1 of 61" in read.text
    assert "uuub3g, line 90,211, byte 18,211,004" in read.text
    assert 'a<span class="hidden">NUL</span>bword' in page


def test_lineage_names_what_the_corpus_was_made_from(read):
    for digest in ("a1" * 32, "b2" * 32, "c3" * 32):
        assert digest in read.text
    assert "uuub3g 100 MiB 104,857,600" in read.text
    assert "Code version 4" in read.text


def test_the_leakage_verdict(values, read):
    assert "No leak found. None of 13,182 held-out posts shares more than 50 % of its 13-word sequences" in read.text
    assert "valid 6,602 1,400,211 212 < 0.1 % 31.0 % 0" in read.text
    splits = values["leakage"]["splits"]
    worse = splits | {"test": splits["test"] | {"shared": 900, "worst": 0.92, "above": 3}}
    text = text_with(values, leakage=values["leakage"] | {"splits": worse})
    assert "Leaks. 3 of 13,182 held-out posts share more than 50 %" in text and "92.0 % 3" in text
    assert "Nothing to compare." in text_with(values, leakage=values["leakage"] | {"splits": {}})


def test_what_strangers_wrote_stays_text(values, read):
    tags = {tag for tag, _ in read.elements}
    assert tags & {"script", "img", "iframe", "object", "form"} == set()
    assert not any(name.startswith("on") for _, attributes in read.elements for name in attributes)
    assert read.text.count("<script>alert(2)</script>") == 1  # in the reject; the tag is among the rarer ones
    hostile = Reader(
        render_with(
            values,
            recipe=HOSTILE,
            tags={HOSTILE: {HOSTILE: 1}},
            rejects={HOSTILE: values["rejects"]["malformed.nul"]},
            cleaning={HOSTILE: values["cleaning"]["html"] | {"setting": HOSTILE}},
        )
    )
    assert {tag for tag, _ in hostile.elements} <= tags
    assert hostile.text.count("<script>alert(2)</script>") == 8  # recipe 3, tags 2, rejects 1, cleaning 2


def test_nothing_is_asked_from_outside(page, read):
    for tag, attributes in read.elements:
        for name in {"src", "href", "srcset", "action", "data", "style"} & set(attributes):
            assert attributes[name].startswith("#") or attributes[name] == "data:,", f"<{tag} {name}>"
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style and "@import" not in style
    policy = next(at["content"] for _, at in read.elements if at.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")


def test_the_same_report_gives_the_same_bytes(report, page):
    assert render(CorpusReport.model_validate_json(report.model_dump_json())) == page


def test_headings_and_tables_are_said_to_a_screen_reader(read):
    assert [tag for tag, _ in read.elements].count("h1") == 1
    assert all(attributes.get("scope") in ("row", "col") for tag, attributes in read.elements if tag == "th")
    ids = {attributes["id"] for _, attributes in read.elements if "id" in attributes}
    links = {attributes["href"][1:] for tag, attributes in read.elements if tag == "a"}
    assert len(links) > 9 and links <= ids


def test_an_archive_without_a_record_to_keep_can_be_read(values):
    nothing = histogram(0, median=0, maximum=0)
    text = text_with(
        values,
        parts={"uuub3g": account(0, {})},
        total=account(0, {}),
        threads={"train": 0},
        messages={"train": 0},
        distributions=dict.fromkeys(values["distributions"], nothing),
        rejects={},
        cleaning={"html": rule(True, 0)},
    )
    assert "0 of 0 records kept in 0 threads." in text
    assert "There are no threads." in text and "None to show." in text


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_its_window(browser, page, tmp_path, width):
    file = tmp_path / "report.html"
    file.write_text(page)
    context = browser.new_context(viewport={"width": width, "height": 844})
    opened = context.new_page()
    complaints, asked = [], []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(file.as_uri())
    opened.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert opened.evaluate("document.documentElement.scrollWidth") == width
    table = opened.locator("#parts .scroll")
    assert table.evaluate("box => box.scrollWidth > box.clientWidth")  # wider than the window: it scrolls in its box
    context.close()
    assert complaints == [] and asked == [file.as_uri()]


def render_with(values: dict, **changes) -> str:
    return render(CorpusReport.model_validate(values | changes))


def text_with(values: dict, **changes) -> str:
    return Reader(render_with(values, **changes)).text
