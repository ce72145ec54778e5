"""Threads that a policy takes out leave nothing but their places.

The texts with listed terms are put together from the lists of jobs/corpus/policy.py by this code.
"""

import json
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from jobs.corpus.parsing.thread_table import thread_number
from jobs.corpus.policy import MINOR_TERMS, REASON, SEXUAL_TERMS
from tests.corpus.archives import post
from tests.corpus.built import Built, at, build

SEXUAL = next(term for term in SEXUAL_TERMS if term.isalpha())
MINOR = next(term for term in MINOR_TERMS if term.isalpha())
MARK = "zyxflagged"
"""Stands in everything that belongs to the flagged thread."""
ROWS = {
    "two posts": [post(f"{MARK} one {SEXUAL}", at=at(1)), post(f"{MARK} two {MINOR}", "bob", at(2))],
    "out of character": [post(f"{MARK} one", at=at(1)), post(f"{MARK} {SEXUAL} {MINOR}", at=at(2), type="OOC")],
    "character sheet": [post(f"{MARK} {SEXUAL}", at=at(1)), post(f"{MARK} {MINOR}", at=at(2), type="Char")],
    "adult tag": [post(f"{MARK} {SEXUAL} {MINOR}", at=at(1), tags="['18+', 'Fantasy']")],
}


def titled(rows, title):
    return [(title, *row[1:]) for row in rows]


def leaks(corpus: Built) -> list[str]:
    """The files of the corpus folder in which something of the flagged thread stands."""
    texts = {path: str(pq.read_table(path).to_pylist()) for path in corpus.folder.rglob("*.parquet")}
    texts |= {path: path.read_text() for path in corpus.folder.rglob("report.*")}
    assert len(texts) >= 3 + 1 + 3 + 2
    return [str(path.relative_to(corpus.folder)) for path, text in texts.items() if MARK in text]


OTHERS = [post("The gate opens.", at=at(1), title="Kept"), post("Nothing.", at=at(2), type="OOC", title="Kept")]


@pytest.mark.parametrize("case", ROWS)
def test_a_flagged_thread_leaves_nothing_but_its_places(archive, home, case):
    rows = titled(ROWS[case], f"{MARK} title")
    corpus = build(archive, home, rows[:1] + OTHERS, rows[1:])
    assert corpus.texts() == {"Kept": ["The gate opens."]}
    flagged = [
        row for row in corpus.rejects() if MARK in corpus.record(row["part"], row["byte_offset"])["thread_title"]
    ]
    assert len(flagged) == len(rows)
    assert [row["raw"] is None for row in flagged] == [True] * len(rows)
    in_character = [row for row in rows if row[1] == "IC"]
    assert corpus.report.total.dropped[REASON] == len(in_character)
    assert leaks(corpus) == []


def test_the_title_is_a_sign_too(archive, home):
    rows = titled([post(f"{MARK} {SEXUAL}", at=at(1))], f"{MARK} {MINOR}")
    corpus = build(archive, home, rows, OTHERS)
    assert corpus.report.total.dropped == {REASON: 1, "not_ic": 1}
    assert leaks(corpus) == []


def test_the_log_and_the_summary_say_nothing_of_it(archive, home, tmp_path):
    rows = titled(ROWS["two posts"], f"{MARK} title")
    build(archive, home, rows + OTHERS)
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps(archive.recipe(min_posts=2).model_dump(mode="json")))
    command = [sys.executable, "-m", "jobs", "corpus", "--recipe", str(recipe), "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "stage report" in done.stderr
    assert [word in done.stderr + done.stdout for word in (MARK, SEXUAL)] == [False, False]


def test_one_sign_alone_or_the_rule_switched_off_leaves_the_thread(archive, home):
    rows = [post(f"one {SEXUAL}", at=at(1), title="One"), post(f"two {MINOR}", at=at(1), title="Two")]
    both = titled(ROWS["two posts"], "Both")
    assert sorted(build(archive, home, rows + both).threads()) == ["One", "Two"]
    assert sorted(build(archive, home, policy={"sexual_minors": False}).threads()) == ["Both", "One", "Two"]


def test_a_thread_named_by_the_recipe_leaves_nothing_but_its_places(archive, home):
    rows = titled([post(f"{MARK} one", at=at(1)), post(f"{MARK} two", type="OOC")], f"{MARK} title")
    thread = f"{thread_number(f'{MARK} title', ('Casual', 'Fantasy')):016x}"
    corpus = build(archive, home, rows + OTHERS, policy={"exclude_threads": [thread]})
    assert corpus.texts() == {"Kept": ["The gate opens."]}
    assert corpus.report.total.dropped == {"excluded.request": 1, "not_ic": 2}
    assert leaks(corpus) == []
