"""What the tests of the job `download` share: archives of a known size, recipes over their sources, the job itself."""

import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import time

import py7zr

from contracts.recipe import Recipe
from jobs.corpus import download

ROOT = pathlib.Path(__file__).resolve().parents[3]


def pack(folder: pathlib.Path, name: str = "uuub3g", seed: str = "") -> pathlib.Path:
    """An archive of about 92,000 bytes; one of the same length for each `seed` of one letter."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = b"".join(hashlib.sha256(f"{seed}{n}".encode()).digest() for n in range(10_000, 12_875))
    path = folder / f"{name}.7z"
    copied = [{"id": py7zr.FILTER_COPY}]
    with py7zr.SevenZipFile(path, "w", filters=copied) as archive:
        archive.writestr(noise, f"{name}/part.csv")
    return path


def split(archive: pathlib.Path, *sizes: int) -> pathlib.Path:
    """Replace `archive` by volumes of `sizes` bytes and one with the rest."""
    content = archive.read_bytes()
    archive.unlink()
    for number, size in enumerate((*sizes, len(content)), start=1):
        archive.with_name(f"{archive.name}.{number:03}").write_bytes(content[:size])
        content = content[size:]
    return archive


def recipe(*places, files=("uuub3g.7z",), sha256=None, connections=2) -> Recipe:
    """A recipe for parts in `files` that lie at the first of `places`; the others are mirrors."""
    base, *mirrors = map(str, places)
    parts = [{"name": file.partition(".")[0], "file": file, "sha256": sha256} for file in files]
    archive = {"base": base, "mirrors": mirrors, "parts": parts, "connections": connections}
    train = {"accelerate": "cpu.yaml", "max_steps": 1}
    return Recipe.model_validate(
        {"name": "small", "corpus": {"archive": archive}, "model": {"base": "none"}, "train": train}
    )


def fetch(chosen: Recipe, home: pathlib.Path, part: str | None = None) -> dict:
    """The job `download` in this process."""
    return download.run(chosen, home, argparse.Namespace(part=part))


def command(chosen: Recipe, home: pathlib.Path, *arguments: str) -> list[str]:
    """Arguments of `python -m jobs` for the job `download`, with the recipe as a file beside `home`."""
    path = home.with_name("recipe.json")
    path.write_text(json.dumps(chosen.model_dump(mode="json")))
    return ["download", "--recipe", str(path), "--home", str(home), *arguments]


def start(chosen: Recipe, home: pathlib.Path) -> subprocess.Popen:
    """The job `download` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "jobs", *command(chosen, home)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def raw(home: pathlib.Path) -> list[str]:
    """The names of the files in raw/, without locks."""
    return sorted(path.name for path in (home / "raw/small").iterdir() if not path.name.startswith("."))


def arrived(home: pathlib.Path, part: str = "uuub3g") -> bytes:
    """The archive that the job has brought."""
    return (home / f"raw/small/{part}.7z").read_bytes()


def wait_for(running: subprocess.Popen, size: int, *partials: pathlib.Path) -> None:
    """Wait until each of `partials` has `size` bytes while the job `running` works."""
    deadline = time.monotonic() + 30
    while not all(path.exists() and path.stat().st_size >= size for path in partials):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
