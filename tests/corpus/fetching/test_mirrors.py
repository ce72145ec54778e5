"""Job `download` when the base does not give a part: mirrors are asked in turn, and never mixed."""

import contextlib
import hashlib
import socket

import pytest

from jobs.corpus.fetching import attempts
from jobs.errors import JobError
from tests.corpus.fetching.downloads import arrived, fetch, pack, raw, recipe
from tests.corpus.fetching.http_server import serving


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    """Four attempts as always, but no waiting between them."""
    monkeypatch.setattr(attempts, "BACKOFF_S", (0, 0, 0))


@pytest.fixture
def base(tmp_path):
    (tmp_path / "base").mkdir()
    with serving(tmp_path / "base") as server:
        yield server


@pytest.fixture
def mirror(tmp_path):
    (tmp_path / "mirror").mkdir()
    with serving(tmp_path / "mirror") as server:
        yield server


@contextlib.contextmanager
def dead_address():
    """The address of a server that does not answer."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}"


def test_the_base_is_asked_first_and_the_mirror_not_at_all(base, mirror, home):
    pack(base.folder)
    pack(mirror.folder, seed="m")
    fetch(recipe(base.url, mirror.url), home)
    assert arrived(home) == (base.folder / "uuub3g.7z").read_bytes()
    assert mirror.requests == []


@pytest.mark.parametrize("content", [None, b"<html><title>Soon</title></html>", b"7z\xbc\xaf\x27\x1c and nothing else"])
def test_a_mirror_gives_what_the_base_has_lost(base, mirror, home, content, caplog):
    if content:
        (base.folder / "uuub3g.7z").write_bytes(content)
    part = pack(mirror.folder)
    fetch(recipe(base.url, mirror.url), home)
    assert arrived(home) == part.read_bytes()
    assert f"from the mirror {mirror.url}/uuub3g.7z; no sha256 in the recipe proves that it is right" in caplog.text


def test_a_mirror_stands_in_for_a_base_that_is_down(mirror, home):
    part = pack(mirror.folder)
    with dead_address() as base:
        fetch(recipe(base, mirror.url), home)
    assert arrived(home) == part.read_bytes()
    assert raw(home) == ["uuub3g.7z", "uuub3g.7z.json"]


def test_a_folder_can_be_a_mirror(base, home, tmp_path):
    part = pack(tmp_path / "copy")
    fetch(recipe(base.url, tmp_path / "copy"), home)
    assert arrived(home) == part.read_bytes()


def test_the_sha256_in_the_recipe_decides(base, mirror, home, caplog):
    pack(base.folder, seed="x")
    part = pack(mirror.folder)
    fetch(recipe(base.url, mirror.url, sha256=hashlib.sha256(part.read_bytes()).hexdigest()), home)
    assert arrived(home) == part.read_bytes()
    assert "its sha256 is the recipe's" in caplog.text


def test_when_no_source_gives_it_each_is_named_with_its_reason(base, mirror, home):
    (mirror.folder / "uuub3g.7z").write_bytes(b"PK\x03\x04")
    with dead_address() as dead, pytest.raises(JobError) as failure:
        fetch(recipe(base.url, mirror.url, dead), home)
    message = str(failure.value)
    assert message.startswith("none of 3 sources gives part uuub3g: ")
    assert f"{base.url}/uuub3g.7z: answered 404" in message
    assert f"{mirror.url}/uuub3g.7z: expected a 7z archive, found a zip archive" in message
    assert f"{dead}/uuub3g.7z: no luck after 4 attempts" in message
    assert "\n" not in message


def test_bytes_of_two_sources_are_never_mixed(base, mirror, home):
    pack(base.folder)
    other = pack(mirror.folder, seed="m")
    base.cuts = [40_000, 0, 0, 0, 0]
    fetch(recipe(base.url, mirror.url), home)
    assert [request.get("Range") for request in mirror.requests] == [None]
    assert arrived(home) == other.read_bytes()


def test_the_source_that_has_begun_is_asked_first_the_next_time(base, mirror, home):
    part = pack(mirror.folder)
    mirror.cuts = [40_000, 0, 0, 0, 0]
    with pytest.raises(JobError, match="none of 2 sources"):
        fetch(recipe(base.url, mirror.url), home)
    pack(base.folder, seed="b")
    fetch(recipe(base.url, mirror.url), home)
    assert mirror.requests[-1]["Range"] == "bytes=40000-"
    assert len(base.requests) == 1, "the base is back, but it was asked in the first run only"
    assert arrived(home) == part.read_bytes()


def test_a_copy_from_a_mirror_is_not_fetched_again(base, mirror, home):
    pack(mirror.folder)
    fetch(recipe(base.url, mirror.url), home)
    assert fetch(recipe(base.url, mirror.url), home)["unchanged"] is True
    assert "If-None-Match" in mirror.requests[-1]


def test_a_full_disk_is_not_the_source_s_fault(base, mirror, home):
    pack(base.folder)
    pack(mirror.folder)
    (home / "raw/small").mkdir(parents=True)
    (home / "raw/small/uuub3g.7z.partial").symlink_to("/dev/full")
    with pytest.raises(JobError, match="the disk is full"):
        fetch(recipe(base.url, mirror.url), home)
    assert mirror.requests == []
