"""Archives that nobody vouches for."""

import py7zr
import pytest

from jobs.corpus.extract import extract_csv
from jobs.errors import JobError

CONTENT = b"".join(b"row %d, %d\n" % (n, n * n) for n in range(5_000))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "part.7z"


def pack(path, *members):
    with py7zr.SevenZipFile(path, "w") as archive:
        for name, content in members:
            archive.writestr(content, name)


def extract(path, max_bytes=1 << 30):
    extract_csv(path, path.with_name("out.csv"), max_bytes)
    return path.with_name("out.csv").read_bytes()


def test_the_csv_comes_out_whatever_lies_beside_it(path):
    pack(path, ("part/readme.txt", b"hello"), ("part/part1.csv", CONTENT))
    assert extract(path) == CONTENT
    assert sorted(p.name for p in path.parent.iterdir()) == ["out.csv", "part.7z"]


@pytest.mark.parametrize("members", [[("a/readme.txt", b"x")], [("a/1.csv", b"x"), ("a/2.csv", b"y")]])
def test_there_has_to_be_exactly_one_csv(path, members):
    pack(path, *members)
    with pytest.raises(JobError, match="expected one CSV, found"):
        extract(path)


@pytest.mark.parametrize("name", ["../evil.csv", "/etc/evil.csv", "a/../../evil.csv", "C:\\evil.csv", "..\\evil.csv"])
def test_a_path_that_leaves_its_folder_is_refused(path, name, monkeypatch):
    monkeypatch.setattr("py7zr.py7zr.check_archive_path", lambda _: True)  # py7zr would not write such an archive
    pack(path, (name, CONTENT))
    with pytest.raises(JobError, match="a path that leaves its folder; not unpacked"):
        extract(path)


def test_a_link_is_refused(path):
    link = path.with_name("link.csv")
    link.symlink_to("/etc/hostname")
    with py7zr.SevenZipFile(path, "w") as archive:
        archive.write(link, "part/part1.csv")
    with pytest.raises(JobError, match=r"'part/part1\.csv', which is a link; not unpacked"):
        extract(path)


def test_an_archive_that_unpacks_to_too_much_is_refused(path):
    pack(path, ("a/1.csv", bytes(10 << 20)))
    with pytest.raises(JobError, match=r"unpacks to more than 0.00\d+ GiB; raise corpus.archive.max_part_gib"):
        extract(path, max_bytes=1 << 20)


def test_an_encrypted_archive_is_named_as_such(path):
    with py7zr.SevenZipFile(path, "w", password="secret") as archive:
        archive.writestr(CONTENT, "a/1.csv")
    with pytest.raises(JobError, match="is encrypted"):
        extract(path)


@pytest.mark.parametrize("where", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_damage_anywhere_is_one_clear_error(path, where):
    pack(path, ("a/1.csv", CONTENT))
    good = bytearray(path.read_bytes())
    place = 6 + int(where * (len(good) - 16))
    good[place : place + 10] = b"\xff" * 10
    path.write_bytes(good)
    with pytest.raises(JobError, match=r"part.7z: (damaged archive|is encrypted|expected one CSV)"):
        extract(path)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_a_truncated_archive_is_one_clear_error(path, share):
    pack(path, ("a/1.csv", CONTENT))
    good = path.read_bytes()
    path.write_bytes(good[: int(len(good) * share)])
    with pytest.raises(JobError, match="damaged archive"):
        extract(path)
