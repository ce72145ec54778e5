"""Job `download`: what arrives, what is left when it does not, and what the person is told."""

import hashlib
import json
import os
import socket

import pytest

from contracts.recipe import RecipeError
from jobs.__main__ import main
from jobs.corpus.fetching import attempts
from jobs.errors import JobError
from tests.corpus.fetching.downloads import arrived, command, fetch, pack, raw, recipe
from tests.corpus.fetching.http_server import serving


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    """Four attempts as always, but no waiting between them."""
    monkeypatch.setattr(attempts, "BACKOFF_S", (0, 0, 0))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "source"


@pytest.fixture
def part(folder):
    """The archive uuub3g at the source."""
    return pack(folder)


@pytest.fixture
def server(folder, part):
    with serving(folder) as running:
        yield running


def test_all_parts_arrive_with_their_sidecars(folder, part, server, home):
    pack(folder, "luxmdg")
    summary = fetch(recipe(server.url, files=("uuub3g.7z", "luxmdg.7z")), home)
    assert raw(home) == ["luxmdg.7z", "luxmdg.7z.json", "uuub3g.7z", "uuub3g.7z.json"]
    sidecar = json.loads((home / "raw/small/uuub3g.7z.json").read_text())
    content = part.read_bytes()
    assert arrived(home) == content
    assert sidecar["url"] == f"{server.url}/uuub3g.7z"
    assert sidecar["size"] == len(content)
    assert sidecar["sha256"] == hashlib.sha256(content).hexdigest()
    assert sidecar["etag"]
    both = len(content) + (folder / "luxmdg.7z").stat().st_size
    assert summary == {"parts": ["uuub3g", "luxmdg"], "bytes": both, "unchanged": False}


def test_one_part_alone(folder, part, server, home):
    pack(folder, "luxmdg")
    summary = fetch(recipe(server.url, files=("uuub3g.7z", "luxmdg.7z")), home, part="luxmdg")
    assert (summary["part"], summary["unchanged"]) == ("luxmdg", False)
    assert raw(home) == ["luxmdg.7z", "luxmdg.7z.json"]


@pytest.mark.parametrize("job", ["download", "corpus"])
def test_an_unknown_part_is_named_with_the_known_ones_and_exit_code_2(folder, part, home, job, capsys):
    arguments = command(recipe(folder), home, "--part", "nope")[1:]
    assert main([job, *arguments]) == 2
    assert capsys.readouterr().err == "--part nope: no such part in recipe small; parts: uuub3g\n"


def test_an_unchanged_part_is_not_sent_again(folder, part, server, home):
    fetch(recipe(server.url), home)
    before = (home / "raw/small/uuub3g.7z").stat()
    assert fetch(recipe(server.url), home)["unchanged"] is True
    assert "If-None-Match" in server.requests[-1]
    assert (home / "raw/small/uuub3g.7z").stat().st_mtime_ns == before.st_mtime_ns


def test_a_changed_part_is_fetched_anew(folder, part, server, home):
    fetch(recipe(server.url), home)
    changed = pack(folder, seed="n").read_bytes()
    assert fetch(recipe(server.url), home)["unchanged"] is False
    assert arrived(home) == changed


def test_a_cut_connection_is_resumed_where_it_broke(folder, part, server, home):
    server.cuts = [30_000, 20_000]
    fetch(recipe(server.url), home)
    assert arrived(home) == part.read_bytes()
    assert [request.get("Range") for request in server.requests] == [None, "bytes=30000-", "bytes=50000-"]
    assert all("If-Range" in request for request in server.requests[1:])
    assert raw(home) == ["uuub3g.7z", "uuub3g.7z.json"]


def test_the_next_run_goes_on_where_the_last_one_gave_up(folder, part, server, home):
    server.cuts = [40_000, 0, 0, 0, 0]
    with pytest.raises(JobError, match="what has arrived is kept"):
        fetch(recipe(server.url), home)
    assert raw(home) == ["uuub3g.7z.partial", "uuub3g.7z.partial.json"]
    fetch(recipe(server.url), home)
    assert server.requests[-1]["Range"] == "bytes=40000-"
    assert arrived(home) == part.read_bytes()


def test_a_file_that_changed_in_between_is_never_glued_together(folder, part, server, home):
    server.cuts = [40_000, 0, 0, 0, 0]
    with pytest.raises(JobError):
        fetch(recipe(server.url), home)
    changed = pack(folder, seed="n").read_bytes()
    fetch(recipe(server.url), home)
    assert arrived(home) == changed


def test_a_busy_server_is_asked_again(folder, part, server, home):
    server.statuses = [503, 429]
    assert fetch(recipe(server.url), home)["unchanged"] is False
    assert len(server.requests) == 3


def test_404_is_final_and_leaves_nothing(folder, part, server, home):
    part.unlink()
    with pytest.raises(JobError, match=r"/uuub3g\.7z: answered 404 Not Found; check corpus\.archive\.base"):
        fetch(recipe(server.url), home)
    assert len(server.requests) == 1
    assert raw(home) == []


