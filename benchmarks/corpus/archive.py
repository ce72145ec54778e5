"""Make an archive of any size in the real one's schema: `python -m benchmarks.corpus.archive FOLDER --gigabytes 1`.

In: bytes of CSV, a shape, a seed. Out: eight .7z parts under the real names, and archive.json with what they hold.
The same input gives the same bytes; an archive that is there is left alone. At most two CSVs lie on disk at a time.
"""

import argparse
import concurrent.futures
import hashlib
import json
import multiprocessing
import os
import pathlib

import py7zr

from benchmarks.corpus.rows import PARTS, SHAPES, PartRows
from contracts.recipe import load_recipe
from demo.archive.defects import csv_line
from demo.archive.pack import HEADER, MODIFIED_AT

HERE = pathlib.Path(__file__).resolve().parent
RECIPE = HERE.parent.parent / "recipes" / "roleplay_guild.yaml"
PRESET = 1
"""Of LZMA2: the fastest one that still compresses text as one expects."""
DESCRIPTION = "archive.json"


def make_archive(folder: pathlib.Path, size: int, shape: str = "forum", seed: int = 7) -> dict:
    """Write eight parts with `size` bytes of CSV together into `folder` unless they are there, on two processes.

    Returns what archive.json holds: `bytes` of CSV, `compressed` bytes, `records` by thread type (sound ones),
    `planted` by reason (`malformed.*`, `empty`, `duplicate`, `near_duplicate`; the last three are sound records too).
    """
    description = folder / DESCRIPTION
    wanted = {"size": size, "shape": shape, "seed": seed, "generator": _generator_digest()}
    if description.exists():
        found = json.loads(description.read_text())
        if wanted.items() <= found.items():
            return found
    folder.mkdir(parents=True, exist_ok=True)
    description.unlink(missing_ok=True)
    names = [part.name for part in load_recipe(RECIPE).corpus.archive.parts]
    arguments = [(folder, name, number, size // PARTS, shape, seed) for number, name in enumerate(names, start=1)]
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        parts = list(pool.map(_make_part, *zip(*arguments, strict=True)))
    found = wanted | {key: sum(part[key] for part in parts) for key in ("bytes", "compressed")}
    for key in ("records", "planted"):
        kinds = sorted({kind for part in parts for kind in part[key]})
        found[key] = {kind: sum(part[key].get(kind, 0) for part in parts) for kind in kinds}
    description.write_text(json.dumps(found, indent=1) + "\n")
    return found


def _make_part(folder: pathlib.Path, name: str, number: int, size: int, shape: str, seed: int) -> dict:
    """Write one part and return its share of what archive.json holds."""
    rows = PartRows(SHAPES[shape], seed, number)
    csv, partial, archive = (folder / f"{name}.{suffix}" for suffix in ("csv", "partial", "7z"))
    with csv.open("wb") as file:
        file.write(csv_line(HEADER))
        file.writelines(rows.lines(size))
        written = file.tell()
    csv.chmod(0o644)
    os.utime(csv, (MODIFIED_AT, MODIFIED_AT))
    with py7zr.SevenZipFile(partial, "w", filters=[{"id": py7zr.FILTER_LZMA2, "preset": PRESET}]) as container:
        container.write(csv, f"{name}/roleplayerguild--all_char-ic-ooc_part{number}.csv")
    csv.unlink()
    partial.replace(archive)
    counts = {"records": dict(rows.records), "planted": dict(rows.planted)}
    return {"bytes": written, "compressed": archive.stat().st_size} | counts


def _generator_digest() -> str:
    """sha256 over the code that decides what the parts hold."""
    code = [(HERE / name).read_bytes() for name in ("archive.py", "rows.py", "posts.py", "prose.py")]
    return hashlib.sha256(b"".join(code)).hexdigest()


def main() -> None:
    """Make the archive that the command line asks for and say what it holds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corpus.archive", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--gigabytes", type=float, default=1.0, help="of CSV, 10^9 bytes")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="forum")
    arguments = parser.parse_args()
    found = make_archive(arguments.folder, int(arguments.gigabytes * 1e9), arguments.shape)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
