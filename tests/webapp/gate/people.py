"""Simulated voters: each with a taste of their own, few votes or many, at times that interleave.

`python -m tests.webapp.gate.people` prints the numbers that docs/voting.md states about the gate.
"""

from dataclasses import dataclass

import numpy as np

from contracts.recipe import Gate
from webapp.insights.gate.betting import log_capital
from webapp.insights.gate.verdict import Decision, decide
from webapp.insights.gate.votes import Closed, Votes, close_voters

HOUR = 3600.0
DAYS = 30
TIES = 0.15
ALIKE = 8.0
"""Tastes are beta-distributed around the candidate's strength, with this many pseudo-votes: ± 15 points."""


@dataclass(frozen=True)
class Crowd:
    """The votes of many runs at once; voter v of run r is number r * voters + v."""

    runs: int
    voters: int
    votes: Votes

    def closed(self, rules: Gate) -> list[Closed]:
        """Of each run, everybody, in the order of closing."""
        every = close_voters(self.votes, np.inf, rules.votes_per_voter, rules.voter_window_hours * HOUR)
        order = np.argsort(every.voter // self.voters, kind="stable").reshape(self.runs, self.voters)
        arrays = (every.score, every.votes, every.at, every.voter, every.tag_score)
        return [Closed(*(each[run] for each in arrays), open=0) for run in order]

    def run(self, number: int) -> Votes:
        """The votes of one run, in the order of time."""
        mine = np.flatnonzero(self.votes.voter // self.voters == number)
        mine = mine[np.argsort(self.votes.at[mine])]
        return Votes(self.votes.voter[mine], self.votes.score[mine], self.votes.at[mine])


def crowd(rng: np.random.Generator, runs: int, voters: int, strength: float, tags: int = 0) -> Crowd:
    """`strength`: the candidate's mean score over voters. One voter in ten is heavy: 20 to 200 votes within hours."""
    people = runs * voters
    heavy = rng.random(people) < 0.1
    number = np.where(heavy, rng.integers(20, 200, people), rng.geometric(0.35, people))
    centre = (strength - TIES / 2) / (1 - TIES)
    taste = rng.beta(ALIKE * centre, ALIKE * (1 - centre), people)
    who = np.repeat(np.arange(people), number)
    score = np.where(rng.random(len(who)) < TIES, 0.5, rng.random(len(who)) < taste[who])
    waits = rng.exponential(np.where(heavy, 0.05, 6.0)[who] * HOUR)
    waits[np.cumsum(number) - number] = rng.random(people) * DAYS * 24 * HOUR
    passed = np.cumsum(waits)
    start = np.repeat(passed[np.cumsum(number) - number] - waits[np.cumsum(number) - number], number)
    tagged = rng.random((len(who), tags)) < 0.3 if tags else None
    return Crowd(runs, voters, Votes(who, score, passed - start, tagged))


def decisions(rng: np.random.Generator, rules: Gate, runs: int, strength: float) -> list[tuple[Decision, Closed]]:
    """What the gate decides over `runs` candidates of one strength, when it is looked at after every vote."""
    found = []
    while len(found) < runs:
        people = crowd(rng, min(100, runs - len(found)), rules.max_voters, strength)
        found += [(decide(closed, rules), closed) for closed in people.closed(rules)]
    return found


def ever_reached(people: list[Closed], mean: float, above: bool, alpha: float) -> float:
    """In which share of the runs the capital has ever come to 1/alpha."""
    return float(np.mean([log_capital(each.score, mean, above).max() >= -np.log(alpha) for each in people]))


def main() -> None:
    """A line for each strength of a candidate, under the rules that hold where a recipe says nothing."""
    rules = Gate()
    print(f"{'strength':>8} {'pass':>6} {'stop':>6} {'voters 50/80/90 %':>18} {'votes counted 50/80/90 %':>25}")
    for strength in (0.45, 0.5, 0.52, 0.55, 0.58, 0.6, 0.65, 0.7):
        all_of_them = decisions(np.random.default_rng(1), rules, 1000, strength)
        shares = [np.mean([decision.answer == answer for decision, _ in all_of_them]) for answer in ("pass", "stop")]
        voters = [decision.voters for decision, _ in all_of_them]
        votes = [closed.votes[: decision.voters].sum() for decision, closed in all_of_them]
        spread = ["/".join(f"{np.quantile(each, q):.0f}" for q in (0.5, 0.8, 0.9)) for each in (voters, votes)]
        print(f"{strength:8.2f} {shares[0]:6.1%} {shares[1]:6.1%} {spread[0]:>18} {spread[1]:>25}")


if __name__ == "__main__":
    main()
