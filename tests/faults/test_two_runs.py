"""Two runs of the DAG `corpus` at once on one home: the same jobs at the same time, in the same folders."""

import pathlib
import subprocess
import sys

import pytest

from demo.archive.pack import pack

ROOT = pathlib.Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive")
    pack(folder)
    return folder


def test_two_runs_at_once_make_the_corpus_of_one(archive, tmp_path):
    together, alone = tmp_path / "together", tmp_path / "alone"
    for at_once, home in ((2, together), (1, alone)):
        run_all(archive, home, at_once, ["download"])
        run_all(archive, home, at_once, ["corpus"])
    assert files(together / "raw").keys() == files(alone / "raw").keys()
    assert files(together / "corpus") == files(alone / "corpus")


def run_all(archive: pathlib.Path, home: pathlib.Path, at_once: int, job: list[str]) -> None:
    """Start the job so many times, in a process each, as Airflow does; wait until they are done."""
    command = [sys.executable, "-m", "jobs", *job, "--recipe", "recipes/demo.yaml", "--home", str(home)]
    command += ["--set", f"corpus.archive.base={archive}"]
    running = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(at_once)]
    for process in running:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said[-2000:]


def files(folder: pathlib.Path) -> dict[str, bytes]:
    """Every file of a folder with its bytes; locks and what says when a part was fetched have none to compare."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".lock")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}
