"""Job `download`: what arrives, what is left when it does not, and what the person is told."""

import hashlib
import json
import socket

import pytest

from jobs.corpus import fetch
from jobs.errors import JobError
from tests.corpus.archives import csv_bytes, post, run_download
from tests.corpus.http_server import serving


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    """Four attempts as always, but no waiting between them."""
    monkeypatch.setattr(fetch, "BACKOFF_S", (0, 0, 0))


@pytest.fixture
def part(archive):
    """One part of about 100 kB that does not compress."""
    noise = "".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(2500))
    return archive.add("uuub3g", csv_bytes([post(noise)]))


def raw(home):
    """The names of the files in raw/, without locks."""
    return sorted(path.name for path in (home / "raw" / "small").iterdir() if not path.name.startswith("."))


def test_all_parts_arrive_with_their_sidecars(archive, part, server, home):
    archive.add("luxmdg", csv_bytes([post("hi")]))
    summary = run_download(archive.recipe(server.url), home)
    assert raw(home) == ["luxmdg.7z", "luxmdg.7z.json", "uuub3g.7z", "uuub3g.7z.json"]
    sidecar = json.loads((home / "raw/small/uuub3g.7z.json").read_text())
    content = part.read_bytes()
    assert (home / "raw/small/uuub3g.7z").read_bytes() == content
    assert sidecar["url"] == f"{server.url}/uuub3g.7z"
    assert sidecar["size"] == len(content)
    assert sidecar["sha256"] == hashlib.sha256(content).hexdigest()
    assert sidecar["etag"]
    both = len(content) + (archive.folder / "luxmdg.7z").stat().st_size
    assert summary == {"parts": ["uuub3g", "luxmdg"], "bytes": both, "unchanged": False}


def test_one_part_alone(archive, part, server, home):
    archive.add("luxmdg", csv_bytes([post("hi")]))
    summary = run_download(archive.recipe(server.url), home, part="luxmdg")
    assert (summary["part"], summary["unchanged"]) == ("luxmdg", False)
    assert raw(home) == ["luxmdg.7z", "luxmdg.7z.json"]


def test_an_unknown_part_is_named_with_the_known_ones(archive, part, home):
    with pytest.raises(JobError, match=r"--part nope: no such part in recipe small; parts: uuub3g"):
        run_download(archive.recipe(), home, part="nope")


def test_an_unchanged_part_is_not_sent_again(archive, part, server, home):
    run_download(archive.recipe(server.url), home)
    before = (home / "raw/small/uuub3g.7z").stat()
    assert run_download(archive.recipe(server.url), home)["unchanged"] is True
    assert "If-None-Match" in server.requests[-1]
    assert (home / "raw/small/uuub3g.7z").stat().st_mtime_ns == before.st_mtime_ns


def test_a_changed_part_is_fetched_anew(archive, part, server, home):
    run_download(archive.recipe(server.url), home)
    archive.names.clear()
    changed = archive.add("uuub3g", csv_bytes([post("another text")])).read_bytes()
    assert run_download(archive.recipe(server.url), home)["unchanged"] is False
    assert (home / "raw/small/uuub3g.7z").read_bytes() == changed


def test_a_cut_connection_is_resumed_where_it_broke(archive, part, server, home):
    server.cuts = [30_000, 20_000]
    run_download(archive.recipe(server.url), home)
    assert (home / "raw/small/uuub3g.7z").read_bytes() == part.read_bytes()
    assert [request.get("Range") for request in server.requests] == [None, "bytes=30000-", "bytes=50000-"]
    assert all("If-Range" in request for request in server.requests[1:])
    assert raw(home) == ["uuub3g.7z", "uuub3g.7z.json"]


def test_the_next_run_goes_on_where_the_last_one_gave_up(archive, part, server, home):
    server.cuts = [40_000, 0, 0, 0, 0]
    with pytest.raises(JobError, match="what has arrived is kept"):
        run_download(archive.recipe(server.url), home)
    assert raw(home) == ["uuub3g.7z.partial", "uuub3g.7z.partial.json"]
    run_download(archive.recipe(server.url), home)
    assert server.requests[-1]["Range"] == "bytes=40000-"
    assert (home / "raw/small/uuub3g.7z").read_bytes() == part.read_bytes()


