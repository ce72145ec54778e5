"""Exact copies in the job: which post stays, and what counts as the same."""

import pytest

from tests.corpus.archives import post
from tests.corpus.built import at, build

KEEP_ALL = {"split": {"valid": 0, "test": 0}}
LINE = "The lantern swung over the black water of the harbour."


def test_the_earliest_stays_whatever_part_and_thread_it_stands_in(archive, home):
    corpus = build(
        archive,
        home,
        [post(LINE, "ann", at(5)), post(LINE, "bob", at(9)), post("Else.", title="Elsewhere")],
        [post(LINE, "cid", at(1), "Elsewhere"), post(LINE, "cid", at(3), "Elsewhere")],
        [post("Words of the first thread.", at=at(2))],
        **KEEP_ALL,
    )
    assert corpus.texts() == {"The Gate": ["Words of the first thread."], "Elsewhere": ["Else.", LINE]}
    assert corpus.dropped() == [("duplicate", LINE)] * 3
    copies = corpus.duplicates("copies")
    assert [corpus.record(c["kept_part"], c["kept_byte_offset"])["message_timestamp"] for c in copies] == [at(1)] * 3
    assert [corpus.record(c["part"], c["byte_offset"])["message_timestamp"] for c in copies] == [at(5), at(9), at(3)]
    figures = corpus.report.duplicates
    assert (figures.exact_in_thread, figures.exact_across_threads) == (1, 2)
    assert (figures.linked_threads, figures.largest_component) == (2, 2)


@pytest.mark.parametrize(
    "other",
    [
        "<p>The lantern swung&nbsp;over the black water of the harbour.</p>",
        "The lantern swung over [b][/b]the black water of the harbour.<br>",
        "The lantern sw&#117;ng over the black water of the harbour.",
        "THE LANTERN swung over the black water of the Harbour.",
    ],
)
def test_markup_entities_and_case_make_no_difference(archive, home, other):
    corpus = build(archive, home, [post(LINE, "ann", at(1)), post(other, "bob", at(2), "Elsewhere")], **KEEP_ALL)
    assert corpus.texts() == {"The Gate": [LINE]}
    assert corpus.dropped() == [("duplicate", other)]


def test_curly_and_straight_are_the_same(archive, home):
    straight = '"Don\'t," she said - and the lantern swung over the black water.'
    curly = "“Don’t,” she said — and the lantern swung over the black water."
    corpus = build(archive, home, [post(curly, "ann", at(2)), post(straight, "bob", at(1))], **KEEP_ALL)
    assert corpus.texts() == {"The Gate": [straight]}


def test_common_lines_of_two_people_are_no_copies(archive, home):
    nods, line = "She nods.", "x" * 40
    rows = [
        *(post(nods, author, at(n)) for n, author in enumerate(["ann", "bob", "ann"])),
        *(post(line[:39], author, at(n)) for n, author in enumerate(["ann", "bob"], start=10)),
        *(post(line, author, at(n)) for n, author in enumerate(["ann", "bob"], start=20)),
    ]
    corpus = build(archive, home, rows, **KEEP_ALL)
    assert corpus.dropped() == [("duplicate", nods), ("duplicate", line)]
    kept = [(m["author"], m["text"]) for m in corpus.threads()["The Gate"]["messages"]]
    assert kept == [
        ("Player A", nods),
        ("Player B", nods),
        ("Player A", line[:39]),
        ("Player B", line[:39]),
        ("Player A", line),
    ]


def test_a_copy_in_a_thread_that_is_left_out_displaces_none(archive, home):
    rows = [
        post(LINE, at=at(1), title="Adults", tags="['18+', 'Horror']"),
        post(LINE, at=at(2), title="Short"),
        post(LINE, at=at(3)),
        post("Another line.", at=at(4)),
    ]
    corpus = build(archive, home, rows, min_posts=2, **KEEP_ALL)
    assert corpus.texts() == {"The Gate": [LINE, "Another line."]}
    assert corpus.dropped() == [("excluded.min_posts", LINE), ("excluded.tag", LINE)]


def test_switched_off_copies_stay(archive, home):
    rows = [post(LINE, at=at(1)), post(LINE, at=at(2))]
    corpus = build(archive, home, rows, duplicates={"exact": False}, **KEEP_ALL)
    assert corpus.texts() == {"The Gate": [LINE, LINE]}
    assert corpus.duplicates("copies") == []
