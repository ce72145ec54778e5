"""Somebody who tries to find out on which side the adapter stands, by how the words of a battle arrive.

In: the events of many battles, as a browser gets them, and the true sides. Out: the share that is guessed right, each
battle by what was learnt from others, and how often mere chance would do as well. The reader knows the texts, too:
whether gaps follow the long words of one side says who writes slowly, and so does how slow a whole battle is.

Every feature changes its sign when left and right are exchanged: as the sides are drawn evenly, no other kind can help.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

FOLDS = 10
PERMUTATIONS = 4000
AHEAD = (0, 6)
"""Words that the site may have in hand while it shows another."""
FIRST_WORDS = 6
STRENGTH = 1.0
"""Of the ridge."""
AN_INSTANT = 1e-4
"""Seconds; what comes at once has no gaps to divide by."""


@dataclass(frozen=True)
class Event:
    """What arrived at one moment (seconds from the request): some text of each side, or "" of one."""

    at: float
    left: str
    right: str


@dataclass(frozen=True)
class Told:
    """How well the sides were told apart."""

    accuracy: float
    chance: float
    """How often permuted sides are told apart as well: an exact p-value."""


def tell_apart(battles: Sequence[Sequence[Event]], adapter_right: Sequence[bool], seed: int) -> Told:
    """Cross-validated guesses of a linear and of a Gaussian kernel's ridge regression; the better of the two counts.

    The same is done with permuted sides, for which the better one counts as well.
    """
    return _told(_features(battles), adapter_right, seed)


def tell_apart_at_once(answers: Sequence[Event], adapter_right: Sequence[bool], seed: int) -> Told:
    """The same where both replies of a battle come in one answer: its time and the lengths are all there is."""
    return _told(_normal(np.array([_of_answer(answer) for answer in answers])), adapter_right, seed)


def _told(features: np.ndarray, adapter_right: Sequence[bool], seed: int) -> Told:
    chance = np.random.default_rng(seed)
    truth = np.where(adapter_right, 1.0, -1.0)
    sides = np.column_stack([truth, *(chance.permutation(truth) for _ in range(PERMUTATIONS))])
    folds = np.array_split(chance.permutation(len(truth)), FOLDS)
    right = np.max([_right(kernel, sides, folds) for kernel in _kernels(features)], axis=0)
    return Told(accuracy=float(right[0]), chance=float((right >= right[0]).mean()))


def _right(kernel: np.ndarray, sides: np.ndarray, folds: Sequence[np.ndarray]) -> np.ndarray:
    """Share of right guesses, by column of `sides`; each fold is guessed by what the others teach."""
    right = np.zeros(sides.shape[1])
    for fold in folds:
        known = np.setdiff1d(np.arange(len(sides)), fold)
        ridge = kernel[np.ix_(known, known)] + STRENGTH * np.eye(len(known))
        guesses = np.linalg.solve(ridge, kernel[np.ix_(known, fold)]).T @ sides[known]
        right += (np.sign(guesses) == sides[fold]).sum(0)
    return right / len(sides)


def _kernels(features: np.ndarray) -> Iterator[np.ndarray]:
    linear = features @ features.T / features.shape[1]
    squares = np.diag(linear)
    apart = squares[:, None] + squares[None, :] - 2 * linear
    yield linear
    yield np.exp(-apart / np.median(apart))


def _features(battles: Sequence[Sequence[Event]]) -> np.ndarray:
    """One row a battle."""
    own = np.array([_of_battle(battle) for battle in battles])
    texts, speeds = (np.array([what(battle) for battle in battles]) for what in (_of_texts, _of_speed))
    speeds = np.log(speeds / np.median(speeds, axis=0))
    return _normal(np.hstack([own, *(texts * speed[:, None] for speed in speeds.T)]))


def _normal(found: np.ndarray) -> np.ndarray:
    """Of variance 1 and without far outliers."""
    return np.clip(found / (found.std(0) + 1e-12), -5, 5)


def _of_answer(answer: Event) -> list[float]:
    """Who waits for the slow side waits for start + speed * its length: on which side that fits, these tell together.

    With both sides' mean length and difference, it is time - start - speed * mean = half of the speed * difference.
    """
    left, right = len(answer.left), len(answer.right)
    known = np.array([1.0, answer.at, (left + right) / 2])
    return [*((left - right) * known), *(np.sign(left - right) * known)]


def _of_battle(battle: Sequence[Event]) -> list[float]:
    sides = [[(event.at, text) for event in battle if (text := getattr(event, side))] for side in ("left", "right")]
    longer = np.sign(len(sides[0]) - len(sides[1]))
    return [
        *np.subtract(*(_of_side(arrived) for arrived in sides)),
        *(longer * value for value in _of_rest(battle, shown=min(len(arrived) for arrived in sides))),
        *(_follows(sides[0], ahead) - _follows(sides[1], ahead) for ahead in AHEAD),
    ]


def _of_side(arrived: Sequence[tuple[float, str]]) -> list[float]:
    """When one side's text comes, and in what pieces."""
    times, sizes = np.array([at for at, _ in arrived]), np.array([len(text) for _, text in arrived])
    gaps = np.diff(times)
    spread = [gaps.mean(), np.median(gaps), gaps.std(), gaps.min(), gaps.max(), np.quantile(gaps, 0.9)]
    return [times[0], times[-1], len(times), *spread, sizes.mean(), sizes.std(), sizes.max(), sizes.sum()]


def _of_rest(battle: Sequence[Event], shown: int) -> list[float]:
    """How what comes after the shorter reply's end differs from what came before: whose it is, everybody sees."""
    gaps = np.diff([event.at for event in battle])
    before, after = gaps[: shown - 1], gaps[shown:]
    if len(after) < 2:
        return [0.0] * 6
    usual = np.median(before) + AN_INSTANT
    return [
        after.mean() / (before.mean() + AN_INSTANT),
        np.median(after) / usual,
        after.std() / usual,
        after.max() / usual,
        (after > 2 * usual).mean() - (before > 2 * usual).mean(),
        gaps[shown - 1] / usual,
    ]


def _follows(arrived: Sequence[tuple[float, str]], ahead: int) -> float:
    """How far the gaps go with the length of this side's words, of which some may be in hand already (correlation)."""
    gaps = np.diff([at for at, _ in arrived])
    sizes = np.array([len(text) for _, text in arrived], float)
    if ahead:  # the pace may be the mean of what has come so far
        sizes = np.cumsum(sizes) / np.arange(1, len(sizes) + 1)
    sizes = sizes[1 + ahead :][: len(gaps)]
    gaps = gaps[: len(sizes)]
    if len(gaps) < 3 or not gaps.std() or not sizes.std():
        return 0.0
    return float(np.corrcoef(gaps, sizes)[0, 1])


def _of_texts(battle: Sequence[Event]) -> list[float]:
    """How much more the left side has to write: at the start, on the whole, by the word."""
    words = [[text for event in battle if (text := getattr(event, side))] for side in ("left", "right")]
    first = [np.log(sum(map(len, side[:FIRST_WORDS]))) for side in words]
    whole = [np.log(sum(map(len, side))) for side in words]
    each = [np.log(np.mean([len(word) for word in side])) for side in words]
    return [first[0] - first[1], whole[0] - whole[1], each[0] - each[1]]


def _of_speed(battle: Sequence[Event]) -> list[float]:
    """Seconds to the first words, between two, and to the end."""
    times = np.array([event.at for event in battle])
    return [times[0], np.median(np.diff(times)) + AN_INSTANT, times[-1]]
