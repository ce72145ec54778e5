"""One part, from archive to posts: every record is kept, or refused with its place and its reason."""

import hashlib
import logging
import pathlib
import tempfile
import threading

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.corpus.parsing.part import read_parsed
from jobs.errors import JobError
from tests.corpus.archives import HEADER, Archive, csv_bytes, post, run_corpus, run_download
from tests.corpus.parsing.streams import HEADERS, broken_csv, plainly_read

ROW = b"The Gate,IC,\"['Casual', 'Fantasy']\",ann,2020-01-01T10:00:00,"


def parse(archive, home, content, **corpus):
    """Parse `content` as a part. Returns the summary, texts and refused rows (line, reason, raw)."""
    archive.add("p1", content)
    recipe = archive.recipe(**corpus)
    run_download(recipe, home)
    summary = run_corpus(recipe, home, part="p1")
    folder = staged(home)
    texts = [text for (text,) in duckdb.sql(f"SELECT text FROM '{folder}/posts.parquet' ORDER BY line").fetchall()]
    refused = duckdb.sql(f"SELECT line, reason, raw FROM '{folder}/rejects.parquet' ORDER BY line").fetchall()
    return summary, texts, refused


def staged(home):
    """The staging folder of the only part."""
    (folder,) = (path for path in (home / "corpus/small/parts").iterdir() if path.is_dir())
    return folder


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (ROW[:-1] + b"\n", "malformed.columns"),
        (b"The Gate\n", "malformed.columns"),
        (ROW + b"Well, well\n", "malformed.columns"),
        (ROW + b'"He said "no" twice"\n', "malformed.quote"),
        (ROW + b'"A 6" blade"\n', "malformed.quote"),
        (ROW + b'an open "quote\n', "malformed.quote"),
        (ROW + b"caf\xe9\n", "malformed.encoding"),
        (ROW + b"a\0b\n", "malformed.nul"),
        (ROW.replace(b"2020-01-01T10:00:00", b"3 days ago") + b"text\n", "malformed.timestamp"),
        (ROW.replace(b"2020-01-01T10:00:00", b"2020-02-30T10:00:00") + b"text\n", "malformed.timestamp"),
        (ROW.replace(b"2020-01-01T10:00:00", b"") + b"text\n", "malformed.timestamp"),
        (ROW.replace(b"\"['Casual', 'Fantasy']\"", b"Casual") + b"text\n", "malformed.tags"),
        (ROW.replace(b"\"['Casual', 'Fantasy']\"", b"[1]") + b"text\n", "malformed.tags"),
        (ROW.replace(b",IC,", b",OOC,") + b"text\n", "not_ic"),
        (ROW.replace(b",IC,", b",Char,") + b"text\n", "not_ic"),
        (ROW + b"[" * 80 + b"u]" * 80 + b"\n", "malformed.markup"),
        (ROW + b"<p>&nbsp;</p>\n", "empty"),
        (ROW + b"\n", "empty"),
    ],
)
def test_a_bad_record_costs_only_itself(archive, home, bad, reason):
    content = csv_bytes([post("before,\nover two lines"), bad, post("after")])
    summary, texts, refused = parse(archive, home, content)
    assert refused == [(4, reason, bad.rstrip(b"\n"))]
    assert texts == ["before,\nover two lines", "after"]
    assert summary == {"part": "p1", "records": 3, "kept_ic": 2, "dropped": {reason: 1}, "unchanged": False}
    assert read_parsed(staged(home)).account.model_dump() == {"records": 3, "kept": 2, "dropped": {reason: 1}}


def test_a_file_that_ends_inside_a_quote(archive, home):
    _, texts, refused = parse(archive, home, csv_bytes([post("good"), ROW + b'"And then']))
    assert texts == ["good"]
    assert [(line, reason) for line, reason, _ in refused] == [(3, "malformed.truncated")]


@given(header=st.sampled_from(HEADERS), body=broken_csv)
@settings(max_examples=25)
def test_every_record_of_any_part_is_kept_or_dropped(header, body):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        summary, texts, refused = parse(Archive(folder), folder / "home", header + body)
        files = (staged(folder / "home") / f"{name}.parquet" for name in ("posts", "rejects"))
        found = [row for path in files for row in duckdb.sql(f"SELECT byte_offset, line, raw FROM '{path}'").fetchall()]
    records = [(offset, line, raw) for offset, line, _, raw in plainly_read(header + body, len(header))]
    assert sorted(found) == records
    assert (summary["records"], summary["kept_ic"]) == (len(records), len(texts))
    assert sum(summary["dropped"].values()) == len(refused)


def test_rejects_and_posts_point_at_their_bytes(archive, home):
    rows = [post("é" * 10), ROW + b"caf\xe9\n", post("two\nlines"), post("ooc", type="OOC")]
    content = csv_bytes(rows, line_end="\r\n")
    parse(archive, home, content)
    for name in ("rejects", "posts"):
        found = duckdb.sql(f"SELECT byte_offset, raw FROM '{staged(home)}/{name}.parquet'").fetchall()
        assert len(found) == 2
        for offset, raw in found:
            assert content[offset : offset + len(raw)] == raw
            assert content[offset + len(raw) :].startswith((b"\r\n", b"\n"))


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("break_inside", ["\n", "\r\n", "\r"])
def test_line_ends_of_all_kinds_and_a_byte_order_mark(archive, home, line_end, bom, break_inside):
    rows = [post(f"one{break_inside}two"), post('she said "hi"'), post("three")]
    content = bom + csv_bytes(rows, line_end=line_end)
    _, texts, refused = parse(archive, home, content)
    assert refused == []
    assert [text.split() for text in texts] == [["one", "two"], ["she", "said", '"hi"'], ["three"]]


