"""Job `download` for split archives: what arrives is one whole archive, also after a kill in the middle."""

import hashlib
import json

import py7zr
import pytest

from jobs.corpus.fetching import attempts
from jobs.errors import JobError
from tests.corpus.fetching.downloads import arrived, fetch, pack, raw, recipe, split, start, wait_for
from tests.corpus.fetching.http_server import serving

SIZES = (40_000, 30_000)
FILES = ("uuub3g.7z.001",)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    """Four attempts as always, but no waiting between them."""
    monkeypatch.setattr(attempts, "BACKOFF_S", (0, 0, 0))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "volumes"


@pytest.fixture
def whole(folder):
    """An archive, of which `folder` has three volumes."""
    path = pack(folder)
    content = path.read_bytes()
    split(path, *SIZES)
    return content


@pytest.fixture
def server(folder, whole):
    with serving(folder) as running:
        yield running


@pytest.mark.parametrize("place", [lambda server: server.url, lambda server: server.folder.as_uri()])
def test_the_volumes_become_one_archive(server, whole, home, place):
    summary = fetch(recipe(place(server), files=FILES), home)
    assert summary == {"parts": ["uuub3g"], "bytes": len(whole), "unchanged": False}
    assert raw(home) == ["uuub3g.7z", "uuub3g.7z.json"]
    assert arrived(home) == whole
    with py7zr.SevenZipFile(home / "raw/small/uuub3g.7z") as archive:
        assert archive.testzip() is None
    sidecar = json.loads((home / "raw/small/uuub3g.7z.json").read_text())
    assert sidecar["sha256"] == hashlib.sha256(whole).hexdigest()
    assert [volume["size"] for volume in sidecar["volumes"]] == [*SIZES, len(whole) - sum(SIZES)]


@pytest.mark.parametrize("place", [lambda server: server.url, lambda server: server.folder])
def test_unchanged_volumes_are_not_fetched_again_and_changed_ones_are(server, whole, home, place):
    chosen = recipe(place(server), files=FILES)
    fetch(chosen, home)
    assert fetch(chosen, home)["unchanged"] is True
    assert all("If-None-Match" in request for request in server.requests[3:])
    third = server.folder / "uuub3g.7z.003"
    changed = bytearray(third.read_bytes())
    changed[100] ^= 1
    third.write_bytes(changed)
    assert fetch(chosen, home)["unchanged"] is False
    assert arrived(home) == whole[: sum(SIZES)] + changed


@pytest.mark.parametrize("over_http", [True, False])
def test_a_missing_volume_is_named_with_what_is_missing(server, whole, home, over_http):
    third = server.folder / "uuub3g.7z.003"
    content = third.read_bytes()
    third.unlink()
    chosen = recipe(server.url if over_http else server.folder, files=FILES)
    with pytest.raises(JobError, match=r"uuub3g\.7z\.003: .*; without volume 3, ([\d,]+) of ([\d,]+) bytes") as failure:
        fetch(chosen, home)
    assert f"{len(content):,} of {len(whole):,} bytes" in str(failure.value)
    before = len(server.requests)
    third.write_bytes(content)
    fetch(chosen, home)
    assert arrived(home) == whole
    assert all("If-None-Match" in request for request in server.requests[before:-1]), "the first two were kept"


def test_a_page_in_place_of_a_volume_costs_no_other_volume(server, whole, home):
    third = server.folder / "uuub3g.7z.003"
    content = third.read_bytes()
    third.write_text("<!DOCTYPE html><html>File not found</html>")
    with pytest.raises(JobError, match=r"uuub3g\.7z\.003: expected a volume, found an HTML page; without volume 3"):
        fetch(recipe(server.url, files=FILES), home)
    third.write_bytes(content)
    before = len(server.requests)
    fetch(recipe(server.url, files=FILES), home)
    assert arrived(home) == whole
    assert all("If-None-Match" in request for request in server.requests[before:-1])


def test_volumes_of_no_7z_archive(server, home):
    (server.folder / "uuub3g.7z.001").write_bytes(b"Rar!" + bytes(100))
    with pytest.raises(JobError, match=r"uuub3g\.7z\.001: expected a 7z archive, found a RAR archive"):
        fetch(recipe(server.url, files=FILES), home)
    assert server.paths() == ["uuub3g.7z.001"]


