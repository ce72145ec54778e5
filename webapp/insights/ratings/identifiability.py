"""Which models the votes can rate at all.

In: counts. Out: `Identifiability`, with a sentence for each problem. Ratings that explain the votes best exist just
where, however the models are split in two, each part has won against the other; else the best rating is infinite
(L. R. Ford 1957, "Solution of a ranking problem from binary comparisons", American Mathematical Monthly 64: 28-33).
In the graph with an arrow from winner to loser, and both ways for a tie, that is one strongly connected component.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from webapp.insights.ratings.grouping import Grouped

_NAMED = 5
"""So many models are named in a sentence; the rest are counted."""


@dataclass(frozen=True, eq=False)
class Identifiability:
    """What can be rated, and why the rest cannot."""

    rated: np.ndarray
    """Positions of the models whose ratings are finite and can be compared, ascending; empty if there are none."""
    reasons: tuple[str | None, ...]
    """For each model why it has no rating; None where it has one."""
    groups: tuple[tuple[str, ...], ...]
    """Models that met, directly or by way of others, largest group first: one group if all is well."""
    never_lost: tuple[str, ...]
    """Models with votes that decide, all of them wins."""
    never_won: tuple[str, ...]
    warnings: tuple[str, ...]


def identifiability(models: Sequence[str], grouped: Grouped) -> Identifiability:
    """Find the largest set of models with finite ratings: most models, then most votes among them."""
    names = np.array(models, dtype=object)
    wins, ties, losses = grouped.counts.T
    points_left, points_right = wins + ties, losses + ties
    beats = csr_array(
        (
            np.concatenate([points_left, points_right]) > 0,
            (np.concatenate([grouped.left, grouped.right]), np.concatenate([grouped.right, grouped.left])),
        ),
        shape=(grouped.models, grouped.models),
    )
    beats.eliminate_zeros()
    strong = connected_components(beats, connection="strong")[1]
    weak = connected_components(beats, connection="weak")[1]
    votes = _by_model(grouped, wins + ties + losses, wins + ties + losses)
    never_lost = (votes > 0) & (_by_model(grouped, points_right, points_left) == 0)
    never_won = (votes > 0) & (_by_model(grouped, points_left, points_right) == 0)
    rated = _largest(grouped, strong)
    groups = _groups(names, weak[votes > 0], votes > 0)
    return Identifiability(
        rated=rated,
        reasons=_reasons(strong, weak, votes, never_lost, never_won, rated),
        groups=groups,
        never_lost=tuple(names[never_lost]),
        never_won=tuple(names[never_won]),
        warnings=_warnings(names, groups, strong, votes, never_lost, never_won, rated),
    )


def listed(names: Iterable[str]) -> str:
    """Names for a sentence, the first few of many."""
    names = list(names)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _by_model(grouped: Grouped, on_left: np.ndarray, on_right: np.ndarray) -> np.ndarray:
    """(m,) sum of what a model got where it stood left and where it stood right."""
    return np.bincount(grouped.left, on_left, grouped.models) + np.bincount(grouped.right, on_right, grouped.models)


def _largest(grouped: Grouped, strong: np.ndarray) -> np.ndarray:
    inside = strong[grouped.left] == strong[grouped.right]
    votes = np.bincount(strong[grouped.left][inside], grouped.counts[inside].sum(axis=1), strong.max(initial=-1) + 1)
    size = np.bincount(strong)
    if not len(size) or size.max() < 2:
        return np.zeros(0, dtype=np.intp)
    return np.flatnonzero(strong == np.lexsort((votes, size))[-1])


def _groups(names: np.ndarray, weak: np.ndarray, voted: np.ndarray) -> tuple[tuple[str, ...], ...]:
    found = [tuple(names[voted][weak == number]) for number in np.unique(weak)]
    return tuple(sorted(found, key=len, reverse=True))


def _reasons(strong, weak, votes, never_lost, never_won, rated) -> tuple[str | None, ...]:
    reasons: list[str | None] = []
    for model in range(len(strong)):
        if model in rated:
            reasons.append(None)
        elif not votes[model]:
            reasons.append("no vote that decides")
        elif never_lost[model]:
            reasons.append("never lost: the best rating would be infinite")
        elif never_won[model]:
            reasons.append("never won: the best rating would be minus infinity")
        elif len(rated) and weak[model] != weak[rated[0]]:
            reasons.append("never met the rated models, not even by way of others")
        else:
            reasons.append("its group won all or lost all battles against the rest: the distance would be infinite")
    return tuple(reasons)


def _warnings(names, groups, strong, votes, never_lost, never_won, rated) -> tuple[str, ...]:
    warnings = []
    if silent := list(names[votes == 0]):
        warnings.append(f"no vote that decides for {listed(silent)}")
    if len(groups) > 1:
        parts = "; ".join(listed(group) for group in groups[:_NAMED])
        warnings.append(f"{len(groups)} groups of models never met: {parts}. Ratings compare only within a group")
    if never_lost.any():
        warnings.append(f"never lost: {listed(names[never_lost])}")
    if never_won.any():
        warnings.append(f"never won: {listed(names[never_won])}")
    left_out = votes > 0
    left_out[rated] = False
    if left_out.any():
        kept = (
            f"rated: the {len(rated)} models of the largest group with wins both ways" if len(rated) else "none rated"
        )
        warnings.append(f"no finite rating beside the others, in spite of votes: {listed(names[left_out])}; {kept}")
    return tuple(warnings)
