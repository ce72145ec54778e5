"""From posts to threads: what belongs together, what is dropped and why, who is held out."""

import collections
import json

import duckdb
import pytest

from contracts.recipe import Split
from jobs.corpus.assembly.split import split_of
from jobs.corpus.assembly.threads import alias
from tests.corpus.archives import csv_bytes, post, run_corpus, run_download


def build(archive, home, **corpus):
    """Run both jobs. Returns the threads by title (columns as in DESIGN: title, tags, messages, ...)."""
    recipe = archive.recipe(**corpus)
    run_download(recipe, home)
    summary = run_corpus(recipe, home)
    folder = home / "corpus/small" / summary["digest"]
    files = [str(folder / split / "*.parquet") for split in ("train", "valid", "test")]
    threads = duckdb.sql(f"SELECT * FROM read_parquet({files})").to_arrow_table().to_pylist()
    return {thread["title"]: thread for thread in threads}


def dropped(home):
    """Reason and message of all dropped rows, from the newest corpus."""
    digest = json.loads((home / "corpus/small/latest.json").read_text())["digest"]
    rows = duckdb.sql(f"SELECT reason, raw FROM '{home}/corpus/small/{digest}/rejects/*.parquet'").fetchall()
    return sorted((reason, raw.rsplit(",", 1)[-1]) for reason, raw in rows)


def at(minute, hour=10):
    return f"2020-01-01T{hour}:{minute:02}:00"


def test_a_row_is_as_the_design_says(archive, home):
    rows = [post("<p>Hi.</p>", "ann", at(1)), post("Ho [@ann]!", "bob", at(2)), post("Hum.", "ann", at(3))]
    archive.add("p1", csv_bytes(rows))
    (thread,) = build(archive, home).values()
    assert list(thread) == ["thread_id", "title", "tags", "messages", "n_messages", "n_chars", "parts"]
    assert (thread["title"], thread["tags"], thread["parts"]) == ("The Gate", ["Casual", "Fantasy"], ["p1"])
    assert [(message["author"], message["text"]) for message in thread["messages"]] == [
        ("Player A", "Hi."),
        ("Player B", "Ho Player A!"),
        ("Player A", "Hum."),
    ]
    assert thread["messages"][0]["timestamp"].isoformat() == at(1)
    assert (thread["n_messages"], thread["n_chars"]) == (3, 3 + 12 + 4)


def test_a_thread_over_two_parts_is_one_thread_in_time_order(archive, home):
    archive.add("p1", csv_bytes([post("third", at=at(3)), post("first", at=at(1))]))
    archive.add("p2", csv_bytes([post("second", "bob", at=at(2)), post("fourth", "bob", at=at(4))]))
    (thread,) = build(archive, home).values()
    assert [message["text"] for message in thread["messages"]] == ["first", "second", "third", "fourth"]
    assert thread["parts"] == ["p1", "p2"]


def test_threads_that_only_look_alike_stay_apart(archive, home):
    titles = ["The Gate", "the gate", "The Gate!", "../The Gate", "The Gate"]
    tags = ["['A']"] * 4 + ["['B']"]
    rows = [post(f"text {n}", title=title, tags=tag) for n, (title, tag) in enumerate(zip(titles, tags, strict=True))]
    archive.add("p1", csv_bytes(rows))
    recipe = archive.recipe()
    run_download(recipe, home)
    assert sum(run_corpus(recipe, home)["threads"].values()) == 5


def test_of_exact_copies_the_earliest_stays(archive, home):
    rows = [
        post("<p>Same words.</p>", at=at(5)),
        post("Same &#119;ords.<br>", at=at(1)),
        post("Same words.", at=at(9), title="Elsewhere"),
        post("Same words.", "bob", at=at(7)),
        post("Else.", at=at(10), title="Elsewhere"),
    ]
    archive.add("p1", csv_bytes(rows))
    threads = build(archive, home)
    assert [(m["author"], m["timestamp"].minute) for m in threads["The Gate"]["messages"]] == [
        ("Player A", 1),
        ("Player B", 7),  # somebody else said the same: no copy
    ]
    assert [m["text"] for m in threads["Elsewhere"]["messages"]] == ["Else."]
    assert dropped(home) == [("duplicate", "<p>Same words.</p>"), ("duplicate", "Same words.")]


