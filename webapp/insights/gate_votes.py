"""The votes that the gate looks at, read from the database.

In: the names of two models. Out: arrays, with no more of each voter than can count; and how many votes there are.
"""

import collections
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from django.db import transaction
from django.db.models import Min, Q

from contracts.recipe import Gate
from webapp.arena.models import Choice, Vote
from webapp.insights.gate import Votes

AT_ONCE = 2000
"""Rows that are in memory at one time."""


@dataclass(frozen=True)
class Cast:
    """Votes on the candidate against one other model."""

    votes: Votes
    """Decided ones, the first of each voter."""
    decided: int
    """All that prefer one or call it a tie, those beyond what counts of a voter too."""
    both_bad: int


def read_votes(candidate: str, against: str, rules: Gate) -> Cast:
    """Votes where these two met; the columns of `tagged` are `rules.tags`, upper case or lower.

    Reads no further than where `rules.max_voters` voters are closed: what comes later changes nothing, however much it
    is. Votes without a voter, of programs, are one voter's.
    """
    column = {tag.casefold(): number for number, tag in enumerate(rules.tags)}
    voters = _Voters(rules.votes_per_voter, rules.voter_window_hours * 3600)
    who, score, at, tagged, both_bad = [], [], [], [], 0
    with transaction.atomic():  # else PostgreSQL writes down all rows before it gives the first
        for voter, choice, left, created_at, scene_tags in _rows(candidate, against):
            if choice == Choice.BOTHBAD:
                both_bad += 1
                continue
            number, counts = voters.see(voter, created_at.timestamp())
            if counts:
                who.append(number)
                score.append(0.5 if choice == Choice.TIE else float((choice == Choice.LEFT) == (left == candidate)))
                at.append(created_at.timestamp())
                tagged.append([column[tag.casefold()] for tag in scene_tags if tag.casefold() in column])
            if voters.closed >= rules.max_voters:
                break
    has = np.zeros((len(who), len(rules.tags)), bool)
    for row, columns in enumerate(tagged):
        has[row, columns] = True
    votes = Votes(np.array(who, int), np.array(score, float), np.array(at, float), has)
    return Cast(votes, decided=voters.decided, both_bad=both_bad)


class _Voters:
    """Who has voted how often, and how many of them are closed, vote by vote."""

    def __init__(self, cap: int, window_s: float):
        self.closed = self.decided = 0
        self._cap, self._window_s = cap, window_s
        self._numbers: dict = {}
        self._votes: list[int] = []
        self._waited_for: collections.deque[tuple[float, int]] = collections.deque()

    def see(self, voter, at: float) -> tuple[int, bool]:
        """The voter's number, and whether this vote is among the first of theirs."""
        while self._waited_for and self._waited_for[0][0] < at:
            _, late = self._waited_for.popleft()
            if self._votes[late] < self._cap:
                self.closed += 1
                self._votes[late] = self._cap  # what they say now is not looked at
        number = self._numbers.setdefault(voter, len(self._numbers))
        if number == len(self._votes):
            self._votes.append(0)
            self._waited_for.append((at + self._window_s, number))
        self.decided += 1
        self._votes[number] += 1
        self.closed += self._votes[number] == self._cap
        return number, self._votes[number] <= self._cap


def first_opponent(candidate: str) -> str | None:
    """Whom the candidate met first: of the versions of its own name, else of the base models; None: nobody yet.

    The first stays the first, whoever comes later.
    """
    met = {}
    for left, right, number in _pairs(candidate):
        other = right if left == candidate else left
        met[other] = min(number, met.get(other, number))
    versions = {name: number for name, number in met.items() if name.split("@")[0] == candidate.split("@")[0]}
    bases = {name: number for name, number in met.items() if "@" not in name}
    among = versions or bases
    return min(among, key=among.get) if among else None


def _rows(candidate: str, against: str) -> Iterator[tuple]:
    """Voter, choice, model on the left, time, the scene's tags of each vote that counts, in the order of casting."""
    ways = [(candidate, against), (against, candidate)]
    pair = Q(*(Q(comparison__model_left=left, comparison__model_right=right) for left, right in ways), _connector=Q.OR)
    fields = ("voter", "choice", "comparison__model_left", "created_at", "comparison__tags")
    return Vote.counting.filter(pair).order_by("number").values_list(*fields).iterator(chunk_size=AT_ONCE)


def _pairs(candidate: str) -> Iterator[tuple[str, str, int]]:
    """Left model, right model and the number of the first vote that counts, of each pair that the candidate is in."""
    sides = ("comparison__model_left", "comparison__model_right")
    votes = Vote.counting.filter(Q(comparison__model_left=candidate) | Q(comparison__model_right=candidate))
    return votes.values_list(*sides).annotate(first=Min("number")).order_by()