def test_volumes_in_the_wrong_order_are_refused(server, home):
    second, third = (server.folder / f"uuub3g.7z.00{number}" for number in (2, 3))
    swapped = third.read_bytes(), second.read_bytes()
    second.write_bytes(swapped[0])
    third.write_bytes(swapped[1])
    with pytest.raises(JobError, match="damaged: its end header does not match its checksum"):
        fetch(recipe(server.url, files=FILES), home)
    assert raw(home) == []


def test_the_sha256_in_the_recipe_is_that_of_the_whole(server, whole, home):
    fetch(recipe(server.url, files=FILES, sha256=hashlib.sha256(whole).hexdigest()), home)
    with pytest.raises(JobError, match=f"the recipe expects {'0' * 64} for part uuub3g"):
        fetch(recipe(server.url, files=FILES, sha256="0" * 64), home)
    assert arrived(home) == whole


def test_a_cut_volume_is_resumed_in_its_own_bytes(server, whole, home):
    server.cuts = [100_000, 20_000]
    fetch(recipe(server.url, files=FILES), home)
    assert arrived(home) == whole
    asked = [(request["path"][-3:], request.get("Range")) for request in server.requests]
    assert asked == [("001", None), ("002", None), ("002", "bytes=20000-"), ("003", None)]


def test_a_server_that_hides_where_a_volume_ends_is_refused(server, home):
    server.says_length = False
    with pytest.raises(JobError, match=r"\.001: the server does not say how long the file is"):
        fetch(recipe(server.url, files=FILES), home)


def test_a_mirror_begins_with_its_own_first_volume(server, whole, home, tmp_path):
    path = pack(tmp_path / "mirror", seed="m")
    other = path.read_bytes()
    split(path, 50_000)
    (server.folder / "uuub3g.7z.002").unlink()
    fetch(recipe(server.url, path.parent, files=FILES), home)
    assert arrived(home) == other


def kill_at(server, home, volume, after):
    """Run the job until `after` bytes of `volume` are here, then kill it; what it left behind in raw/, in bytes."""
    name = f"uuub3g.7z.{volume:03}"
    server.stalls = {name: after}
    running = start(recipe(server.url, files=FILES), home)
    wait_for(running, sum(SIZES[: volume - 1]) + after, home / "raw/small/uuub3g.7z.partial")
    running.kill()
    running.communicate()
    server.stalls = {}
    return sum(path.stat().st_size for path in (home / "raw/small").glob("*.7z*") if path.suffix != ".json")


def test_killed_in_a_volume_the_next_run_fetches_only_the_rest(server, whole, home):
    on_disk = kill_at(server, home, volume=2, after=20_000)
    assert on_disk == 40_000 + 20_000, "no byte lies there twice"
    killed = len(server.requests)
    fetch(recipe(server.url, files=FILES), home)
    assert arrived(home) == whole
    assert raw(home) == ["uuub3g.7z", "uuub3g.7z.json"]
    first, second, third = server.requests[killed:]
    assert (first["path"][-3:], "If-None-Match" in first) == ("001", True)
    assert (second["path"][-3:], second["Range"]) == ("002", "bytes=20000-")
    assert (third["path"][-3:], third.get("Range")) == ("003", None)


def test_killed_and_uploaded_anew_in_between_nothing_is_mixed(server, whole, home):
    kill_at(server, home, volume=3, after=10)
    path = pack(server.folder, seed="n")
    changed = path.read_bytes()
    split(path, *SIZES)
    fetch(recipe(server.url, files=FILES), home)
    assert arrived(home) == changed


def test_killed_between_the_last_byte_of_a_volume_and_the_journal(server, whole, home):
    kill_at(server, home, volume=2, after=20_000)
    (home / "raw/small/uuub3g.7z.partial").write_bytes(whole[: sum(SIZES)])
    killed = len(server.requests)
    fetch(recipe(server.url, files=FILES), home)
    assert arrived(home) == whole
    asked = [(request["path"][-3:], request.get("Range")) for request in server.requests[killed:]]
    assert asked == [("001", None), ("002", "bytes=30000-"), ("003", None)], "the second answer was: no more of it"
