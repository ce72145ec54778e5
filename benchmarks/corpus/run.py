"""The corpus job against a pandas script and against the floor: `make bench-corpus`.

In: sizes in GB of CSV, a shape. Out: a table, our job's stages and a verdict for each claim (claims.py). The archives
are made first; give `--folder` to keep them for the next run.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version

import psutil

from benchmarks.corpus.archive import RECIPE, make_archive
from benchmarks.corpus.claims import Contenders, verdicts
from benchmarks.corpus.measure import ROOT, Measured, RunError, measure
from benchmarks.corpus.rows import SHAPES

HERE = pathlib.Path(__file__).resolve().parent
NEAR_OFF = ("corpus.duplicates.near.enabled=false",)
TIMEOUT_PER_GB = 1_800
DISK_PER_BYTE = 5
"""Bytes of disk at most in use for one byte of the largest CSV: archive, its copy, what the contender writes."""


def main() -> int:
    """Measure everything that the command line asks for; 1 when a contender fails."""
    arguments = parse_arguments()
    if arguments.folder:
        arguments.folder.mkdir(parents=True, exist_ok=True)
    temporary = pathlib.Path(tempfile.mkdtemp(prefix="bench-corpus-", dir=arguments.folder))
    try:
        compare(arguments.sizes, arguments.shape, arguments.folder or temporary, temporary / "runs", arguments.keep)
    except RunError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        if arguments.keep:
            print(f"kept: {temporary}")
        else:
            shutil.rmtree(temporary)
    return 0


def compare(sizes: list[float], shape: str, archives: pathlib.Path, runs: pathlib.Path, keep: bool) -> None:
    """Make the archives, run every contender, print the table and the verdicts.

    Raises:
        RunError: a contender failed.
    """
    print(machine())
    needed, free = int(DISK_PER_BYTE * max(sizes) * 1e9), shutil.disk_usage(archives).free
    if free < needed:
        raise RunError(f"{archives}: {free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB needed; choose another --folder")
    made = {size: _archive(archives / f"{shape}-{size:g}", size, shape) for size in sizes}
    largest = max(sizes)

    def ours(size: float, label: str, overrides: tuple[str, ...] = ()) -> Measured:
        return _contender(label, made[size][1], lambda home: _job(made[size][0], size, home, overrides), runs, keep)

    def peer(script: str, label: str, *more: str) -> Measured:
        folder, description = made[largest]

        def start(home: pathlib.Path) -> Measured:
            command = [sys.executable, str(HERE / script), str(folder), *(str(home / name) for name in more)]
            return measure(command, home, TIMEOUT_PER_GB * max(1, largest))

        return _contender(label, description, start, runs, keep)

    header = f"{'':30} {'wall s':>7} {'CPU s':>7} {'cores':>5} {'RSS MB':>7} {'PSS MB':>7} {'disk MB':>8}"
    print(f"\n{header} {'MB/s':>6} {'us/record':>9}")
    floor = peer("floor.py", "floor: 7z + DuckDB")
    pandas = peer("pandas_script.py", "pandas script", "out")
    by_size = {size: ours(size, f"ours, everything, {size:g} GB") for size in sorted(sizes)}
    contenders = Contenders(by_size[largest], ours(largest, "ours, near-duplicates off", NEAR_OFF), pandas, floor)
    print()
    for label, measured in (("everything", contenders.ours), ("near-duplicates off", contenders.ours_without_near)):
        ratio = measured.wall / floor.wall
        print(f"ours, {label}: {ratio:.1f} x the floor's time; {_stages(measured)}")
    print(f"pandas script: {pandas.wall / floor.wall:.1f} x the floor's time; {_stages(pandas)}")
    print(f"               {pandas.summary}\nfloor:         {floor.summary}\n")
    for passed, numbers in verdicts(by_size, contenders):
        print(f"{'pass' if passed else 'FAIL'}  {numbers}")


def _archive(folder: pathlib.Path, size: float, shape: str) -> tuple[pathlib.Path, dict]:
    """The archive of `size` GB in `folder`, made unless it is there, and its description."""
    began = time.monotonic()
    found = make_archive(folder, int(size * 1e9), shape)
    records, near = _records(found), found["planted"]["near_duplicate"]
    print(
        f"{shape} archive, {size:g} GB: {records:,} records of {found['bytes'] / records:.0f} bytes, "
        f"{found['compressed'] / found['bytes']:.0%} of that as .7z, {near / records:.2%} near-duplicates planted "
        f"({time.monotonic() - began:.0f} s)"
    )
    print(f"  planted: {json.dumps(found['planted'])}", flush=True)
    return folder, found


def _job(archive: pathlib.Path, size: float, home: pathlib.Path, overrides: tuple[str, ...]) -> Measured:
    """Our job in a fresh home. `download` copies the parts there before the clock starts."""
    settings = [f"--set={override}" for override in (f"corpus.archive.base={archive}", *overrides)]
    options = ["--recipe", str(RECIPE), *settings, "--home", str(home / "home")]
    timeout = TIMEOUT_PER_GB * max(1, size)
    measure([sys.executable, "-m", "jobs", "download", *options], home / "download", timeout)
    return measure([sys.executable, "-m", "jobs", "corpus", *options], home, timeout, watch=home)


def _contender(
    label: str, description: dict, start: Callable[[pathlib.Path], Measured], runs: pathlib.Path, keep: bool
) -> Measured:
    """Run one contender in a fresh folder and print its row of the table."""
    home = runs / label.replace(" ", "-").replace(",", "").replace(":", "")
    home.mkdir(parents=True)
    measured = start(home)
    if not keep:
        shutil.rmtree(home)
    size, records = description["bytes"], _records(description)
    print(
        f"{label:30} {measured.wall:7.1f} {measured.cpu:7.1f} {measured.cpu / measured.wall:5.2f} "
        f"{measured.rss / 1e6:7.0f} {measured.pss / 1e6:7.0f} {measured.disk / 1e6:8.0f} "
        f"{size / 1e6 / measured.wall:6.1f} {measured.wall / records * 1e6:9.1f}",
        flush=True,
    )
    return measured


def _records(description: dict) -> int:
    """All records of an archive, malformed ones included."""
    malformed = sum(count for reason, count in description["planted"].items() if reason.startswith("malformed."))
    return sum(description["records"].values()) + malformed


def _stages(measured: Measured) -> str:
    """Where the time went, as the contender logged it."""
    if not measured.stages:
        return "it logged no stages"
    return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in measured.stages.items())


def machine() -> str:
    """The machine and the versions that matter, in two lines."""
    packages = ("py7zr", "duckdb", "pandas", "pyarrow", "psutil")
    return (
        f"{platform.machine()}, {psutil.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, "
        f"load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}\n"
        + ", ".join(f"{package} {version(package)}" for package in packages)
    )


def parse_arguments() -> argparse.Namespace:
    """The command line; a folder inside the checkout is refused."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corpus.run", description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="0.25,0.5,1", help="GB of CSV, 10^9 bytes (default: %(default)s)")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="forum")
    parser.add_argument("--folder", type=pathlib.Path, help="where archives are kept and found again")
    parser.add_argument("--keep", action="store_true", help="leave what the contenders wrote")
    arguments = parser.parse_args()
    try:
        arguments.sizes = [float(size) for size in arguments.sizes.split(",")]
    except ValueError:
        parser.error(f"--sizes {arguments.sizes}: expected numbers with commas between them")
    if arguments.folder and arguments.folder.resolve().is_relative_to(ROOT):
        parser.error(f"--folder {arguments.folder}: lies inside the checkout; choose a folder outside")
    if arguments.folder:
        arguments.folder = arguments.folder.resolve()
    return arguments


if __name__ == "__main__":
    sys.exit(main())
