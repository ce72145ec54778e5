"""From votes to voters: what one person said in all is one observation.

In: decided votes on one candidate, as arrays. Out: one score for each voter who is closed, in the order of closing.

The unit is the voter, since votes of one person depend on each other: on their taste, on the character that they like.
A voter is closed when `cap` decided votes are there, or `window_s` seconds after the first; what they say later is not
looked at. Closed voters follow one another once each, as independent bounded observations, so that a bet on each next
one makes a true supermartingale, and looking after every vote is optional stopping of it. A product that goes on with
every vote, over voters who are still at it, would be none: a heavy voter's second vote is not independent of the first.
"""

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Votes:
    """Decided votes on one candidate, in any order.

    Raises:
        ValueError: arrays of different lengths, a score outside 0 to 1, a time that is none.
    """

    voter: np.ndarray
    """(n,) who: numbers or strings."""
    score: np.ndarray
    """(n,) 1: the candidate was preferred, 0: the other one, ½: a tie."""
    at: np.ndarray
    """(n,) seconds, of whatever clock."""
    tagged: np.ndarray | None = None
    """(n, tags) whether the scene has the tag; None: no tags are looked at."""

    def __post_init__(self):
        n = len(self.voter)
        if np.ndim(self.voter) != 1 or np.shape(self.score) != (n,) or np.shape(self.at) != (n,):
            shapes = ", ".join(str(np.shape(each)) for each in (self.voter, self.score, self.at))
            raise ValueError(f"voter, score and at have to be arrays of one length, found {shapes}")
        if self.tagged is not None and (np.ndim(self.tagged) != 2 or len(self.tagged) != n):
            raise ValueError(f"tagged has to be {n} votes by tags, found {np.shape(self.tagged)}")
        _refuse("score", self.score, (self.score >= 0) & (self.score <= 1), "a number from 0 to 1")
        _refuse("at", self.at, np.isfinite(self.at), "seconds")


@dataclass(frozen=True)
class Closed:
    """Voters that are closed, in the order in which they closed."""

    score: np.ndarray
    """(voters,) mean of a voter's counted votes."""
    votes: np.ndarray
    """(voters,) how many those are."""
    at: np.ndarray
    """(voters,) seconds, when they closed."""
    voter: np.ndarray
    tag_score: np.ndarray
    """(voters, tags) mean of those counted votes whose scene has the tag; NaN where there is none."""
    open: int
    """Voters with a decided vote who are not closed yet."""

    def first(self, voters: int) -> "Closed":
        """Those who closed first."""
        arrays = {each: getattr(self, each)[:voters] for each in ("score", "votes", "at", "voter", "tag_score")}
        return replace(self, **arrays)


def close_voters(votes: Votes, now: float, cap: int, window_s: float) -> Closed:
    """What can be said at `now`, from the votes cast until then.

    Args:
        now: seconds, of the votes' clock.
        cap: votes of one voter that count, the first ones.
        window_s: seconds from a voter's first vote after which no more are waited for.
    """
    if cap < 1 or not window_s > 0:
        raise ValueError(f"at least one vote of a voter has to count, for some time: cap {cap}, window_s {window_s}")
    cast = np.flatnonzero(votes.at <= now)
    tags = 0 if votes.tagged is None else votes.tagged.shape[1]
    if not cast.size:
        nobody = np.empty(0)
        return Closed(nobody, np.empty(0, int), nobody, np.asarray(votes.voter)[:0], np.empty((0, tags)), 0)
    names, who = np.unique(np.asarray(votes.voter)[cast], return_inverse=True)
    order = np.lexsort((votes.at[cast], who))  # stable: of two votes at the same moment, the one that stands first
    cast, who = cast[order], who[order]
    begins = np.flatnonzero(np.diff(who, prepend=-1))
    at, first = votes.at[cast], votes.at[cast][begins]
    rank = np.arange(len(who)) - begins[who]
    counted = (rank < cap) & (at <= first[who] + window_s)
    cast, who, at = cast[counted], who[counted], at[counted]

    number = np.bincount(who, minlength=len(names))
    last = np.zeros(len(names))
    last[who] = at  # the last of each stays
    closed_at = np.where(number == cap, last, first + window_s)
    closed = np.flatnonzero(closed_at <= now)
    closed = closed[np.lexsort((first[closed], closed_at[closed]))]

    mean = np.bincount(who, votes.score[cast], minlength=len(names)) / number
    tag_score = np.full((len(names), tags), np.nan)
    for tag in range(tags):
        has = votes.tagged[cast, tag].astype(bool)
        tagged = np.bincount(who[has], minlength=len(names))
        points = np.bincount(who[has], votes.score[cast][has], minlength=len(names))
        np.divide(points, tagged, out=tag_score[:, tag], where=tagged > 0)
    return Closed(
        score=mean[closed],
        votes=number[closed],
        at=closed_at[closed],
        voter=names[closed],
        tag_score=tag_score[closed],
        open=len(names) - len(closed),
    )


def _refuse(name: str, values: np.ndarray, fits: np.ndarray, expected: str) -> None:
    """Raises ValueError: not all values fit. NaN never does."""
    if not fits.all():
        place = int(np.flatnonzero(~fits)[0])
        raise ValueError(f"{name}[{place}] is {values[place]}: expected {expected}")
