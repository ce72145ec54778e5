"""Finding records in broken CSV: nothing is lost, nothing counted twice, however the stream is cut."""

import csv
import io
import itertools
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.corpus.parsing import scan
from jobs.corpus.parsing.read import Reader
from jobs.corpus.parsing.scan import COLUMNS, SOUND, blocks
from jobs.errors import JobError
from tests.corpus.archives import HEADER, csv_bytes, post
from tests.corpus.parsing.streams import HEADERS, broken_csv, cuts, pieces_of, plainly_read, scanned


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def values(reader, pieces):
    """The rows that are read, as tuples of COLUMNS."""
    tables = [reader.rows(block).select(COLUMNS) for block in blocks(pieces, "part.csv")]
    return [tuple(row.values()) for table in tables for row in table.to_pylist()]


@given(header=st.sampled_from(HEADERS), body=broken_csv, cuts=cuts)
@example(header=HEADERS[0], body=b'a,"\r\n\r', cuts=[])
@example(header=HEADERS[1], body=b',,,,,"\r\n"\r\n', cuts=[70, 71, 72, 73, 74, 75, 76, 77])
def test_records_are_those_of_a_plain_reading_however_the_stream_is_cut(header, body, cuts):
    data = header + body
    assert scanned(pieces_of(data, cuts)) == plainly_read(data, len(header))


@given(header=st.sampled_from(HEADERS), body=broken_csv, cuts=cuts)
def test_records_cover_the_file_but_for_empty_lines(header, body, cuts):
    data, position = header + body, len(header)
    for byte_offset, line, _, raw in scanned(pieces_of(data, cuts)):
        assert re.fullmatch(rb"(?:\r?\n)*", data[position:byte_offset])
        assert data.startswith(raw, byte_offset)
        assert line == 1 + data.count(b"\n", 0, byte_offset)
        position = byte_offset + len(raw)
    assert re.fullmatch(rb"(?:\r?\n)*\r?", data[position:])


@given(body=broken_csv, cuts=cuts)
def test_every_record_is_read_or_has_a_reason(reader, body, cuts):
    data = HEADERS[0] + body
    for block in blocks(pieces_of(data, cuts), "part.csv"):
        rows = reader.rows(block)
        assert rows["record"].to_pylist() == [i for i, verdict in enumerate(block.verdict) if verdict == SOUND]
        assert {int(verdict) for verdict in block.verdict} <= {SOUND, *scan.REASONS}


@given(body=broken_csv, cuts=cuts)
@example(body=b"\xef\xbb\xbf,,,,,", cuts=[])
@example(body=b",,,,,\n\r\n,,,,,", cuts=[])
def test_the_values_of_sound_records_are_those_that_csv_reads(reader, body, cuts):
    data = HEADERS[0] + body
    expected = []
    for _, _, reason, raw in plainly_read(data, len(HEADERS[0])):
        if reason is None:  # csv takes a lone carriage return for a line end, we for a character
            (row,) = csv.reader(io.StringIO(raw.decode().replace("\r", "\ue00d"), newline=""), strict=True)
            expected.append(tuple(value.replace("\ue00d", "\r") for value in row))
    assert values(reader, pieces_of(data, cuts)) == expected


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0")) | st.text(st.sampled_from('",\r\n aé'))


@given(
    rows=st.lists(st.tuples(*[texts] * 6), max_size=6),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    cuts=cuts,
)
def test_what_csv_writes_is_read_back(reader, rows, line_end, quoting, cuts):
    content = io.StringIO(newline="")
    writer = csv.writer(content, lineterminator=line_end, quoting=quoting)
    if line_end == "\n" and quoting == csv.QUOTE_MINIMAL:  # csv leaves "\r" bare, and the last one is part of "\r\n"
        rows = [(*row[:5], row[5].rstrip("\r")) for row in rows]
    writer.writerows([HEADER, *rows])
    assert values(reader, pieces_of(content.getvalue().encode(), cuts)) == rows


lines = broken_csv.map(lambda data: data.replace(b"\n", b"") + b"\n")
good_rows = st.builds(post, texts.map(lambda text: text.rstrip("\r")), author=st.just("bob"))