def test_a_file_that_changed_in_between_is_never_glued_together(archive, part, server, home):
    server.cuts = [40_000, 0, 0, 0, 0]
    with pytest.raises(JobError):
        run_download(archive.recipe(server.url), home)
    archive.names.clear()
    changed = archive.add("uuub3g", csv_bytes([post("b" * 90_000)])).read_bytes()
    run_download(archive.recipe(server.url), home)
    assert (home / "raw/small/uuub3g.7z").read_bytes() == changed


def test_a_busy_server_is_asked_again(archive, part, server, home):
    server.statuses = [503, 429]
    assert run_download(archive.recipe(server.url), home)["unchanged"] is False
    assert len(server.requests) == 3


def test_404_is_final_and_leaves_nothing(archive, part, server, home):
    part.unlink()
    with pytest.raises(JobError, match=r"/uuub3g\.7z: answered 404 Not Found; check corpus\.archive\.base"):
        run_download(archive.recipe(server.url), home)
    assert len(server.requests) == 1
    assert raw(home) == []


def test_a_web_page_instead_of_an_archive_is_recognised(archive, part, server, home):
    part.write_text("<!DOCTYPE html><html><head><title>Gone &amp; moved</title></head></html>")
    with pytest.raises(JobError, match=r"expected a 7z archive, found an HTML page titled “Gone & moved”"):
        run_download(archive.recipe(server.url), home)
    assert raw(home) == []


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"", "an empty file"), (b"PK\x03\x04rest", "a zip archive"), (b"\x00\x01", "bytes that begin")],
)
def test_what_is_no_7z_archive_is_said_in_words(archive, part, server, home, content, kind):
    part.write_bytes(content)
    with pytest.raises(JobError, match=kind):
        run_download(archive.recipe(server.url), home)


def test_a_wrong_checksum_is_refused_and_the_old_copy_stays(archive, part, server, home):
    run_download(archive.recipe(server.url), home)
    good = hashlib.sha256(part.read_bytes()).hexdigest()
    with pytest.raises(JobError, match=f"sha256 is {good}, the recipe expects {'0' * 64} for part uuub3g"):
        run_download(archive.recipe(server.url, sha256={"uuub3g": "0" * 64}), home)
    assert (home / "raw/small/uuub3g.7z").read_bytes() == part.read_bytes()
    assert raw(home) == ["uuub3g.7z", "uuub3g.7z.json"]


def test_a_part_with_the_right_checksum_needs_no_server(archive, part, home):
    recipe_with = {"sha256": {"uuub3g": hashlib.sha256(part.read_bytes()).hexdigest()}}
    with serving(archive.folder) as server:
        run_download(archive.recipe(server.url, **recipe_with), home)
    assert run_download(archive.recipe(server.url, **recipe_with), home)["unchanged"] is True


def test_without_network_the_first_download_fails_in_one_line(archive, part, home):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(JobError) as failure:
            run_download(archive.recipe(url), home)
    assert str(failure.value).startswith(f"{url}/uuub3g.7z: no luck after 4 attempts")
    assert "\n" not in str(failure.value)
    assert raw(home) == []


def test_without_network_a_copy_that_is_here_will_do(archive, part, home, caplog):
    with serving(archive.folder) as server:
        run_download(archive.recipe(server.url), home)
    assert run_download(archive.recipe(server.url), home)["unchanged"] is True
    assert "going on with the copy that is here" in caplog.text


def test_a_folder_and_a_file_address_do_as_well(archive, part, home, tmp_path):
    assert run_download(archive.recipe(archive.folder), home)["unchanged"] is False
    assert run_download(archive.recipe(archive.folder.as_uri()), home)["unchanged"] is True
    assert (home / "raw/small/uuub3g.7z").read_bytes() == part.read_bytes()
    with pytest.raises(JobError, match=r"elsewhere/uuub3g\.7z: No such file or directory"):
        run_download(archive.recipe(tmp_path / "elsewhere"), tmp_path / "other home")


def test_an_address_that_is_not_understood(archive, part, home):
    with pytest.raises(JobError, match=r"ftp://host: expected an http\(s\):// or file:// address or a folder"):
        run_download(archive.recipe("ftp://host"), home)


@pytest.mark.parametrize("over_http", [True, False])
def test_a_full_disk(archive, part, server, home, over_http):
    folder = home / "raw/small"
    folder.mkdir(parents=True)
    (folder / "uuub3g.7z.partial").symlink_to("/dev/full")  # every write fails with ENOSPC
    with pytest.raises(JobError, match=r"raw/small: the disk is full \(.* bytes free"):
        run_download(archive.recipe(server.url if over_http else archive.folder), home)
    assert "uuub3g.7z" not in raw(home)
