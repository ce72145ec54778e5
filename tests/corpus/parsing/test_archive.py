"""Archives that nobody vouches for, read as a stream: one clear error, and no thread left behind."""

import binascii
import hashlib
import io
import struct
import threading

import py7zr
import pytest
from py7zr.archiveinfo import write_uint64

from jobs.corpus.parsing import archive as reading
from jobs.corpus.parsing.archive import stream_csv
from jobs.errors import JobError

NOISE = b"".join(hashlib.sha256(b"%d" % n).hexdigest().encode() for n in range(5_000))
CONTENT = b"title,text\n" + NOISE
LONG = CONTENT * 30
"""Long enough to be unpacked in several steps."""
GIB = 1 << 30


@pytest.fixture
def path(tmp_path):
    return tmp_path / "part.7z"


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def pack(path, *members, **options):
    with py7zr.SevenZipFile(path, "w", **options) as archive:
        for name, content in members:
            archive.writestr(content, name)


def read(path, max_bytes=GIB):
    return b"".join(stream_csv(path, max_bytes))


def test_the_csv_comes_out_whatever_lies_beside_it(path):
    pack(path, ("part/readme.txt", b"hello"), ("part/part1.CSV", CONTENT), ("part/z.json", b"{}"))
    assert read(path) == CONTENT
    assert list(path.parent.iterdir()) == [path]


def test_it_comes_in_pieces(path, monkeypatch):
    monkeypatch.setattr(reading, "PIECE", 20_000)
    pack(path, ("a/1.csv", LONG), filters=[{"id": py7zr.FILTER_COPY}])
    pieces = list(stream_csv(path, GIB))
    assert b"".join(pieces) == LONG
    assert len(pieces) > 5


def test_an_empty_csv_is_no_bytes(path):
    pack(path, ("a/1.csv", b""))
    assert read(path) == b""


@pytest.mark.parametrize("pieces", [0, 1, 3])
def test_who_stops_reading_stops_the_unpacking(path, monkeypatch, pieces):
    monkeypatch.setattr(reading, "PIECE", 1_000)
    pack(path, ("a/1.csv", LONG), filters=[{"id": py7zr.FILTER_COPY}])
    stream = stream_csv(path, GIB)
    for _ in range(pieces):
        assert next(stream)
    stream.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "unpack part.7z"]


@pytest.mark.parametrize("members", [[("a/readme.txt", b"x")], [("a/1.csv", b"x"), ("a/2.csv", b"y")], []])
def test_there_has_to_be_exactly_one_csv(path, members):
    pack(path, *members)
    with pytest.raises(JobError, match=r"part\.7z: expected one CSV, found (none|a/1\.csv, a/2\.csv)"):
        read(path)


@pytest.mark.parametrize("name", ["../evil.csv", "/etc/evil.csv", "a/../../evil.csv", "C:\\evil.csv", "..\\evil.csv"])
@pytest.mark.parametrize("beside", [[], [("a/1.csv", CONTENT)]])
def test_a_path_that_leaves_its_folder_is_refused(path, name, beside, monkeypatch):
    monkeypatch.setattr("py7zr.py7zr.check_archive_path", lambda _: True)  # py7zr would not write such an archive
    pack(path, *beside, (name, CONTENT))
    with pytest.raises(JobError, match="a path that leaves its folder; not unpacked"):
        read(path)


def test_a_link_is_refused(path):
    link = path.with_name("link.csv")
    link.symlink_to("/etc/hostname")
    with py7zr.SevenZipFile(path, "w") as archive:
        archive.write(link, "part/part1.csv")
    with pytest.raises(JobError, match=r"'part/part1\.csv', which is a link; not unpacked"):
        read(path)


def test_an_archive_that_says_it_unpacks_to_too_much_is_refused(path):
    pack(path, ("a/1.csv", bytes(10 << 20)))
    assert path.stat().st_size < 20_000
    with pytest.raises(JobError, match=r"unpacks to more than 0.00\d+ GiB; raise corpus.archive.max_part_gib"):
        read(path, max_bytes=1 << 20)
    assert len(read(path, max_bytes=10 << 20)) == 10 << 20


@pytest.mark.parametrize("filters", [[{"id": py7zr.FILTER_COPY}], [{"id": py7zr.FILTER_LZMA2, "preset": 1}]])
def test_an_archive_that_hides_what_it_unpacks_to_gives_no_more_than_it_says(path, filters, monkeypatch):
    monkeypatch.setattr(reading, "PIECE", 1_000)
    with py7zr.SevenZipFile(path, "w", filters=filters) as archive:
        archive.set_encoded_header_mode(False)
        archive.writestr(bytes(3_000_000), "a/1.csv")
    _replace_in_header(path, size_before=3_000_000, size_after=2_000)
    got = []
    with pytest.raises(JobError, match=r"part\.7z: (damaged archive|unpacks to more)"):
        got.extend(stream_csv(path, 1 << 20))
    assert sum(map(len, got)) <= 1 << 20


def _replace_in_header(path, size_before, size_after):
    """Make the archive's plain header lie about the size of its member."""
    content = path.read_bytes()
    begin, size = struct.unpack("<QQ", content[12:28])
    header = content[32 + begin : 32 + begin + size]
    written = []
    for number in (size_before, size_after):
        buffer = io.BytesIO()
        write_uint64(buffer, number)
        written.append(buffer.getvalue())
    assert written[0] in header
    header = header.replace(*written)
    start = struct.pack("<QQL", begin, len(header), binascii.crc32(header))
    crc = struct.pack("<L", binascii.crc32(start))
    path.write_bytes(content[:8] + crc + start + content[32 : 32 + begin] + header)


@pytest.mark.parametrize("header", [False, True])
def test_an_encrypted_archive_is_named_as_such(path, header):
    pack(path, ("a/1.csv", CONTENT), password="secret", header_encryption=header)
    with pytest.raises(JobError, match=r"part\.7z: is encrypted; expected an archive without password"):
        read(path)


@pytest.mark.parametrize("where", [0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.995, 1.0])
@pytest.mark.parametrize("filters", [None, [{"id": py7zr.FILTER_COPY}]])
def test_damage_anywhere_is_one_clear_error(path, where, filters, monkeypatch):
    monkeypatch.setattr(reading, "PIECE", 1_000)  # so that it shows after many good pieces
    pack(path, ("a/1.csv", CONTENT), filters=filters)
    good = bytearray(path.read_bytes())
    place = int(where * (len(good) - 10))
    good[place : place + 10] = bytes(byte ^ 0xFF for byte in good[place : place + 10])
    path.write_bytes(good)
    with pytest.raises(JobError, match=r"part\.7z: (damaged archive|is encrypted|expected one CSV)"):
        read(path)


@pytest.mark.parametrize("size", [0, 5, 31, 33, 5_000, -100, -1])
def test_a_truncated_archive_is_one_clear_error(path, size):
    pack(path, ("a/1.csv", CONTENT))
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(JobError, match=r"part\.7z: damaged archive"):
        read(path)


def test_what_is_no_archive_at_all(path):
    path.write_bytes(b"<html>not found</html>" * 100)
    with pytest.raises(JobError, match=r"part\.7z: damaged archive"):
        read(path)
