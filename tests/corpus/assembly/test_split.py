"""Who is held out: shares, what hangs together, and that no new part moves a thread."""

import collections

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.recipe import Split
from jobs.corpus.assembly.split import Links, deal, split_of
from tests.corpus.archives import post
from tests.corpus.built import build

SHARES = Split(valid=0.25, test=0.25)


@pytest.mark.parametrize("shares", [Split(valid=0.1, test=0.15), Split(valid=0, test=0.5), Split(valid=0, test=0)])
def test_the_split_meets_its_shares_on_average(shares):
    counts = collections.Counter(split_of(n, shares) for n in range(20_000))
    assert counts["valid"] == pytest.approx(20_000 * shares.valid, abs=300)
    assert counts["test"] == pytest.approx(20_000 * shares.test, abs=300)


@st.composite
def archives(draw):
    """Parts of threads that begin there, and links (part, one, other), a link not before its threads."""
    ids = draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=25, unique=True))
    first_part = {thread: draw(st.integers(0, 4)) for thread in ids}
    links = []
    for _ in range(draw(st.integers(0, 30))):
        one, other = draw(st.sampled_from(ids)), draw(st.sampled_from(ids))
        if one != other:
            links.append((draw(st.integers(max(first_part[one], first_part[other]), 4)), one, other))
    return first_part, links


def dealt(first_part, links, parts):
    """Thread to split when the archive has the first `parts` parts."""
    threads = sorted(thread for thread, part in first_part.items() if part < parts)
    here = [link for link in links if link[0] < parts]
    part, one, other = (np.array([link[column] for link in here], kind) for column, kind in enumerate("qQQ"))
    starts = np.array([first_part[thread] for thread in threads], np.int64)
    found = deal(np.array(threads, np.uint64), starts, Links(one, other, part), SHARES)
    return dict(zip(threads, found.tolist(), strict=True))


@settings(max_examples=400)
@given(archives())
def test_later_parts_move_no_thread(drawn):
    first_part, links = drawn
    whole = dealt(first_part, links, 5)
    assert set(whole) == set(first_part)
    for parts in range(1, 5):
        early = dealt(first_part, links, parts)
        assert early == {thread: whole[thread] for thread in early}


def _hang_together(first_part, links, part):
    """The sets of threads that begin in `part` and are linked by then, directly or through one another."""
    group = {thread: {thread} for thread, first in first_part.items() if first == part}
    for link_part, one, other in links:
        if link_part <= part and one in group and other in group and group[one] is not group[other]:
            joined = group[one] | group[other]
            group |= dict.fromkeys(joined, joined)
    return {frozenset(threads) for threads in group.values()}


@settings(max_examples=400)
@given(archives())
def test_new_threads_that_hang_together_go_where_the_oldest_they_know_went(drawn):
    first_part, links = drawn
    splits = dealt(first_part, links, 5)
    for part in range(5):
        for threads in _hang_together(first_part, links, part):
            ends = [(a, b) for link_part, *pair in links if link_part <= part for a, b in (pair, pair[::-1])]
            older = [b for a, b in ends if a in threads and first_part[b] < part]
            oldest = min(older, key=lambda thread: (first_part[thread], thread), default=None)
            expected = (
                splits[oldest]
                if oldest is not None
                else ["train", "valid", "test"].index(split_of(min(threads), SHARES))
            )
            assert {splits[thread] for thread in threads} == {expected}


def sentence(n):
    """A long line of its own."""
    return " ".join(f"w{n}x{k}" for k in range(40))


def where(corpus):
    return {title: row["split"] for title, row in corpus.threads().items()}


SPLIT = {"valid": 0.2, "test": 0.3}


def test_a_ninth_part_moves_no_thread_and_linked_new_ones_follow(archive, home):
    parts = [[post(sentence(100 * p + n), title=f"Old {p} {n}") for n in range(6)] for p in range(8)]
    before = where(build(archive, home, *parts, split=SPLIT))
    assert set(before.values()) == {"train", "valid", "test"}
    old = {split: [title for title in sorted(before) if before[title] == split] for split in ("train", "valid", "test")}
    text_of = {row[0]: row[-1] for rows in parts for row in rows}

    late = "2021-01-01T10:00:00"
    ninth = []
    for n, (one, other) in enumerate([("train", "test"), ("test", "valid"), ("valid", "train")]):
        ninth.append(post(text_of[old[one][n]], "bob", late, old[other][n]))  # a copy in a thread of another split
        ninth.append(post(text_of[old[other][n]] + " more", "bob", late, old[one][n]))  # and a near-duplicate
    for n, split in enumerate(old):
        ninth.append(post(text_of[old[split][4]] + " again", "bob", late, f"New {n}"))
        ninth.append(post(sentence(9_000 + n), "bob", late, f"New {n}"))
        ninth.append(post(sentence(9_000 + n) + " too", "bob", late, f"Newer {n}"))
        ninth.append(post(sentence(9_500 + n), "bob", late, f"Newer {n}"))
    corpus = build(archive, home, ninth, split=SPLIT)
    after = where(corpus)
    assert {title: after[title] for title in before} == before
    assert {title: after[title] for title in after if title not in before} == {
        f"{name} {n}": split for n, split in enumerate(old) for name in ("New", "Newer")
    }
    assert corpus.report.total.dropped == {"duplicate": 3, "near_duplicate": 9}
    assert [overlap.above for overlap in corpus.report.leakage.splits.values()] == [0, 0]


@pytest.mark.parametrize("by_author", [False, True])
def test_threads_of_one_author_are_in_one_split_when_the_recipe_says_so(archive, home, by_author):
    rows = [post(sentence(n), "ann", title=f"Thread {n}") for n in range(30)]
    corpus = build(archive, home, rows, split=SPLIT | {"by_author": by_author})
    assert len(set(where(corpus).values())) == (1 if by_author else 3)
    assert corpus.report.duplicates.largest_component == (30 if by_author else 1)


def test_threads_that_share_a_post_are_in_one_split(archive, home):
    rows = [post(sentence(n % 10), f"author {n}", f"2020-01-01T10:00:{n:02}", f"Thread {n}") for n in range(30)]
    rows += [post(f"Own words of {n}.", title=f"Thread {n}") for n in range(30)]
    splits = where(build(archive, home, rows, split=SPLIT))
    assert len(set(splits.values())) == 3
    for n in range(10):
        assert len({splits[f"Thread {m}"] for m in (n, n + 10, n + 20)}) == 1
