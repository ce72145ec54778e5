"""Parsing on a Ray cluster: the same corpus, from more than one node, with the same errors."""

import json
import os
import pathlib
import re
import secrets
import subprocess
import sys

import pytest

from jobs.errors import JobError
from tests.corpus.archives import Archive, csv_bytes, post, run_corpus, run_download

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = 4


@pytest.fixture(scope="module")
def cluster():
    """The environment of a job on a cluster of two nodes with one CPU each, guarded by a token."""
    environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():  # Ray reads them while it is imported
            patch.setenv(name, value)
        patch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
        program = pathlib.Path(__file__).with_name("ray_cluster.py")
        with subprocess.Popen(
            [sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as running:
            try:
                yield environment | {"RAY_ADDRESS": json.loads(running.stdout.readline())["address"]}
            finally:
                running.stdin.close()  # it ends with its input, also when this process is killed
                running.wait(60)


@pytest.fixture
def large(archive) -> Archive:
    """Four parts that take a moment each."""
    for part in range(PARTS):
        rows = [post(f"<p>part {part} text {n} {'word ' * 60}</p>", title=f"T {n % 90}") for n in range(2_500)]
        archive.add(f"p{part}", csv_bytes(rows))
    return archive


def on_ray(archive, home, environment):
    """The job as a process with engine ray; the recipe is that of `archive`."""
    path = home / "recipe.json"
    path.write_text(json.dumps(archive.recipe().model_dump(mode="json")))
    command = [sys.executable, "-m", "jobs", "corpus", "--recipe", path, "--home", home, "--set", "corpus.engine=ray"]
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=180)


def contents(home, digest):
    folder = home / "corpus/small" / digest
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_cluster_gives_the_same_corpus_byte_for_byte(large, home, tmp_path, cluster):
    run_download(large.recipe(), home)
    done = on_ray(large, home, cluster)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    nodes = dict(re.findall(r"(p\d): parsed on Ray node (\w+)", done.stderr))
    assert len(nodes) == PARTS
    assert len(set(nodes.values())) == 2, nodes

    other = tmp_path / "one machine"
    run_download(large.recipe(), other)
    assert run_corpus(large.recipe(), other)["digest"] == summary["digest"]
    assert contents(home, summary["digest"]) == contents(other, summary["digest"])


@pytest.mark.slow
def test_a_damaged_part_is_the_same_error_on_both(archive, home, cluster):
    archive.add("p1", csv_bytes([post("sound")]))
    path = archive.add("p2", csv_bytes([post("some words " * 50)]))
    content = bytearray(path.read_bytes())
    content[40:60] = bytes(20)
    path.write_bytes(content)
    run_download(archive.recipe(), home)
    done = on_ray(archive, home, cluster)
    with pytest.raises(JobError, match=r"p2\.7z: damaged archive") as here:
        run_corpus(archive.recipe(), home)
    assert (done.returncode, done.stdout.strip()) == (1, "")
    assert done.stderr.splitlines()[-1] == f"corpus: {here.value}"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:1", "Connection refused"),
        ("nonsense", "Invalid address"),
    ],
)
def test_without_a_cluster_the_job_says_so(archive, home, address, said):
    archive.add("p1", csv_bytes([post("one")]))
    run_download(archive.recipe(), home)
    done = on_ray(archive, home, {"RAY_ADDRESS": address})
    assert (done.returncode, done.stdout) == (1, "")
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"corpus: corpus.engine: ray: cannot join a cluster at {address} (")
    assert said in last
    assert last.endswith("set RAY_ADDRESS and its RAY_AUTH_TOKEN, or corpus.engine=local")


def test_parts_that_are_parsed_need_no_cluster(archive, home):
    archive.add("p1", csv_bytes([post("one")]))
    run_download(archive.recipe(), home)
    run_corpus(archive.recipe(), home, part="p1")
    done = on_ray(archive, home, {"RAY_ADDRESS": "127.0.0.1:1"})
    assert done.returncode == 0, done.stderr
