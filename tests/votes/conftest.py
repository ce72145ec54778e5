"""The real web site with a scripted engine behind it, votes cast on it, and the jobs that read them."""

import functools
import json
import pathlib
import subprocess
import sys

import pytest

from contracts.votes import VoteSet
from tests.webapp.conftest import (  # noqa: F401 (fixtures)
    EXPORT_KEY,
    engine,
    postgres,
    running_site,
    scripted_engine,
    site,
    site_environment,
    visitor,
)

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def cast(visitor, site):  # noqa: F811
    """Casts votes over the API: `adapter`, `base`, `tie` or `bothbad`. Gives the preferred reply, if any."""
    return functools.partial(cast_one, visitor, site)


def cast_one(visitor, site, who: str, **scene) -> str | None:  # noqa: F811
    """See `cast`."""
    compared = visitor.post("/api/compare", json=scene or {"scene": "water-rights"}).json()
    ((left,),) = site.rows("SELECT model_left FROM arena_comparison WHERE id = %s", compared["id"])
    sides = dict(zip(("adapter", "base"), ("left", "right") if "@" in left else ("right", "left"), strict=True))
    choice = sides.get(who, who)
    assert visitor.post(f"/api/vote/{compared['id']}/{choice}").status_code == 200
    return compared.get(choice)


@pytest.fixture
def job_environment(site, monkeypatch):  # noqa: F811
    """Where the jobs find the site."""
    monkeypatch.setenv("BARDLOOP_WEB_URL", site.url)
    monkeypatch.setenv("BARDLOOP_EXPORT_KEY", EXPORT_KEY)


@pytest.fixture
def job(tmp_path, job_environment):
    """Runs a job as Airflow does, in a home of the test's own; its summary, or (exit code, last line of stderr)."""

    def run(name: str, *arguments: str):
        command = [sys.executable, "-m", "jobs", name, "--recipe", "recipes/demo.yaml", "--home", str(tmp_path)]
        done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            return done.returncode, done.stderr.strip().splitlines()[-1]
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture
def rows(tmp_path):
    """The rows of a set of votes, and the set."""

    def read(digest: str) -> tuple[list[dict], VoteSet]:
        folder = tmp_path / "votes" / "demo" / digest
        lines = (folder / "train.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines], VoteSet.model_validate_json((folder / "set.json").read_text())

    return read