def test_other_columns_in_another_order(archive, home):
    header = ("message_id", *reversed(HEADER), "likes")
    rows = [("17", *reversed(post("hello, all")), "3")]
    _, texts, refused = parse(archive, home, csv_bytes(rows, header=header))
    assert (texts, refused) == (["hello, all"], [])


def test_giant_fields_titles_with_line_breaks_and_empty_lines(archive, home):
    rows = [post("a" * 3_000_000, title="Two\nlines"), b"\n\r\n", post("b")]
    summary, texts, refused = parse(archive, home, csv_bytes(rows))
    assert [len(text) for text in texts] == [3_000_000, 1]
    assert (refused, summary["records"]) == ([], 2)


def test_a_part_that_is_longer_than_a_piece(archive, home, monkeypatch):
    monkeypatch.setattr("jobs.corpus.parsing.archive.PIECE", 100_000)
    noise = [hashlib.sha256(b"%d" % n).hexdigest() * 30 for n in range(3_000)]
    rows = [post(f"<p>word {text}</p>", title=f"Thread {n % 7}") for n, text in enumerate(noise)]
    rows[1_000] = b'open,"quote\n'
    summary, texts, refused = parse(archive, home, csv_bytes(rows))
    assert (summary["records"], len(texts), summary["dropped"]) == (3_000, 2_999, {"malformed.quote": 1})
    assert refused == [(1_002, "malformed.quote", b'open,"quote')]
    assert texts[-1] == f"word {noise[-1]}"


@pytest.mark.parametrize("content", [csv_bytes([]), csv_bytes([]).rstrip(b"\n")])
def test_a_header_alone_is_a_part_without_records(archive, home, content):
    summary, texts, _ = parse(archive, home, content)
    assert (summary["records"], texts) == (0, [])


def test_an_empty_file_is_an_error_with_its_name(archive, home):
    with pytest.raises(JobError, match=r"p1\.7z: is empty; expected a header with thread_title, thread_type"):
        parse(archive, home, b"")
    assert not list((home / "corpus").rglob("*.parquet"))


@pytest.mark.parametrize("where", [0.1, 0.5, 0.9])
def test_a_damaged_archive_leaves_nothing_under_its_name(archive, home, where, monkeypatch):
    monkeypatch.setattr("jobs.corpus.parsing.archive.PIECE", 1_000)
    rows = [post(hashlib.sha256(b"%d" % n).hexdigest()) for n in range(3_000)]
    path = archive.add("p1", csv_bytes(rows))
    content = bytearray(path.read_bytes())
    place = int(where * len(content))
    content[place : place + 10] = bytes(byte ^ 0xFF for byte in content[place : place + 10])
    path.write_bytes(content)
    recipe = archive.recipe()
    run_download(recipe, home)
    with pytest.raises(JobError, match=r"p1\.7z: damaged archive"):
        run_corpus(recipe, home, part="p1")
    assert [path for path in (home / "corpus").rglob("*") if path.suffix != ".lock" and path.is_file()] == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("unpack")]


def test_a_file_that_is_no_archive_of_posts_ends_the_unpacking_too(archive, home, monkeypatch):
    monkeypatch.setattr("jobs.corpus.parsing.archive.PIECE", 1_000)
    with pytest.raises(JobError, match="wrong columns"):
        parse(archive, home, b"a,b,c\n" + b"1,2,3\n" * 500_000)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("unpack")]


def test_a_part_above_the_limit_of_the_recipe_is_refused(archive, home):
    content = csv_bytes([post("word " * 100_000)])
    archive.add("p1", content)
    recipe = archive.recipe()
    section = recipe.corpus.archive.model_copy(update={"max_part_gib": 0.0001})
    recipe = recipe.model_copy(update={"corpus": recipe.corpus.model_copy(update={"archive": section})})
    run_download(recipe, home)
    with pytest.raises(JobError, match=r"raise corpus\.archive\.max_part_gib if the part is right"):
        run_corpus(recipe, home, part="p1")


def test_what_was_parsed_is_not_parsed_again_unless_the_rules_change(archive, home):
    assert parse(archive, home, csv_bytes([post("one 😅")]))[0]["unchanged"] is False
    assert run_corpus(archive.recipe(), home, part="p1")["unchanged"] is True
    assert run_corpus(archive.recipe(min_posts=7), home, part="p1")["unchanged"] is True
    assert run_corpus(archive.recipe(clean={"emoji": "keep"}), home, part="p1")["unchanged"] is False


def test_it_says_what_the_rules_did(archive, home):
    parse(archive, home, csv_bytes([post("<p>one 😅</p>"), post("two 😅"), post("<p>ooc</p>", type="OOC")]))
    work = read_parsed(staged(home)).cleaning
    assert {name: rule.posts for name, rule in work.items() if rule.posts} == {"html": 1, "emoji": 2}
    assert [sample.after for sample in work["emoji"].samples] == ["one", "two"]


def test_no_text_reaches_the_log(archive, home, caplog):
    with caplog.at_level(logging.DEBUG):
        parse(archive, home, csv_bytes([post("a secret word"), ROW + b'a "secret word\n']))
    assert caplog.text
    assert "secret" not in caplog.text