def test_a_copy_in_an_excluded_thread_does_not_count(archive, home):
    rows = [post("Words.", at=at(1), title="Adults", tags="['18+', 'Horror']"), post("Words.", at=at(2))]
    archive.add("p1", csv_bytes(rows))
    assert list(build(archive, home, exclude_tags=["18+"])) == ["The Gate"]
    assert dropped(home) == [("excluded.tag", "Words.")]


def test_excluded_tags_are_found_in_any_case(archive, home):
    archive.add("p1", csv_bytes([post("a", tags="['HORROR']"), post("b")]))
    assert list(build(archive, home, exclude_tags=["Horror"])) == ["The Gate"]
    assert dropped(home) == [("excluded.tag", "a")]


def test_short_threads_and_monologues_are_excluded(archive, home):
    rows = [
        *(post(f"long {n}", "ann" if n % 2 else "bob", at(n), "Long") for n in range(4)),
        *(post(f"short {n}", "ann" if n % 2 else "bob", at(n), "Short") for n in range(3)),
        *(post(f"alone {n}", "ann", at(n), "Alone") for n in range(4)),
        *(post(text, author, at(n), "Copies") for n, (text, author) in enumerate([("x", "ann")] * 3 + [("y", "bob")])),
    ]
    archive.add("p1", csv_bytes(rows))
    assert list(build(archive, home, min_posts=4, min_authors=2)) == ["Long"]
    reasons = collections.Counter(reason for reason, _ in dropped(home))
    assert reasons == {"excluded.min_posts": 3 + 2, "excluded.min_authors": 4, "duplicate": 2}


def test_forum_names_stay_behind(archive, home):
    rows = [
        post("Look, <a class='bb-mention'>@bob_the_bard</a>!", "AnnTheThird", at(1)),
        post("And [@somebody_else] too.", "bob_the_bard", at(2)),
        post("<p>[@AnnTheThird]</p><p>Yes.</p>", "bob_the_bard", at(3)),
    ]
    archive.add("p1", csv_bytes(rows))
    (thread,) = build(archive, home).values()
    assert [message["text"] for message in thread["messages"]] == ["Look, Player B!", "And too.", "Yes."]
    digest = json.loads((home / "corpus/small/latest.json").read_text())["digest"]
    for path in (home / "corpus/small" / digest).glob("t*/*.parquet"):
        assert b"bob_the_bard" not in path.read_bytes()


def test_aliases_go_on_after_z():
    assert [alias(n) for n in (0, 1, 25, 26, 27, 701, 702)] == [
        f"Player {letters}" for letters in ("A", "B", "Z", "AA", "AB", "ZZ", "AAA")
    ]


@pytest.mark.parametrize("shares", [Split(valid=0.1, test=0.15), Split(valid=0, test=0.5), Split(valid=0, test=0)])
def test_the_split_meets_its_shares_on_average(shares):
    counts = collections.Counter(split_of(f"{n:016x}", shares) for n in range(20_000))
    assert counts["valid"] == pytest.approx(20_000 * shares.valid, abs=300)
    assert counts["test"] == pytest.approx(20_000 * shares.test, abs=300)


def test_a_new_part_moves_no_thread(archive, home):
    def splits():
        recipe = archive.recipe(split={"valid": 0.2, "test": 0.3})
        run_download(recipe, home)
        folder = home / "corpus/small" / run_corpus(recipe, home)["digest"]
        return {
            thread_id: split
            for split in ("train", "valid", "test")
            for (thread_id,) in duckdb.sql(f"SELECT thread_id FROM '{folder}/{split}/*.parquet'").fetchall()
        }

    archive.add("p1", csv_bytes([post(f"{n}", title=f"Old {n}") for n in range(40)]))
    before = splits()
    archive.add("p2", csv_bytes([post(f"new {n}", title=f"New {n}") for n in range(40)] + [post("m", title="Old 3")]))
    after = splits()
    assert set(before.values()) == {"train", "valid", "test"}
    assert len(after) == 80
    assert {thread: after[thread] for thread in before} == before
