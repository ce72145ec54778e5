"""Win rates and Wilson's interval against published values and hand-worked cases."""

import pytest

from webapp.insights.win_rate import Count, records, wilson

BASE, ADAPTER = "SmolLM2-135M-Instruct", "demo@0123456789ab"


def test_it_works():
    interval = wilson(6, 10)
    assert 0.3 < interval.low < 0.6 < interval.high < 0.85


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [  # Newcombe (1998), Statistics in Medicine 17: 857-872, table I, method 3 (score, no continuity correction)
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_published_intervals(successes, trials, low, high):
    interval = wilson(successes, trials)
    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)


def test_half_wins_lie_between_whole_ones():
    assert wilson(5, 10).low < wilson(5.5, 10).low < wilson(6, 10).low


@pytest.mark.parametrize(
    ("successes", "trials", "confidence"), [(0, 0, 0.95), (11, 10, 0.95), (-1, 10, 0.95), (1, 2, 1)]
)
def test_impossible_counts_are_refused(successes, trials, confidence):
    with pytest.raises(ValueError, match="no interval"):
        wilson(successes, trials, confidence)


def test_sides_are_folded_ties_are_half_and_bothbad_stands_apart():
    (record,) = records(
        [
            Count(ADAPTER, BASE, "left", 3),  # adapter wins on the left …
            Count(BASE, ADAPTER, "right", 2),  # … and on the right
            Count(ADAPTER, BASE, "right", 1),
            Count(BASE, ADAPTER, "tie", 2),
            Count(ADAPTER, BASE, "bothbad", 4),
        ]
    )
    assert (record.adapter, record.base) == (ADAPTER, BASE)
    assert (record.wins, record.losses, record.ties, record.bothbad, record.votes) == (5, 1, 2, 4, 12)
    assert record.rate == pytest.approx((5 + 1) / 8)
    assert record.interval == wilson(6, 8)


def test_only_bothbad_gives_no_rate():
    (record,) = records([Count(ADAPTER, BASE, "bothbad", 3)])
    assert record.rate is None and record.interval is None


def test_versions_are_kept_apart():
    other = "demo@ba9876543210"
    found = records([Count(ADAPTER, BASE, "left", 1), Count(other, BASE, "left", 2), Count(ADAPTER, other, "left", 9)])
    assert [(record.adapter, record.wins) for record in found] == [(ADAPTER, 1), (other, 2)]
