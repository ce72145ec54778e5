"""Agreement against a published table, a hand-worked case, and voters who follow chance."""

import time

import krippendorff
import numpy as np
import pytest

from webapp.insights.ratings.agreement import agreement

# K. Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", section C: 4 observers, 12 units, nominal .743
OBSERVERS = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."]


def test_krippendorffs_published_example():
    votes = [(unit, said) for row in OBSERVERS for unit, said in enumerate(row.split()) if said != "."]
    found = agreement(*map(np.array, zip(*votes, strict=True)))
    assert found.alpha.value == pytest.approx(0.743, abs=5e-4)
    assert (found.battles, found.votes) == (11, 40)  # the last unit was judged once
    assert found.alpha.low < 0.743 < found.alpha.high <= 1


def test_it_is_the_reference_librarys_alpha():
    rng = np.random.default_rng(3)
    voters = rng.integers(1, 5, 300)
    battle, choice = (
        np.repeat(np.arange(300), voters),
        rng.choice(["left", "right", "tie"], voters.sum(), p=[0.6, 0.3, 0.1]),
    )
    counts = np.array([[(choice[battle == unit] == said).sum() for said in np.unique(choice)] for unit in range(300)])
    reference = krippendorff.alpha(value_counts=counts, level_of_measurement="nominal")
    assert agreement(battle, choice).alpha.value == pytest.approx(reference, abs=1e-12)


def test_a_hundred_thousand_shared_battles_are_no_matter():
    rng = np.random.default_rng(4)
    began = time.process_time()
    found = agreement(np.repeat(np.arange(100_000), 3), rng.integers(0, 4, 300_000))
    assert time.process_time() - began < 5
    assert abs(found.alpha.value) < 0.01 and found.pairwise.high - found.pairwise.low < 0.01


def test_pairwise_agreement_by_hand():
    """Three on one battle, two alike: 1 of 3 pairs. Two on another, alike: 1 of 1."""
    found = agreement(np.array([7, 7, 7, 8, 8, 9]), np.array(["x", "x", "y", "x", "x", "y"]))
    assert found.pairwise.value == pytest.approx(2 / 4)
    assert (found.pairwise.low, found.pairwise.high) == pytest.approx((1 / 3, 1))


def test_chance_gives_no_alpha_and_full_agreement_one():
    rng = np.random.default_rng(1)
    battle, chance = np.repeat(np.arange(500), 3), rng.integers(0, 4, 1500)
    found = agreement(battle, chance, replicates=300)
    assert found.alpha.low < 0 < found.alpha.high
    assert found.pairwise.low < 0.25 < found.pairwise.high
    alike = agreement(battle, np.repeat(rng.integers(0, 4, 500), 3), replicates=100)
    assert (alike.alpha.value, alike.alpha.low, alike.pairwise.value) == (1, 1, 1)


def test_the_interval_narrows_with_battles():
    rng = np.random.default_rng(2)

    def width(battles):
        truth = np.repeat(rng.integers(0, 3, battles), 4)
        said = np.where(rng.random(4 * battles) < 0.7, truth, rng.integers(0, 3, 4 * battles))
        alpha = agreement(np.repeat(np.arange(battles), 4), said, replicates=300).alpha
        assert alpha.low < 0.49 < alpha.high  # 0.7²: both followed the truth
        return alpha.high - alpha.low

    assert width(1600) < 0.6 * width(100)


def test_what_cannot_be_told_is_none():
    single = agreement(np.array([1, 2]), np.array([0, 1]))
    assert (single.battles, single.alpha.value, single.pairwise.value) == (0, None, None)
    same = agreement(np.array([1, 1]), np.array([0, 0]))
    assert (same.alpha.value, same.pairwise.value) == (None, 1)
    with pytest.raises(ValueError, match="rows"):
        agreement(np.array([1, 1]), np.array([0]))
