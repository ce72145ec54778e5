"""Near-duplicates in the job: planted pairs of known similarity, and what becomes of them."""

import random
from dataclasses import dataclass

import pytest

from tests.corpus.archives import post
from tests.corpus.built import Built, at, build
from tests.corpus.duplicates.planted import jaccard, text, variant

THRESHOLD = 0.55
KEEP_ALL = {"split": {"valid": 0, "test": 0}}


def stamp(second):
    return f"2020-01-{1 + second // 86_400:02}T{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}"


@dataclass
class Planted:
    """A corpus with pairs of posts at known similarity, later text first, among unrelated ones."""

    corpus: Built
    alike: dict[tuple[str, str], float]
    different: dict[tuple[str, str], float]
    time: dict[str, str]


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Planted:
    from tests.corpus.archives import Archive

    rng = random.Random(11)
    alike, different = {}, {}
    while len(alike) < 300 or len(different) < 150:
        original = text(rng, rng.randrange(40, 130))
        other = variant(rng, original, rng.randrange(1, 14))
        similarity = jaccard(original, other)
        if 0.6 <= similarity <= 0.95 and len(alike) < 300:
            alike[original, other] = similarity
        elif 0.2 <= similarity < THRESHOLD - 0.001 and len(different) < 150:
            different[original, other] = similarity
    texts = [t for pair in (*alike, *different) for t in pair] + [
        text(rng, rng.randrange(20, 120)) for _ in range(2_500)
    ]
    times = [stamp(second) for second in rng.sample(range(20 * 86_400), len(texts))]
    rows = [
        post(t, f"author {n % 50}", time, f"Thread {rng.randrange(60)}")
        for n, (t, time) in enumerate(zip(texts, times, strict=True))
    ]
    rng.shuffle(rows)
    folder = tmp_path_factory.mktemp("planted")
    (folder / "archive").mkdir()
    corpus = build(Archive(folder / "archive"), folder / "home", rows[::2], rows[1::2], **KEEP_ALL)
    return Planted(corpus, alike, different, dict(zip(texts, times, strict=True)))


def pairs_found(corpus: Built) -> dict[frozenset, float]:
    """The texts of each pair in duplicates/near_pairs.parquet, and its similarity."""
    return {
        frozenset(
            corpus.record(row[f"{side}_part"], row[f"{side}_byte_offset"])["message"] for side in ("a", "b")
        ): row["jaccard"]
        for row in corpus.duplicates("near_pairs")
    }


def test_nearly_all_pairs_above_the_threshold_are_found_and_no_other(planted):
    found = pairs_found(planted.corpus)
    expected = {frozenset(pair): similarity for pair, similarity in planted.alike.items()}
    assert set(found) <= set(expected)
    assert len(found) >= 0.95 * len(expected)
    assert found == {pair: pytest.approx(expected[pair]) for pair in found}


def test_of_each_pair_the_earlier_post_stays(planted):
    later = sorted(max(pair, key=planted.time.get) for pair in pairs_found(planted.corpus))
    assert planted.corpus.dropped() == [("near_duplicate", message) for message in later]
    kept = {message for texts in planted.corpus.texts().values() for message in texts}
    assert kept == planted.time.keys() - set(later)


def test_clusters_name_the_posts_and_which_one_stays(planted):
    clusters: dict[int, dict[str, bool]] = {}
    for row in planted.corpus.duplicates("clusters"):
        message = planted.corpus.record(row["part"], row["byte_offset"])["message"]
        clusters.setdefault(row["cluster"], {})[message] = row["kept"]
    assert {frozenset(members) for members in clusters.values()} == set(pairs_found(planted.corpus))
    for members in clusters.values():
        earliest = min(members, key=planted.time.get)
        assert members == {message: message == earliest for message in members}


def test_the_report_counts_them(planted):
    found, figures = pairs_found(planted.corpus), planted.corpus.report.duplicates
    assert (figures.near_pairs, figures.near_clusters, figures.near_dropped) == (len(found),) * 3
    assert figures.linked_threads > 1
    assert 1 < figures.largest_component <= figures.linked_threads


def test_a_chain_is_one_cluster(archive, home):
    rng = random.Random(2)
    first = text(rng, 100)
    words = first.split()
    second = " ".join([*(f"new{n}" for n in range(15)), *words[15:]])
    third = " ".join([*second.split()[:85], *(f"end{n}" for n in range(15))])
    assert min(jaccard(first, second), jaccard(second, third)) > THRESHOLD > jaccard(first, third)
    rows = [post(third, at=at(3)), post(first, at=at(1), title="Elsewhere"), post(second, at=at(2))]
    rows.append(post("Another line.", at=at(0)))
    corpus = build(archive, home, rows, **KEEP_ALL)
    assert corpus.dropped() == sorted([("near_duplicate", second), ("near_duplicate", third)])
    assert [row["kept"] for row in corpus.duplicates("clusters")].count(True) == 1


def test_what_hundreds_of_posts_share_is_one_cluster(archive, home):
    rng = random.Random(3)
    signature = text(rng, 60)
    rows = [post(f"{signature} {text(rng, 2)} {n}", at=stamp(1000 - n), title=f"Thread {n % 7}") for n in range(300)]
    corpus = build(archive, home, rows, **KEEP_ALL)
    assert [t for texts in corpus.texts().values() for t in texts] == [rows[-1][-1]]
    assert {row["cluster"] for row in corpus.duplicates("clusters")} == {0}
    assert corpus.report.duplicates.near_dropped == 299
    assert corpus.report.duplicates.largest_component == 7


def test_short_posts_never_pair(archive, home):
    rng = random.Random(4)
    long, short = text(rng, 20), text(rng, 19)
    rows = [post(f"{words}{mark}", at=at(n)) for n, (words, mark) in enumerate([(short, "."), (long, ".")])]
    rows += [post(f"{words} ", title="Elsewhere", at=at(9)) for words in (variant(rng, short, 0), long + " and")]
    rows += [post(f"{short.title()} !", title="Elsewhere", at=at(10))]
    corpus = build(archive, home, rows, **KEEP_ALL)
    assert corpus.dropped() == [("near_duplicate", f"{long} and ")]
    corpus = build(archive, home, duplicates={"near": {"min_words": 21}}, **KEEP_ALL)
    assert corpus.dropped() == []


def test_switched_off_the_files_are_empty(archive, home):
    rng = random.Random(5)
    words = text(rng, 50)
    rows = [post(words, at=at(1)), post(f"{words} more", at=at(2))]
    corpus = build(archive, home, rows, duplicates={"near": {"enabled": False}}, **KEEP_ALL)
    assert corpus.dropped() == []
    assert corpus.duplicates("near_pairs") == corpus.duplicates("clusters") == []
    assert build(archive, home, **KEEP_ALL).dropped() == [("near_duplicate", f"{words} more")]


def test_of_copies_the_kept_one_speaks_in_the_cluster(archive, home):
    rng = random.Random(6)
    words = text(rng, 50)
    rows = [post(words, at=at(5)), post(f"{words} more", at=at(3)), post(words, at=at(1), title="Elsewhere")]
    corpus = build(archive, home, rows, **KEEP_ALL)
    assert corpus.dropped() == [("duplicate", words), ("near_duplicate", f"{words} more")]
    assert corpus.texts() == {"Elsewhere": [words]}
