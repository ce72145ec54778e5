"""Job `corpus` as a whole, and the command line of both jobs."""

import collections
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

import psutil
import pytest
import yaml

from contracts.corpus_report import CorpusReport
from contracts.recipe import load_recipe
from demo.archive.defects import DEFECTS
from demo.archive.pack import THREADS
from jobs.errors import JobError
from tests.corpus.archives import csv_bytes, post, run_corpus, run_download

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = ROOT / "recipes" / "demo.yaml"


def job(*arguments, home):
    """A job in a process of its own, as Airflow starts it."""
    command = [sys.executable, "-m", "jobs", *map(str, arguments), "--home", str(home)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def contents(folder):
    """Every file of a corpus with its bytes."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def demo_home(tmp_path_factory, demo_archive):
    """A home with the demo's corpus."""
    home = tmp_path_factory.mktemp("demo home")
    recipe = load_recipe(DEMO, [f"corpus.archive.base={demo_archive}"])
    run_download(recipe, home)
    for part in recipe.corpus.archive.parts:
        run_corpus(recipe, home, part=part.name)
    run_corpus(recipe, home)
    return home


def report_of(home, recipe="demo"):
    folder = home / "corpus" / recipe
    digest = json.loads((folder / "latest.json").read_text())["digest"]
    return CorpusReport.model_validate_json((folder / digest / "report.json").read_text())


def test_every_record_of_the_sample_archive_is_accounted_for(demo_home):
    report = report_of(demo_home)
    posts = [p for path in THREADS.glob("*.yaml") for p in yaml.safe_load(path.read_text(encoding="utf-8"))["posts"]]
    in_character = sum(p["type"] == "IC" for p in posts)
    wrong = collections.Counter(defect.reason for defect in DEFECTS)
    assert report.total.records == len(posts) + len(DEFECTS)
    assert report.total.kept == in_character
    assert report.total.dropped == wrong | {"not_ic": len(posts) - in_character}
    for number, account in enumerate(report.parts.values(), start=1):
        in_part = collections.Counter(defect.reason for defect in DEFECTS if defect.part == number)
        assert {r: n for r, n in account.dropped.items() if r != "not_ic"} == in_part


def test_the_sample_corpus_holds_every_thread_and_has_threads_to_hold_out(demo_home):
    report = report_of(demo_home)
    assert sum(report.threads.values()) == len(list(THREADS.glob("*.yaml")))
    assert min(report.threads["valid"], report.threads["test"]) >= 2
    assert report.messages["train"] > report.total.kept / 2


def test_the_report_of_the_sample_corpus_says_where_it_is_from_and_what_was_done(demo_home, demo_archive):
    recipe = load_recipe(DEMO, [f"corpus.archive.base={demo_archive}"])
    report, summary = report_of(demo_home), run_corpus(recipe, demo_home)
    assert list(report.lineage.inputs) == [part.name for part in recipe.corpus.archive.parts]
    assert min(report.cleaning[rule].posts for rule in ("html", "emphasis")) > 0
    assert {reason for reason in report.rejects if reason.startswith("malformed")} == {
        defect.reason for defect in DEFECTS if defect.reason.startswith("malformed")
    }
    assert {split: overlap.above for split, overlap in report.leakage.splits.items()} == {"valid": 0, "test": 0}
    assert report.digest in pathlib.Path(summary["page"]).read_text()
    assert pathlib.Path(summary["report"]).parent == pathlib.Path(summary["page"]).parent


def test_a_second_run_does_nothing_and_says_so(demo_home, demo_archive):
    recipe = load_recipe(DEMO, [f"corpus.archive.base={demo_archive}"])
    before = {path: path.stat().st_mtime_ns for path in demo_home.rglob("*") if path.is_file()}
    assert run_download(recipe, demo_home)["unchanged"] is True
    assert run_corpus(recipe, demo_home, part="uuub3g")["unchanged"] is True
    assert run_corpus(recipe, demo_home)["unchanged"] is True
    after = {path: path.stat().st_mtime_ns for path in demo_home.rglob("*") if path.is_file()}
    assert {p: t for p, t in after.items() if p.suffix != ".lock"} == {
        p: t for p, t in before.items() if p.suffix != ".lock"
    }


def test_the_digest_knows_recipe_and_parts_but_not_where_they_lie(archive, home):
    archive.add("p1", csv_bytes([post("one"), post("two", at="2020-01-01T11:00:00")]))

    def digest(**corpus):
        run_download(archive.recipe(**corpus), home)
        return run_corpus(archive.recipe(**corpus), home)["digest"]

    first = digest()
    assert digest(base=archive.folder.as_uri()) == first
    assert digest(clean={"emphasis": "drop"}) != first
    assert digest(policy={"exclude_tags": []}) != first
    assert digest(min_posts=2) != first
    archive.names.clear()
    archive.add("p1", csv_bytes([post("changed")]))
    assert digest() != first


def test_latest_follows_the_recipe_back_and_forth(archive, home):
    archive.add("p1", csv_bytes([post("one")]))
    run_download(archive.recipe(), home)
    first = run_corpus(archive.recipe(), home)["digest"]
    run_corpus(archive.recipe(clean={"emoji": "keep"}), home)
    summary = run_corpus(archive.recipe(), home)
    assert (summary["digest"], summary["unchanged"]) == (first, True)
    assert json.loads((home / "corpus/small/latest.json").read_text()) == {"digest": first}


def test_without_download_the_job_says_what_to_do(archive, home):
    archive.add("p1", csv_bytes([post("one")]))
    with pytest.raises(JobError, match=r"raw/small/p1\.7z: is not there or not whole; run the job download first"):
        run_corpus(archive.recipe(), home)


def test_a_damaged_part_stops_the_build_and_leaves_no_corpus(archive, home):
    path = archive.add("p1", csv_bytes([post("some words " * 50)]))
    content = bytearray(path.read_bytes())
    content[40:60] = bytes(20)
    path.write_bytes(content)
    run_download(archive.recipe(), home)
    with pytest.raises(JobError, match=r"p1\.7z: damaged archive"):
        run_corpus(archive.recipe(), home)
    left = [path for path in (home / "corpus").rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert left == []


def test_a_record_that_gets_lost_fails_the_job(archive, home):
    archive.add("p1", csv_bytes([post("one")]))
    run_download(archive.recipe(), home)
    run_corpus(archive.recipe(), home, part="p1")
    (path,) = home.glob("corpus/small/parts/p1-*/part.json")
    facts = json.loads(path.read_text())
    path.write_text(json.dumps(facts | {"account": {"records": 2, "kept": 1, "dropped": {"empty": 1}}}))
    with pytest.raises(JobError, match=r"does not add up \(.*2 records, but 1 kept .*: 1 unaccounted for"):
        run_corpus(archive.recipe(), home)
    assert not (home / "corpus/small/latest.json").exists()


def write_recipe(archive, path):
    """`archive`'s recipe as a file."""
    path.write_text(json.dumps(archive.recipe().model_dump(mode="json")))
    return path


KILLS = 20
VOCABULARY = [f"{start}{end}" for start in ("bran", "tor", "mel", "sha", "ul") for end in ("den", "wick", "ow", "ith")]


@pytest.fixture
def long_archive(archive):
    """Four parts that keep the job busy for some seconds, with copies, near-copies and threads in two parts."""
    words = random.Random(11)
    texts = [" ".join(words.choices(VOCABULARY, k=120)) for _ in range(3_000)]
    for part in range(4):
        rows = []
        for n in range(2_500):
            text = words.choice(texts) if n % 50 == 0 else " ".join(words.choices(VOCABULARY, k=120))
            title = f"Thread {part * 200 + n // 10}"
            at = f"2020-0{part + 1}-01T{n // 120:02}:{n % 60:02}:00"
            rows.append(post(f"<p>{text} & <em>on</em></p>", author=f"author {n % 7}", title=title, at=at))
        archive.add(f"p{part}", csv_bytes(rows))
    return archive


def corpus_of(home):
    """The bytes of every file of the current corpus, and its digest."""
    folder = home / "corpus/small" / report_of(home, "small").digest
    return folder.name, contents(folder)


def start_job(recipe, home):
    """The job `corpus` in a session of its own."""
    command = [sys.executable, "-m", "jobs", "corpus", "--recipe", str(recipe), "--home", str(home)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def wait_until_session_is_empty(session, seconds=20):
    """Fail when a process of the session is still there after `seconds`."""
    deadline = time.monotonic() + seconds
    while left := [pid for pid in psutil.pids() if _session_of(pid) == session]:
        assert time.monotonic() < deadline, f"still there: {[psutil.Process(pid).cmdline() for pid in left]}"
        time.sleep(0.02)


def _session_of(pid):
    try:
        return os.getsid(pid) if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE else None
    except (ProcessLookupError, psutil.NoSuchProcess):
        return None


@pytest.mark.slow
def test_killed_twenty_times_it_ends_with_the_same_corpus(long_archive, home, tmp_path):
    recipe = write_recipe(long_archive, tmp_path / "recipe.json")
    undisturbed = tmp_path / "never killed"
    run_download(long_archive.recipe(), undisturbed)
    shutil.copytree(undisturbed / "raw", home / "raw")
    begin = time.monotonic()
    assert start_job(recipe, undisturbed).wait(120) == 0
    duration = time.monotonic() - begin
    expected = corpus_of(undisturbed)

    root, moments = home / "corpus/small", random.Random(3)
    kills, in_the_middle = 0, 0
    while kills < KILLS:
        running = start_job(recipe, home)
        try:
            assert running.wait(moments.uniform(0.2, 1) * duration) == 0
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
            wait_until_session_is_empty(running.pid)
            kills += 1
            in_the_middle += any(root.rglob("*.partial"))
        else:  # done before it could be killed: once more from the beginning
            assert corpus_of(home) == expected
            shutil.rmtree(root)
    assert in_the_middle > KILLS / 4, "the kills met it at work"

    last = start_job(recipe, home)
    assert last.wait(120) == 0
    wait_until_session_is_empty(last.pid)
    assert corpus_of(home) == expected
    assert not list(root.rglob("*.partial"))


def test_the_command_line_ends_with_the_summary(archive, home, tmp_path):
    archive.add("p1", csv_bytes([post("one")]))
    recipe = write_recipe(archive, tmp_path / "recipe.json")
    done = job("download", "--recipe", recipe, "--part", "p1", home=home)
    assert done.returncode == 0
    assert json.loads(done.stdout)["part"] == "p1"
    assert "p1.7z" in done.stderr


@pytest.mark.parametrize("name", ["download", "corpus"])
def test_a_misspelt_key_is_one_line_and_exit_code_2(archive, home, tmp_path, name):
    archive.add("p1", csv_bytes([post("one")]))
    recipe = write_recipe(archive, tmp_path / "recipe.json")
    done = job(name, "--recipe", recipe, "--set", "corpus.min_post=3", home=home)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{recipe}: corpus.min_post: unknown key, did you mean 'min_posts'?\n"


def test_what_a_person_can_mend_is_one_line_and_exit_code_1(archive, home, tmp_path):
    path = archive.add("p1", csv_bytes([post("one")]))
    recipe = write_recipe(archive, tmp_path / "recipe.json")
    path.unlink()
    done = job("download", "--recipe", recipe, home=home)
    assert (done.returncode, done.stdout) == (1, "")
    expected = f"download: {path}: No such file or directory; check corpus.archive.base and the part's file\n"
    assert done.stderr == expected
