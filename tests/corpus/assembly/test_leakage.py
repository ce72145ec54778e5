"""How much of the held-out posts stands in train: figures against a slow count, and what is dropped."""

import random

import pytest

from contracts.recipe import Split
from jobs.corpus.assembly import leakage
from jobs.corpus.assembly.split import split_of
from jobs.corpus.parsing.thread_table import thread_number
from tests.corpus.archives import post
from tests.corpus.built import build
from tests.corpus.duplicates.planted import text

SHARES = {"valid": 0.3, "test": 0.3}
TAGS = ("Casual", "Fantasy")


def titles(split, count):
    """Titles of threads that are dealt to `split` when they hang together with none."""
    found = (f"Thread {n}" for n in range(1_000_000))
    fitting = (title for title in found if split_of(thread_number(title, TAGS), Split(**SHARES)) == split)
    return [next(fitting) for _ in range(count)]


def grams(words):
    return [tuple(words[i : i + 13]) for i in range(len(words) - 12)]


def shares_of_posts(corpus, split):
    """(13-grams, those of them in train) of each post of a held-out split, slowly."""
    threads = corpus.threads().values()
    train = {g for t in threads if t["split"] == "train" for m in t["messages"] for g in grams(m["text"].split())}
    of_posts = [grams(m["text"].split()) for t in threads if t["split"] == split for m in t["messages"]]
    return [(len(found), sum(g in train for g in found)) for found in of_posts if found]


def test_a_held_out_post_that_stands_in_a_longer_one_is_dropped(archive, home):
    rng = random.Random(1)
    contained, long = text(rng, 60), text(rng, 300)
    held_out, whole = titles("test", 2), titles("train", 1)[0]
    rows = [
        post(f"{long} {contained} {text(rng, 200)}", title=whole),
        post(contained, "bob", title=held_out[0]),
        *(post(text(rng, 50), author, title=held_out[0]) for author in ("ann", "bob")),
        post(" ".join(contained.split()[:32]), "bob", title=held_out[1]),
        post(text(rng, 30), "ann", title=held_out[1]),
        post("in train", title=whole),
    ]
    corpus = build(archive, home, rows, min_posts=2, split=SHARES)
    assert corpus.dropped() == sorted(
        [("overlap", contained), ("overlap", rows[4][-1]), ("excluded.min_posts", rows[5][-1])]
    )
    assert set(corpus.threads()) == {held_out[0], whole}
    found = corpus.report.leakage
    assert (found.gram_words, found.one_in, found.max_overlap) == (13, 1, 0.5)
    assert (found.splits["test"].posts, found.splits["test"].shared, found.splits["test"].worst) == (2, 0, 0)
    assert found.splits["test"].above == 0
    kept = build(archive, home, min_posts=2, split=SHARES | {"max_overlap": 1.0})
    assert kept.dropped() == []
    assert kept.report.leakage.splits["test"].worst == 1


@pytest.fixture
def quoting(archive, home):
    """Builds a corpus in which held-out posts quote train, each by another share."""

    def quoting(**split):
        rng = random.Random(2)
        trained = [text(rng, 400) for _ in range(20)]
        rows = [post(words, title=title) for words, title in zip(trained, titles("train", 20), strict=True)]
        for split_name in ("valid", "test"):
            for title in titles(split_name, 20):
                for author in ("ann", "bob"):
                    start, own = rng.randrange(300), rng.randrange(10, 80)
                    quoted = rng.choice(trained).split()[start : start + rng.randrange(90)]
                    rows.append(post(" ".join([*text(rng, own).split(), *quoted]), author, title=title))
        return build(archive, home, rows, split=SHARES | split)

    return quoting


def test_the_figures_are_those_of_a_slow_count(quoting):
    corpus = quoting(max_overlap=0.4)
    assert 0 < corpus.report.total.dropped["overlap"] < 80
    for split, found in corpus.report.leakage.splits.items():
        slow = shares_of_posts(corpus, split)
        assert (found.posts, found.grams, found.shared) == (len(slow), sum(g for g, _ in slow), sum(s for _, s in slow))
        assert found.worst == pytest.approx(max(s / g for g, s in slow), abs=1e-4)
        assert 0 < found.worst <= 0.4
        assert found.above == 0


def test_what_is_dropped_is_what_is_above(quoting, archive, home):
    all_posts = quoting(max_overlap=1.0)
    above = sum(s > 0.4 * g for split in ("valid", "test") for g, s in shares_of_posts(all_posts, split))
    assert build(archive, home, split=SHARES | {"max_overlap": 0.4}).report.total.dropped == {"overlap": above}


def test_a_sample_of_the_grams_says_nearly_the_same(quoting, monkeypatch):
    monkeypatch.setattr(leakage, "HELD_OUT", 1_800)
    corpus = quoting(max_overlap=1.0)
    found = corpus.report.leakage
    assert found.one_in == 5
    for split, overlap in found.splits.items():
        slow = shares_of_posts(corpus, split)
        exact = sum(s for _, s in slow) / sum(g for g, _ in slow)
        assert overlap.grams == pytest.approx(sum(g for g, _ in slow) / found.one_in, rel=0.15)
        assert overlap.shared / overlap.grams == pytest.approx(exact, abs=0.06)


def test_without_held_out_threads_there_is_nothing_to_compare(archive, home):
    found = build(archive, home, [post("Hi.")], split={"valid": 0, "test": 0}).report.leakage
    assert [(o.posts, o.grams, o.worst) for o in found.splits.values()] == [(0, 0, 0)] * 2
