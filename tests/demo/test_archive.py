"""The sample archive: what is in it, how it is packed, how it is served."""

import hashlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import httpx
import py7zr
import pytest

from demo.archive import pack as packing
from demo.archive.defects import DEFECTS, LAST
from tests.ports import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
GROUP_SIZES = {"1x1", "Small Group", "Large Group"}
PARTS = ["uuub3g", "luxmdg", "o4bo59", "wpceng", "exl3ia", "q9mys3", "nhhnj0", "gqilvh"]


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A folder with the packed archive."""
    folder = tmp_path_factory.mktemp("packed")
    packing.pack(folder)
    return folder


@pytest.fixture(scope="module")
def csvs(packed, tmp_path_factory):
    """The CSV of each part, in order."""
    folder = tmp_path_factory.mktemp("unpacked")
    for part in PARTS:
        with py7zr.SevenZipFile(packed / f"{part}.7z") as archive:
            archive.extractall(folder)
    return [folder / p / f"roleplayerguild--all_char-ic-ooc_part{n}.csv" for n, p in enumerate(PARTS, 1)]


def checksums(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.7z")}


def test_it_is_large_and_varied_enough_to_vote_on():
    threads = packing.read_threads(packing.THREADS)
    posts = [row for thread in threads for row in thread]
    genres = {tag for row in posts for tag in row.tags} - {"Free", "Casual", "Advanced"} - GROUP_SIZES
    assert len(threads) >= 32
    assert len(posts) >= 320
    assert len(genres) >= 6
    assert len({row.author for row in posts}) >= 20
    assert {row.type for row in posts} == {"IC", "OOC", "Char"}
    assert len({(rows[0].title, rows[0].tags) for rows in threads}) == len(threads)
    for rows in threads:
        in_character = [row for row in rows if row.type == "IC"]
        assert len({row.author for row in in_character}) >= 2, rows[0].title
        assert len(in_character) >= 6, rows[0].title


def test_parts_are_named_like_the_real_ones(packed, csvs):
    assert sorted(path.stem for path in packed.glob("*.7z")) == sorted(PARTS)
    assert all(path.is_file() for path in csvs)
    header = b"thread_title,thread_type,thread_tags,message_username,message_timestamp,message"
    assert all(path.read_bytes().removeprefix(b"\xef\xbb\xbf").startswith(header) for path in csvs)


def test_packing_again_gives_the_same_bytes(packed, tmp_path):
    packing.pack(tmp_path)
    assert checksums(tmp_path) == checksums(packed)


def test_what_is_up_to_date_is_not_packed_again_and_what_is_missing_is(packed):
    before = checksums(packed)
    stamps = {path: path.stat().st_mtime_ns for path in packed.iterdir()}
    packing.pack(packed)
    assert {path: path.stat().st_mtime_ns for path in packed.iterdir()} == stamps
    (packed / "exl3ia.7z").unlink()
    packing.pack(packed)
    assert checksums(packed) == before


def test_a_byte_order_mark_and_crlf_in_one_part_each(csvs):
    contents = [path.read_bytes() for path in csvs]
    assert [content.startswith(b"\xef\xbb\xbf") for content in contents] == [n == 4 for n in range(1, 9)]
    assert [content.split(b"\n")[0].endswith(b"\r") for content in contents] == [n == 6 for n in range(1, 9)]


def test_some_threads_go_on_in_the_next_part(csvs):
    threads = packing.read_threads(packing.THREADS)
    contents = [path.read_text(encoding="utf-8", errors="replace") for path in csvs]
    straddling = 0
    for thread in threads:
        title = thread[0].line().decode().split(",IC,")[0] + ",IC,"
        where = [number for number, content in enumerate(contents, 1) if f"\n{title}" in content]
        assert len(where) in (1, 2)
        if len(where) == 2:
            straddling += 1
            assert where[1] == where[0] + 1
    assert straddling == len(packing.STRADDLING)


def test_every_defect_is_in_its_part(csvs):
    whole = packing.read_threads(packing.THREADS)
    dealt = packing._deal(whole, 8)
    for defect in DEFECTS:
        rows = dealt[defect.part]
        row = rows[-1] if defect.behind == LAST else [row for row in rows if row.type == "IC"][defect.behind - 1]
        content = csvs[defect.part - 1].read_bytes().replace(b"\r\n", b"\n")
        assert defect.make(row) in content, defect


@pytest.fixture
def server(packed):
    """The server as a process of its own. Yields its address."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "demo.archive.server", str(packed)],
        cwd=ROOT,
        env=os.environ | {"BARDLOOP_ARCHIVE_PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == f"The sample archive is up on http://127.0.0.1:{port}\n"
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)


def test_the_server_honours_range_and_validators(server, packed):
    url, content = f"{server}/uuub3g.7z", (packed / "uuub3g.7z").read_bytes()
    whole = httpx.get(url)
    etag = whole.headers["etag"]
    assert whole.content == content
    rest = httpx.get(url, headers={"Range": "bytes=1000-", "If-Range": etag})
    assert (rest.status_code, rest.content) == (206, content[1000:])
    assert rest.headers["content-range"] == f"bytes 1000-{len(content) - 1}/{len(content)}"
    assert httpx.get(url, headers={"Range": "bytes=1000-", "If-Range": '"other"'}).status_code == 200
    assert httpx.get(url, headers={"If-None-Match": etag}).status_code == 304
    assert httpx.get(f"{server}/nothing.7z").status_code == 404


def test_a_port_in_use_is_one_clear_line(packed):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "demo.archive.server", str(packed)],
            cwd=ROOT,
            env=os.environ | {"BARDLOOP_ARCHIVE_PORT": str(port)},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    expected = f"archive: 127.0.0.1:{port}: Address already in use; set BARDLOOP_ARCHIVE_PORT to a free port\n"
    assert done.stderr == expected