@given(rows=st.lists(lines | good_rows, max_size=12), cuts=cuts)
@example(rows=[post("before", author="bob"), b'The Gate,"IC\n', post("after", author="bob")], cuts=[])
@example(rows=[b'"a,b,c,d,e,"f\n', post("after", author="bob"), b'"\n', post("last", author="bob")], cuts=[])
def test_the_neighbours_of_a_broken_row_survive(reader, rows, cuts):
    read = values(reader, pieces_of(csv_bytes(rows), cuts))
    assert [row for row in read if row[3] == "bob"] == [row for row in rows if not isinstance(row, bytes)]


def test_a_field_above_the_limit_of_the_csv_module(reader):
    long = "word, " * 50_000
    assert len(long) > csv.field_size_limit()
    data = csv_bytes([post("short"), post(long), post("short")])
    assert [row[5] for row in values(reader, pieces_of(data, [100_000, 250_000]))] == ["short", long, "short"]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_bytes_and_lines_are_those_of_the_file(line_end, bom):
    header = ("\n".join(("likes", "given")), *HEADER)
    data = bom + csv_bytes([("1", *post("a\nb")), ("2", *post("c"))], header=header, line_end=line_end)
    first, second = scanned([data])
    assert (first.line, second.line) == (3, 5)
    assert data[first.byte_offset :].startswith(b"1,The Gate,")
    assert data[second.byte_offset :].startswith(b"2,The Gate,")


@pytest.mark.parametrize("header", list(itertools.islice(itertools.permutations(HEADER), 0, 720, 97)))
def test_columns_in_any_order_with_others_beside_them(reader, header):
    data = csv_bytes([("x", *header, "y, z")], header=("id", *header, "likes"))
    assert values(reader, [data]) == [HEADER]


@pytest.mark.parametrize("missing", HEADER)
def test_a_missing_column_is_named(missing):
    data = csv_bytes([], header=[name for name in HEADER if name != missing])
    with pytest.raises(JobError, match=rf"part\.csv: wrong columns: {missing} missing or there twice; line 1 holds"):
        list(blocks([data], "part.csv"))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty; expected a header with thread_title"),
        (b"\xef\xbb\xbf", "wrong columns"),
        (b"\n", "wrong columns"),
        (b"a,b,c\n1,2,3\n", r"wrong columns: thread_title, .* missing or there twice; line 1 holds 'a,b,c'"),
        (csv_bytes([], header=(*HEADER, "message")), "wrong columns: message missing or there twice"),
        (b'"thread_title,thread_type\n', "line 1 is no CSV header"),
        (b'thread_"title"\n', "line 1 is no CSV header"),
    ],
)
def test_a_csv_with_another_schema(content, complaint):
    for pieces in ([content][: len(content)], [bytes([byte]) for byte in content]):
        with pytest.raises(JobError, match=rf"part\.csv: {complaint}"):
            list(blocks(pieces, "part.csv"))


@pytest.mark.parametrize("content", [csv_bytes([]), csv_bytes([]).rstrip(b"\n"), csv_bytes([b"\r\n\n"])])
def test_a_header_alone_is_a_part_without_records(content):
    assert scanned([content]) == []


def test_a_record_without_end_is_an_error_and_no_flood(monkeypatch):
    monkeypatch.setattr(scan, "MAX_RECORD", 1_000)
    data = csv_bytes([post("a")]) + b'b,"' + b"word " * 1_000
    start = data.index(b'b,"')
    pieces = [data[n : n + 100] for n in range(0, len(data), 100)]
    with pytest.raises(JobError, match=rf"part\.csv: no end of a record within 1,000 bytes from byte {start} on"):
        list(blocks(pieces, "part.csv"))


def test_a_header_without_end_is_an_error(monkeypatch):
    monkeypatch.setattr(scan, "MAX_RECORD", 1_000)
    with pytest.raises(JobError, match=r"part\.csv: line 1 is no CSV header"):
        list(blocks([b'"' + b"word " * 100] * 30, "part.csv"))
