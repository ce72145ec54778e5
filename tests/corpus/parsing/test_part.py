"""One part, from CSV to posts: every record is kept, or refused with its place and its reason."""

import duckdb
import pytest

from jobs.errors import JobError
from tests.corpus.archives import HEADER, csv_bytes, post, run_corpus, run_download

ROW = b"The Gate,IC,\"['Casual', 'Fantasy']\",ann,2020-01-01T10:00:00,"


def parse(archive, home, content):
    """Parse `content` as a part. Returns the summary, texts and refused rows (line, reason, raw)."""
    archive.add("p1", content)
    recipe = archive.recipe()
    run_download(recipe, home)
    summary = run_corpus(recipe, home, part="p1")
    (folder,) = (path for path in (home / "corpus/small/parts").iterdir() if path.is_dir())
    texts = [text for (text,) in duckdb.sql(f"SELECT text FROM '{folder}/posts.parquet' ORDER BY line").fetchall()]
    refused = duckdb.sql(f"SELECT line, reason, raw FROM '{folder}/rejects.parquet' ORDER BY line").fetchall()
    return summary, texts, refused


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
        (ROW.replace(b"\"['Casual', 'Fantasy']\"", b"Casual") + b"text\n", "malformed.tags"),
        (ROW.replace(b",IC,", b",OOC,") + b"text\n", "not_ic"),
        (ROW.replace(b",IC,", b",Char,") + b"text\n", "not_ic"),
        (ROW + b"<p>&nbsp;</p>\n", "empty"),
        (ROW + b"\n", "empty"),
    ],
)
def test_a_bad_record_costs_only_itself(archive, home, bad, reason):
    content = csv_bytes([post("before,\nover two lines"), bad, post("after")])
    summary, texts, refused = parse(archive, home, content)
    raw = bad.rstrip(b"\n").decode("utf-8", "backslashreplace")
    assert refused == [(4, reason, raw)]
    assert texts == ["before,\nover two lines", "after"]
    assert summary == {"part": "p1", "records": 3, "kept_ic": 2, "dropped": {reason: 1}, "unchanged": False}


def test_a_file_that_ends_inside_a_quote(archive, home):
    _, texts, refused = parse(archive, home, csv_bytes([post("good"), ROW + b'"And then']))
    assert texts == ["good"]
    assert [(line, reason) for line, reason, _ in refused] == [(3, "malformed.truncated")]


def test_rejects_point_at_their_bytes(archive, home):
    content = csv_bytes([post("é" * 10), ROW + b"caf\xe9\n", post("x"), post("ooc", type="OOC")])
    parse(archive, home, content)
    (path,) = home.glob("corpus/small/parts/*/rejects.parquet")
    for offset, raw in duckdb.sql(f"SELECT byte_offset, raw FROM '{path}'").fetchall():
        line = content[offset:].split(b"\n")[0]
        assert line.decode("utf-8", "backslashreplace") == raw


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


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty; expected a header with thread_title"),
        (b"a,b,c\n1,2,3\n", r"wrong columns: thread_title, .* missing or there twice; line 1 holds 'a,b,c'"),
        (csv_bytes([], header=(*HEADER, "message")), "wrong columns: message missing or there twice"),
        (b'"thread_title,thread_type\n', "line 1 is no CSV header"),
    ],
)
def test_a_csv_with_another_schema(archive, home, content, complaint):
    with pytest.raises(JobError, match=complaint):
        parse(archive, home, content)


def test_a_header_alone_is_a_part_without_records(archive, home):
    summary, texts, _ = parse(archive, home, csv_bytes([]))
    assert (summary["records"], texts) == (0, [])
