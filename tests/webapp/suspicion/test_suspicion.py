"""Each rule finds its dishonest voters among honest ones, and leaves honest ones alone."""

import dataclasses

import numpy as np
import pytest

from webapp.insights.suspicion import RULES, CastVotes, coordinated, flags, one_sided, scripted, too_fast

HOUR = 3600.0


def honest(generator: np.random.Generator, voters: int = 200, votes: int = 2000) -> CastVotes:
    """People with tastes of their own between two models, over a month; some vote much more than others."""
    activity = generator.pareto(1.5, voters) + 0.2
    voter = generator.choice(voters, votes, p=activity / activity.sum())
    taste = generator.beta(3, 2.5, voters)
    first_is_left = generator.random(votes) < 0.5
    likes_first = generator.random(votes) < taste[voter]
    tie = generator.random(votes) < 0.15
    side = np.where(tie, 0, np.where(likes_first == first_is_left, -1, 1))
    words = generator.integers(60, 300, votes)
    hesitated = generator.lognormal(1.2, 0.6, votes)
    return CastVotes(
        voter=voter,
        side=side,
        preferred=np.where(tie, -1, np.where(likes_first, 0, 1)),
        against=np.where(tie, -1, np.where(likes_first, 1, 0)),
        at=1.7e9 + generator.random(votes) * 30 * 24 * HOUR,
        read_s=words / 6 + hesitated,
        hesitated_s=hesitated,
        words=words,
    )


def joined(votes: CastVotes, **more) -> CastVotes:
    """`votes` and others behind them, of whom `more` says what differs from honest ones."""
    count = max(np.size(values) for values in more.values())
    rows = dataclasses.asdict(honest(np.random.default_rng(9), votes=count)) | more
    return CastVotes(
        **{
            name: np.concatenate([getattr(votes, name), np.broadcast_to(values, count)])
            for name, values in rows.items()
        }
    )


@pytest.fixture(scope="module")
def crowd() -> CastVotes:
    return honest(np.random.default_rng(1))


def test_honest_people_are_left_alone():
    flagged = {rule.__name__: 0 for rule in RULES}
    for seed in range(100):
        for flag in flags(honest(np.random.default_rng(seed))):
            flagged[flag.rule] += 1
    assert flagged == {rule.__name__: 0 for rule in RULES}


def test_who_always_takes_the_left_side_is_found_alone(crowd):
    votes = joined(crowd, voter=1000, side=np.full(40, -1))
    [flag] = one_sided(votes)
    assert set(votes.voter[flag.votes]) == {1000}
    assert len(flag.votes) == 40
    assert flag.says == "40 of 40 votes for a side went to the left."


def test_a_strong_taste_for_one_model_is_no_one_sidedness(crowd):
    sides = np.where(np.random.default_rng(3).random(60) < 0.5, -1, 1)
    assert one_sided(joined(crowd, voter=1000, side=sides, preferred=0, against=1)) == []


def test_votes_before_anybody_could_have_read_are_pointed_at(crowd):
    read = np.where(np.arange(12) < 9, 2.0, 60.0)
    votes = joined(crowd, voter=1000, read_s=read, words=200)
    [flag] = too_fast(votes)
    assert len(flag.votes) == 9 and set(votes.read_s[flag.votes]) == {2.0}
    assert flag.says == "9 of 12 votes came faster than 15 words a second."


def test_one_slip_of_the_finger_is_no_haste(crowd):
    assert too_fast(joined(crowd, voter=1000, read_s=np.where(np.arange(12) < 1, 1.0, 60.0), words=200)) == []


def test_a_clock_behind_the_votes_is_heard(crowd):
    ticks = 2.0 + np.random.default_rng(2).normal(0, 0.05, 15)
    votes = joined(crowd, voter=1000, hesitated_s=ticks)
    [flag] = scripted(votes)
    assert flag.rule == "scripted" and set(votes.voter[flag.votes]) == {1000}


def test_a_crowd_of_newcomers_that_agrees_is_found_and_nobody_else(crowd):
    hour = 1.7e9 - (1.7e9 % HOUR) + 5 * HOUR
    size = 25
    newcomers = 1000 + np.arange(size)
    votes = joined(crowd, voter=newcomers, side=1, preferred=1, against=0, at=hour + np.linspace(0, HOUR - 1, size))
    [flag] = coordinated(votes)
    assert set(newcomers) <= set(votes.voter[flag.votes])
    assert len(flag.votes) <= size + 3, "those who debuted in that hour by chance may stand beside them"


def test_newcomers_who_differ_are_no_conspiracy(crowd):
    hour = 1.7e9 - (1.7e9 % HOUR) + 5 * HOUR
    chosen = np.arange(25) % 2
    votes = joined(crowd, voter=1000 + np.arange(25), side=1, preferred=chosen, against=1 - chosen, at=hour + 10.0)
    assert coordinated(votes) == []


def test_no_votes_give_no_flags():
    nothing = CastVotes(**{field.name: np.empty(0) for field in dataclasses.fields(CastVotes)})
    assert flags(nothing) == []


def test_arrays_of_different_lengths_are_refused():
    rows = {field.name: np.zeros(3) for field in dataclasses.fields(CastVotes)} | {"at": np.zeros(2)}
    with pytest.raises(ValueError, match=r"one length.*'at': 2"):
        CastVotes(**rows)
