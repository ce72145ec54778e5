"""`download --check`: what it says about the parts on disk, and that it asks nobody and touches nothing."""

import hashlib
import json
import os

import pytest

from jobs.__main__ import main
from tests.corpus.fetching.downloads import command, fetch, pack, raw, recipe
from tests.corpus.fetching.http_server import serving

FILES = ("uuub3g.7z", "luxmdg.7z")


@pytest.fixture
def server(tmp_path):
    for name in ("uuub3g", "luxmdg"):
        pack(tmp_path / "archive", name)
    with serving(tmp_path / "archive") as running:
        yield running


@pytest.fixture
def archive(server, home):
    """The part uuub3g on disk, beside luxmdg."""
    fetch(recipe(server.url, files=FILES), home)
    server.requests.clear()
    return home / "raw/small/uuub3g.7z"


@pytest.fixture
def check(server, home, capsys, caplog):
    """Run `download --check`: exit code, summary, lines about bad parts."""

    def run(*arguments, **changes):
        caplog.clear()
        code = main(command(recipe(server.url, files=FILES, **changes), home, "--check", *arguments))
        summary = json.loads(capsys.readouterr().out)
        return code, summary, [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]

    return run


def flip(path, at):
    """Change one byte, and leave size and time as they are."""
    stat = path.stat()
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_good_parts(archive, check, server, home):
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in home.rglob("*") if path.is_file()}
    assert check() == (0, {"ok": True, "parts": {"uuub3g": "ok", "luxmdg": "ok"}}, [])
    assert server.requests == []
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in home.rglob("*") if path.is_file()} == before


def shorten(archive):
    os.truncate(archive, 50_000)


def forget_sidecar(archive):
    archive.with_name("uuub3g.7z.json").unlink()


def spoil_sidecar(archive):
    archive.with_name("uuub3g.7z.json").write_text("{")


def replace(archive):
    archive.write_bytes(b"<html>")


def swap(archive):
    archive.write_bytes(archive.with_name("luxmdg.7z").read_bytes() + bytes(3))


@pytest.mark.parametrize(
    ("damage", "verdict", "words"),
    [
        (lambda archive: archive.unlink(), "missing", "missing; run download --part uuub3g"),
        (shorten, "truncated", "truncated: 50,000 of "),
        (lambda archive: flip(archive, 5_000), "changed", "fetched was"),
        (lambda archive: flip(archive, -5), "changed", "its end header does not match its checksum"),
        (lambda archive: flip(archive, 20), "changed", "its start header does not match its checksum"),
        (replace, "changed", "found an HTML page"),
        (swap, "changed", "were fetched"),
        (forget_sidecar, "no sidecar", "run download --part uuub3g"),
        (spoil_sidecar, "no sidecar", "run download --part uuub3g"),
    ],
)
def test_a_bad_part_is_one_line_that_says_what_to_do(archive, check, server, home, damage, verdict, words):
    damage(archive)
    code, summary, (line,) = check()
    assert (code, summary) == (1, {"ok": False, "parts": {"uuub3g": verdict, "luxmdg": "ok"}})
    assert line.startswith(f"{archive}: {verdict}")
    assert words in line
    assert line.endswith("run download --part uuub3g")

    if "delete it" in line:
        archive.unlink()
    fetch(recipe(server.url, files=FILES), home, part="uuub3g")  # what the line says
    assert check()[0] == 0


def test_one_part_alone(archive, check):
    archive.unlink()
    assert check("--part", "luxmdg") == (0, {"ok": True, "parts": {"luxmdg": "ok"}}, [])
    assert check("--part", "uuub3g")[:2] == (1, {"ok": False, "parts": {"uuub3g": "missing"}})


def test_the_sha256_in_the_recipe_counts(archive, check):
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    code, summary, (line,) = check(sha256=digest)  # the recipe gives it for both parts
    assert (code, summary["parts"]) == (1, {"uuub3g": "ok", "luxmdg": "wrong sha256"})
    assert f"the recipe expects {digest}" in line


def test_before_the_first_download(check, home):
    code, summary, lines = check()
    assert (code, summary["parts"], len(lines)) == (1, {"uuub3g": "missing", "luxmdg": "missing"}, 2)
    assert not (home / "raw").exists()


def test_a_split_archive_is_checked_as_the_one_file_that_it_is(server, home, check, tmp_path):
    (tmp_path / "archive/uuub3g.7z").rename(tmp_path / "archive/uuub3g.7z.001")
    fetch(recipe(server.url, files=("uuub3g.7z.001",)), home)
    assert raw(home) == ["uuub3g.7z", "uuub3g.7z.json"]
    assert check("--part", "uuub3g")[0] == 0
