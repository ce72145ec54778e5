"""kill -9 of the site, of PostgreSQL and of the engine while people vote: `make bench-web-faults` in short."""

import asyncio

import pytest

from benchmarks.web.faults import REFUSED, SERVICES, STORED, UNKNOWN, Attempt, judge, run
from benchmarks.web.killable import killable_site


@pytest.mark.slow
def test_every_acknowledged_vote_is_there_once():
    with killable_site() as killable:
        outcome = asyncio.run(run(killable, people=8, kills=1, seed=3))
    said = outcome.judgement
    assert set(outcome.killed) == set(SERVICES)
    assert said.told[STORED] >= 5 * 8 and said.told[REFUSED] >= 4 * 8
    assert (said.missing, said.doubled, said.not_voted) == (0, 0, 0), said
    assert outcome.wrong == {}
    assert outcome.statuses[503] > 0 and outcome.statuses[500] == 0, outcome.statuses


def test_the_judge_sees_what_is_wrong():
    attempts = [
        *(Attempt("a", "left", STORED), Attempt("a", "tie", REFUSED)),
        *(Attempt("b", "left", UNKNOWN), Attempt("b", "right", REFUSED)),
        Attempt("c", "left", UNKNOWN),
    ]
    right = [("a", "left"), ("b", "left")]
    assert judge(attempts, right).right and judge(attempts, right).unknown_stored == 1
    assert judge(attempts, right[1:]).missing == 1
    assert judge(attempts, [*right, ("a", "left")]).doubled == 1
    assert judge(attempts, [*right[1:], ("a", "tie")]).not_voted == 1
    assert judge(attempts, [*right, ("d", "left")]).not_voted == 1
    assert not judge(attempts, [*right, ("a", "left")]).right
