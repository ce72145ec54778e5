"""The votes that the gate looks at, read from the database.

In: the names of two models. Out: arrays, with no more of each voter than can count; and how many votes there are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import Min, Q

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


def read_votes(candidate: str, against: str, cap: int, tags: Sequence[str]) -> Cast:
    """Votes where these two met, `cap` decided ones of each voter; columns of `tagged` are `tags`, upper case or lower.

    Votes without a voter, of programs, are one voter's.
    """
    column = {tag.casefold(): number for number, tag in enumerate(tags)}
    voters, cast_by = {}, []
    who, score, at, tagged, both_bad = [], [], [], [], 0
    for voter, choice, left, created_at, scene_tags in _rows(candidate, against):
        if choice == Choice.BOTHBAD:
            both_bad += 1
            continue
        number = voters.setdefault(voter, len(voters))
        if number == len(cast_by):
            cast_by.append(0)
        cast_by[number] += 1
        if cast_by[number] <= cap:
            who.append(number)
            score.append(0.5 if choice == Choice.TIE else float((choice == Choice.LEFT) == (left == candidate)))
            at.append(created_at.timestamp())
            tagged.append([column[tag.casefold()] for tag in scene_tags if tag.casefold() in column])
    has = np.zeros((len(who), len(tags)), bool)
    for row, columns in enumerate(tagged):
        has[row, columns] = True
    votes = Votes(np.array(who, int), np.array(score, float), np.array(at, float), has)
    return Cast(votes, decided=sum(cast_by), both_bad=both_bad)


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
    return Vote.objects.filter(pair).order_by("number").values_list(*fields).iterator(chunk_size=AT_ONCE)


def _pairs(candidate: str) -> Iterator[tuple[str, str, int]]:
    """Left model, right model and the number of the first vote that counts, of each pair that the candidate is in."""
    sides = ("comparison__model_left", "comparison__model_right")
    votes = Vote.objects.filter(Q(comparison__model_left=candidate) | Q(comparison__model_right=candidate))
    return votes.values_list(*sides).annotate(first=Min("number")).order_by()
