"""Job `download` on the wire: several parts at once, polite, whole, and stopped at any moment."""

import email.utils
import os
import signal
import time
import tomllib

import pytest

from jobs.corpus.fetching import attempts, progress
from jobs.errors import JobError
from tests.corpus.fetching.downloads import ROOT, arrived, fetch, pack, raw, recipe, start, wait_for
from tests.corpus.fetching.http_server import serving

NAMES = ("uuub3g", "luxmdg", "o4bo59", "wpceng")
FILES = tuple(f"{name}.7z" for name in NAMES)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    """Four attempts as always, but no waiting between them."""
    monkeypatch.setattr(attempts, "BACKOFF_S", (0, 0, 0))


@pytest.fixture
def server(tmp_path):
    for name in NAMES:
        pack(tmp_path / "source", name, seed=name[0])
    with serving(tmp_path / "source") as running:
        yield running


@pytest.mark.parametrize("connections", [1, 3])
def test_as_many_parts_at_once_as_the_recipe_says(server, home, connections):
    server.seconds = 0.1
    fetch(recipe(server.url, files=FILES, connections=connections), home)
    assert server.most_at_once == connections
    for name in NAMES:
        assert arrived(home, name) == (server.folder / f"{name}.7z").read_bytes()


def test_one_part_s_failure_lets_the_others_finish(server, home):
    (server.folder / "uuub3g.7z").unlink()
    (server.folder / "o4bo59.7z").write_bytes(b"PK\x03\x04")
    with pytest.raises(JobError) as failure:
        fetch(recipe(server.url, files=FILES), home)
    message = str(failure.value)
    assert f"uuub3g: {server.url}/uuub3g.7z: answered 404 Not Found" in message
    assert f"o4bo59: {server.url}/o4bo59.7z: expected a 7z archive, found a zip archive" in message
    assert "luxmdg" not in message
    assert "\n" not in message
    assert raw(home) == ["luxmdg.7z", "luxmdg.7z.json", "wpceng.7z", "wpceng.7z.json"]


def test_it_says_who_it_is(server, home):
    fetch(recipe(server.url), home)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert server.requests[0]["User-Agent"] == f"bardloop/{version}"


@pytest.mark.parametrize("as_date", [False, True])
def test_it_waits_as_long_as_the_server_asks(server, home, as_date):
    server.statuses = [429]
    server.retry_after = email.utils.formatdate(time.time() + 2, usegmt=True) if as_date else "1"
    began = time.monotonic()
    fetch(recipe(server.url), home)
    assert 0.9 < time.monotonic() - began < 5
    assert len(server.requests) == 2


def test_it_does_not_wait_for_an_hour(server, home):
    server.statuses, server.retry_after = [503], "3600"
    with pytest.raises(JobError, match=r"answered 503 .* asks for a pause of 3600 s, more than the 120 s"):
        fetch(recipe(server.url), home)
    assert len(server.requests) == 1


def test_a_retry_after_that_makes_no_sense_is_no_reason_to_fail(server, home):
    server.statuses, server.retry_after = [503], "soon"
    assert fetch(recipe(server.url), home)["unchanged"] is False


def truncate_source(server):
    os.truncate(server.folder / "uuub3g.7z", 50_000)


@pytest.mark.parametrize("over_http", [True, False])
def test_an_archive_that_is_truncated_at_the_source(server, home, over_http):
    truncate_source(server)
    with pytest.raises(JobError, match=r"uuub3g\.7z: truncated: 50,000 of 92,\d+ bytes; check .* the file there"):
        fetch(recipe(server.url if over_http else server.folder), home)
    assert raw(home) == []


def test_a_connection_that_breaks_where_no_length_was_said(server, home):
    server.says_length, server.cuts = False, [30_000, 20_000]
    fetch(recipe(server.url), home)
    assert arrived(home) == (server.folder / "uuub3g.7z").read_bytes()
    assert [request.get("Range") for request in server.requests] == [None, "bytes=30000-", "bytes=50000-"]


