"""Votes that may not be honest: four rules, each with a name, on arrays. No Django inside.

In: what is known of every vote. Out: flags, each with the rule's name, the votes it points at and a sentence. A flag
decides nothing: a person looks at it and leaves the votes out, or does not.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

LEVEL = 0.001
"""Chance, over all voters or bursts together, that one of honest people is flagged (Bonferroni's correction)."""
MOST_WORDS_PER_S = 15.0
"""Nobody reads faster: 900 words a minute, where skimming ends (K. Rayner et al. 2016, Psychological Science in the
Public Interest 17: 4-34, put reading at 200 to 400)."""
BURST_S = 3600.0


@dataclass(frozen=True)
class CastVotes:
    """What is known of n votes; arrays of length n, in any order.

    voter: number of the person. side: -1 left, 1 right, 0 neither. preferred: number of the preferred model, -1 for
    none. against: number of the other model. at: Unix time in seconds. read_s: seconds from the first word shown to
    the vote. hesitated_s: those of them after the last word. words: in both replies together.
    """

    voter: np.ndarray
    side: np.ndarray
    preferred: np.ndarray
    against: np.ndarray
    at: np.ndarray
    read_s: np.ndarray
    hesitated_s: np.ndarray
    words: np.ndarray

    def __post_init__(self):
        lengths = {name: len(values) for name, values in vars(self).items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"votes need arrays of one length, not {lengths}")


@dataclass(frozen=True)
class Flag:
    """One rule's suspicion. `votes`: positions in the arrays, ascending."""

    rule: str
    votes: np.ndarray
    says: str


def flags(votes: CastVotes) -> list[Flag]:
    """All rules' flags; a vote may stand in several."""
    return [flag for rule in RULES for flag in rule(votes)]


def one_sided(votes: CastVotes, least: int = 20, share: float = 0.9) -> list[Flag]:
    """Voters who nearly always choose the same side. Sides are drawn by lot: an honest taste for models or styles
    falls on both alike. Exact binomial test against one half, two-sided.
    """
    decided = votes.side != 0
    voters, which = np.unique(votes.voter[decided], return_inverse=True)
    if not len(voters):
        return []
    total = np.bincount(which)
    right = np.bincount(which, votes.side[decided] > 0).astype(int)
    fewer = np.minimum(right, total - right)
    chance = 2 * binom.cdf(fewer, total, 0.5)
    suspect = (total >= least) & (fewer <= (1 - share) * total) & (chance < LEVEL / len(voters))
    found = []
    for number in np.flatnonzero(suspect):
        side = "right" if right[number] > fewer[number] else "left"
        says = f"{total[number] - fewer[number]} of {total[number]} votes for a side went to the {side}."
        found.append(Flag("one_sided", np.flatnonzero(votes.voter == voters[number]), says))
    return found


def too_fast(votes: CastVotes, least: int = 5) -> list[Flag]:
    """Voters most of whose votes came before anybody could have read both replies; only those votes are pointed at."""
    quick = votes.words > MOST_WORDS_PER_S * votes.read_s
    which = np.unique(votes.voter, return_inverse=True)[1]
    total, hasty = np.bincount(which), np.bincount(which, quick).astype(int)
    found = []
    for number in np.flatnonzero((hasty >= least) & (2 * hasty > total)):
        says = f"{hasty[number]} of {total[number]} votes came faster than {MOST_WORDS_PER_S:.0f} words a second."
        found.append(Flag("too_fast", np.flatnonzero((which == number) & quick), says))
    return found


def scripted(votes: CastVotes, least: int = 10, variation: float = 0.1) -> list[Flag]:
    """Voters who hesitate as long every time: coefficient of variation below `variation`. People's reaction times
    vary by a third and more.
    """
    found = []
    for rows in _by_voter(votes):
        waits = votes.hesitated_s[rows]
        if len(rows) >= least and (mean := waits.mean()) > 0 and waits.std(ddof=1) < variation * mean:
            says = f"{len(rows)} votes, each {mean:.1f} s after the last word, give or take {waits.std(ddof=1):.2f} s."
            found.append(Flag("scripted", rows, says))
    return found


def coordinated(votes: CastVotes, least: int = 6) -> list[Flag]:
    """Bursts of voters, new in that hour, who agree on a model more than those who were here before or came later.

    For each ordered pair of models and each hour: of k new voters' first votes on the pair, at least as many prefer
    the model as did, when each prefers it with the chance seen in all other hours (one half is added to both counts).
    """
    decided = np.flatnonzero((votes.side != 0) & (votes.preferred >= 0))
    if not len(decided):
        return []
    order = decided[np.argsort(votes.at[decided], kind="stable")]
    first = np.unique(votes.voter[order], return_index=True)[1]
    debuts = order[first]
    low = np.minimum(votes.preferred[debuts], votes.against[debuts])
    high = np.maximum(votes.preferred[debuts], votes.against[debuts])
    hours = np.floor(votes.at[debuts] / BURST_S).astype(np.int64)
    bursts, which = np.unique(np.stack([low, high, hours]), axis=1, return_inverse=True)
    which = which.ravel()
    found = []
    for number, (one, other, _) in enumerate(bursts.T):
        here = debuts[which == number]
        if len(here) < least:
            continue
        elsewhere = debuts[(low == one) & (high == other) & (which != number)]
        for model in (one, other):
            for_it = int((votes.preferred[here] == model).sum())
            usual = ((votes.preferred[elsewhere] == model).sum() + 0.5) / (len(elsewhere) + 1)
            if binom.sf(for_it - 1, len(here), usual) < LEVEL / (2 * bursts.shape[1]):
                agreed = np.sort(here[votes.preferred[here] == model])
                says = f"{for_it} of {len(here)} new voters of one hour agreed; elsewhere {100 * usual:.0f} % do."
                found.append(Flag("coordinated", agreed, says))
    return found


RULES = (one_sided, too_fast, scripted, coordinated)


def _by_voter(votes: CastVotes):
    """The positions of each voter's votes, ascending."""
    order = np.argsort(votes.voter, kind="stable")
    starts = np.unique(votes.voter[order], return_index=True)[1]
    return np.split(order, starts[1:])