def test_a_web_page_instead_of_an_archive_is_recognised(folder, part, server, home):
    part.write_text("<!DOCTYPE html><html><head><title>Gone &amp; moved</title></head></html>")
    with pytest.raises(JobError, match=r"expected a 7z archive, found an HTML page titled “Gone & moved”"):
        fetch(recipe(server.url), home)
    assert raw(home) == []


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"", "an empty file"), (b"PK\x03\x04rest", "a zip archive"), (b"\x00\x01", "bytes that begin")],
)
def test_what_is_no_7z_archive_is_said_in_words(folder, part, server, home, content, kind):
    part.write_bytes(content)
    with pytest.raises(JobError, match=kind):
        fetch(recipe(server.url), home)


def test_a_wrong_checksum_is_refused_and_the_old_copy_stays(folder, part, server, home):
    fetch(recipe(server.url), home)
    good = hashlib.sha256(part.read_bytes()).hexdigest()
    with pytest.raises(JobError, match=f"sha256 is {good}, the recipe expects {'0' * 64} for part uuub3g"):
        fetch(recipe(server.url, sha256="0" * 64), home)
    assert arrived(home) == part.read_bytes()
    assert raw(home) == ["uuub3g.7z", "uuub3g.7z.json"]


def test_a_part_with_the_right_checksum_needs_no_server(folder, part, home):
    with serving(folder) as server:
        chosen = recipe(server.url, sha256=hashlib.sha256(part.read_bytes()).hexdigest())
        fetch(chosen, home)
    assert fetch(chosen, home)["unchanged"] is True


def test_without_network_the_first_download_fails_in_one_line(folder, part, home):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(JobError) as failure:
            fetch(recipe(url), home)
    assert str(failure.value).startswith(f"{url}/uuub3g.7z: no luck after 4 attempts")
    assert "\n" not in str(failure.value)
    assert raw(home) == []


def test_without_network_a_copy_that_is_here_will_do(folder, part, home, caplog):
    with serving(folder) as server:
        fetch(recipe(server.url), home)
    assert fetch(recipe(server.url), home)["unchanged"] is True
    assert "going on with the copy that is here" in caplog.text


def test_a_folder_and_a_file_address_do_as_well(folder, part, home, tmp_path):
    assert fetch(recipe(folder), home)["unchanged"] is False
    assert fetch(recipe(folder.as_uri()), home)["unchanged"] is True
    assert arrived(home) == part.read_bytes()
    with pytest.raises(JobError, match=r"elsewhere/uuub3g\.7z: No such file or directory"):
        fetch(recipe(tmp_path / "elsewhere"), tmp_path / "other home")


def test_an_address_that_is_not_understood_is_an_error_of_the_recipe(home):
    with pytest.raises(RecipeError, match=r"base ftp://host: expected an http\(s\):// or file:// address or a folder"):
        fetch(recipe("ftp://host"), home)
    with pytest.raises(RecipeError, match=r"corpus\.archive\.mirrors\.0 s3://bucket: expected"):
        fetch(recipe("http://127.0.0.1:1", "s3://bucket"), home)


@pytest.mark.parametrize("over_http", [True, False])
def test_a_full_disk(folder, part, server, home, over_http):
    (home / "raw/small").mkdir(parents=True)
    (home / "raw/small/uuub3g.7z.partial").symlink_to("/dev/full")  # every write fails with ENOSPC
    with pytest.raises(JobError, match=r"raw/small: the disk is full \(.* bytes free"):
        fetch(recipe(server.url if over_http else folder), home)
    assert "uuub3g.7z" not in raw(home)


def shorten(path):
    os.truncate(path, 50_000)


def edit(path):
    content = bytearray(path.read_bytes())
    content[5_000] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [shorten, edit, lambda path: path.write_bytes(path.read_bytes() + b"x")])
def test_a_file_that_was_truncated_or_edited_on_disk_is_fetched_again(part, server, home, damage, caplog):
    fetch(recipe(server.url), home)
    damage(home / "raw/small/uuub3g.7z")
    assert fetch(recipe(server.url), home)["unchanged"] is False
    assert arrived(home) == part.read_bytes()
    assert "fetching it again" in caplog.text


def test_a_file_that_was_only_touched_is_not_fetched_again(server, home):
    fetch(recipe(server.url), home)
    path = home / "raw/small/uuub3g.7z"
    os.utime(path)
    assert fetch(recipe(server.url), home)["unchanged"] is True
    sidecar = json.loads(path.with_name("uuub3g.7z.json").read_text())
    assert sidecar["mtime_ns"] == path.stat().st_mtime_ns, "the next run need not read it"


def test_an_edited_file_is_never_taken_for_the_old_one_even_without_network(folder, part, home):
    with serving(folder) as server:
        fetch(recipe(server.url), home)
    edit(home / "raw/small/uuub3g.7z")
    with pytest.raises(JobError, match="no luck after 4 attempts"):
        fetch(recipe(server.url), home)
    assert "uuub3g.7z.json" not in raw(home), "without it the job corpus does not read the file"