def test_a_source_that_always_ends_early_and_says_no_length_is_truncated(server, home):
    server.says_length, server.cuts = False, [50_000, *10 * [0]]
    with pytest.raises(
        JobError, match=r"ended after 50,000 of 92,\d+ bytes in 4 attempts; the file there is truncated"
    ):
        fetch(recipe(server.url), home)


def test_a_damaged_end_is_found_without_a_checksum(server, home):
    path = server.folder / "uuub3g.7z"
    path.write_bytes(path.read_bytes()[:-100] + bytes(100))  # as a host leaves it that lost the end of an upload
    with pytest.raises(JobError, match="damaged: its end header does not match its checksum"):
        fetch(recipe(server.url), home)


def test_bytes_behind_the_end_are_said_and_kept(server, home, caplog):
    path = server.folder / "uuub3g.7z"
    path.write_bytes(path.read_bytes() + b"more")
    fetch(recipe(server.url), home)
    assert arrived(home) == path.read_bytes()
    assert "uuub3g.7z: 4 bytes behind the end of the archive" in caplog.text
    caplog.clear()
    fetch(recipe(server.url, files=("luxmdg.7z",)), home)
    assert "behind the end" not in caplog.text


def test_a_server_without_etags_is_asked_by_date(server, home):
    server.says_etag, server.cuts = False, [30_000]
    fetch(recipe(server.url), home)
    assert [request.get("Range") for request in server.requests] == [None, "bytes=30000-"]
    assert fetch(recipe(server.url), home)["unchanged"] is True
    assert arrived(home) == (server.folder / "uuub3g.7z").read_bytes()


def test_killed_after_the_last_byte_nothing_is_sent_again(server, home):
    content = (server.folder / "uuub3g.7z").read_bytes()
    server.cuts = [40_000, 0, 0, 0, 0]
    with pytest.raises(JobError, match="what has arrived is kept"):
        fetch(recipe(server.url), home)
    (home / "raw/small/uuub3g.7z.partial").write_bytes(content)  # what a kill before the renaming leaves
    before = len(server.requests)
    fetch(recipe(server.url), home)
    assert [request["Range"] for request in server.requests[before:]] == [f"bytes={len(content)}-"]
    assert arrived(home) == content


@pytest.mark.parametrize(
    ("which", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_stopped_it_ends_at_once_and_keeps_what_has_arrived(server, home, which, code):
    server.stalls = dict.fromkeys(FILES, 40000)
    running = start(recipe(server.url, files=FILES), home)
    wait_for(running, 40_000, *(home / f"raw/small/{file}.partial" for file in FILES[:2]))
    began = time.monotonic()
    running.send_signal(which)
    _, words = running.communicate(timeout=30)
    assert time.monotonic() - began < 5
    assert running.returncode == code
    if which == signal.SIGINT:
        assert words.splitlines()[-1] == "download: interrupted; what has arrived is kept, run again to go on"
        assert "Traceback" not in words

    server.stalls = {}
    before = len(server.requests)
    fetch(recipe(server.url, files=FILES), home)
    resumed = {request["path"]: request.get("Range") for request in server.requests[before:]}
    assert resumed == dict(zip(FILES, ["bytes=40000-", "bytes=40000-", None, None], strict=True))
    for name in NAMES:
        assert arrived(home, name) == (server.folder / f"{name}.7z").read_bytes()


def test_in_a_log_progress_is_a_whole_line_now_and_then(server, home, monkeypatch, caplog, capfd):
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.01)
    server.pause = 0.05
    caplog.set_level("INFO")
    fetch(recipe(server.url, files=FILES), home)
    lines = [record.getMessage() for record in caplog.records if record.name == progress.__name__]
    assert {line.partition(":")[0] for line in lines} == set(FILES)
    assert all("kB of 92." in line for line in lines)
    assert "\r" not in capfd.readouterr().err
