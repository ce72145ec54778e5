"""The gate's promises, by simulation: looked at after every vote, it is wrong as seldom as the recipe says."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from contracts.recipe import Gate
from tests.webapp.gate.people import HOUR, crowd, decisions, ever_reached
from webapp.insights.gate import Votes, close_voters, decide, judge
from webapp.insights.gate.betting import interval_at_all_times, log_capital

RULES = Gate(max_voters=300)
BOUNDARY = 0.5 + RULES.margin
RUNS = 2000


@pytest.fixture(scope="module")
def at_the_boundary():
    """Candidates that are exactly as good as must not pass: none of them is better by more than the margin."""
    return decisions(np.random.default_rng(20), RULES, RUNS, BOUNDARY)


def people_of(score: list[float], votes: int = 5) -> Votes:
    """Voters one after the other, each with so many votes of one score."""
    who = np.repeat(np.arange(len(score)), votes)
    return Votes(who, np.repeat(np.array(score, float), votes), np.arange(float(len(who))))


def test_it_works():
    verdict = judge(people_of([1, 1, 0.5, 1] * 10), RULES, (), now=HOUR)
    assert (verdict.answer, verdict.code, verdict.decided_after) == ("pass", "better", 20)
    assert verdict.reasons == (
        "It wins more than 52.0% against the other one: proven after 20 voters, at an error of 5%.",
    )
    numbers = verdict.numbers
    assert (numbers.votes, numbers.voters, numbers.voters_open) == (200, 40, 0)
    assert numbers.low < numbers.score == 0.875 < numbers.high and numbers.capital > numbers.threshold == 20
    assert len(verdict.path.voters) == len(verdict.path.capital) == len(verdict.path.low) == 40


def test_false_promotions_are_as_rare_as_the_recipe_says(at_the_boundary):
    people = [closed for _, closed in at_the_boundary]
    assert np.mean([decision.answer == "pass" for decision, _ in at_the_boundary]) <= RULES.alpha
    assert ever_reached(people, BOUNDARY, above=True, alpha=RULES.alpha) <= RULES.alpha  # without the other rules' help


def test_a_test_for_a_fixed_number_of_votes_would_promote_falsely_far_more_often():
    """The same people, judged by a one-sided z-test over all their votes, looked at after each from the 100th on.

    So would the gate's own bets, were every vote an observation: those of a heavy voter depend on each other.
    """
    people, passed, on_votes = crowd(np.random.default_rng(21), 200, 300, BOUNDARY), 0, 0
    for number in range(people.runs):
        score = people.run(number).score
        n = np.arange(1, len(score) + 1)
        mean = np.cumsum(score) / n
        spread = np.sqrt(np.maximum(np.cumsum(score**2) / n - mean**2, 1e-9) / n)
        passed += ((mean - BOUNDARY > 1.645 * spread) & (n >= RULES.min_votes)).any()
        on_votes += log_capital(score, BOUNDARY, above=True).max() >= -np.log(RULES.alpha)
    assert passed / people.runs > 6 * RULES.alpha
    assert on_votes / people.runs > 6 * RULES.alpha


def test_a_candidate_that_is_good_enough_is_as_rarely_given_up_as_the_recipe_says(at_the_boundary):
    assert np.mean([decision.code == "not_better" for decision, _ in at_the_boundary]) <= RULES.alpha_futility
    people = [closed for _, closed in at_the_boundary]
    assert ever_reached(people, BOUNDARY, above=False, alpha=RULES.alpha_futility) <= RULES.alpha_futility


def test_the_interval_holds_the_truth_at_all_times(at_the_boundary):
    """By its definition over all runs; some of them through the function that gives the numbers."""
    missed = 0
    people = [closed for _, closed in at_the_boundary]
    for above in (True, False):
        missed += ever_reached(people, BOUNDARY, above, RULES.alpha / 2)
    assert missed <= RULES.alpha
    held = []
    for closed in people[:25]:
        _, low, high = interval_at_all_times(closed.score, RULES.alpha)
        held.append((low <= BOUNDARY).all() and (high >= BOUNDARY).all())
    assert np.mean(held) >= 0.9  # so few runs: 95 % give or take


def test_a_candidate_that_wins_60_percent_passes_within_the_votes_that_the_docs_state():
    found = decisions(np.random.default_rng(22), Gate(), 400, strength=0.6)
    votes = np.array([closed.votes[: decision.voters].sum() for decision, closed in found])
    passed = np.array([decision.answer == "pass" for decision, _ in found])
    assert passed.mean() >= 0.97
    assert (passed & (votes <= 700)).mean() >= 0.8
    assert (passed & (votes <= 1000)).mean() >= 0.9


def test_looking_after_every_vote_finds_what_the_last_look_finds():
    people = crowd(np.random.default_rng(23), 3, 60, strength=0.72)
    for number in range(people.runs):
        votes = people.run(number)
        window = RULES.voter_window_hours * HOUR
        last = decide(close_voters(votes, np.inf, RULES.votes_per_voter, window), RULES)
        assert last.answer == "pass"
        answers = [decide(close_voters(votes, at, RULES.votes_per_voter, window), RULES) for at in votes.at]
        assert all(each.answer == "continue" or each == last for each in answers)
        assert last in answers


def test_one_person_alone_cannot_pass_anything():
    many = Votes(np.zeros(5000, int), np.ones(5000), np.arange(5000.0))
    verdict = judge(many, RULES.model_copy(update={"min_votes": 1}), (), now=1e9)
    assert verdict.answer == "continue" and verdict.numbers.voters == 1 and verdict.numbers.votes == 5
    without_minima = RULES.model_copy(update={"min_votes": 1, "min_voters": 1})
    assert judge(many, without_minima, (), now=1e9).answer == "continue"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"min_voters": 41}, "1 more voters are needed before anything can pass (40 of 41)."),
        ({"min_votes": 201}, "1 more votes are needed before anything can pass (200 of 201)."),
    ],
)
def test_clear_votes_do_not_pass_before_they_are_many_enough(changed, told):
    verdict = judge(people_of([1] * 40), RULES.model_copy(update=changed), (), now=HOUR)
    assert verdict.answer == "continue" and verdict.reasons == (told,)
    assert verdict.numbers.capital > verdict.numbers.threshold


def test_a_worse_candidate_is_given_up():
    verdict = judge(people_of([0, 0, 0.5, 0] * 10), RULES, (), now=HOUR)
    assert (verdict.answer, verdict.code) == ("stop", "not_better") and verdict.decided_after < 20
    assert verdict.numbers.futility > verdict.numbers.futility_threshold == 10


def test_there_is_an_end_of_asking():
    verdict = judge(people_of([0, 1] * 200), RULES, (), now=HOUR)
    assert (verdict.answer, verdict.code, verdict.decided_after) == ("stop", "too_many_voters", 300)
    assert verdict.numbers.voters == 300


def test_the_first_rule_that_holds_decides_and_later_voters_change_nothing():
    assert judge(people_of([1] * 30), RULES, (), now=HOUR).answer == "pass"
    assert judge(people_of([1] * 30 + [0] * 200), RULES, (), now=HOUR).decided_after == 20


def test_before_the_first_vote_it_goes_on():
    verdict = judge(Votes(np.array([], int), np.array([]), np.array([])), RULES, (), now=0)
    assert verdict.answer == "continue" and verdict.numbers.score is None and verdict.path.voters == ()


def test_harm_in_one_kind_of_scene_stops_a_candidate_that_is_better_over_all():
    votes = people_of([1, 1, 1, 0] * 12)
    horror = votes.score == 0
    tagged = Votes(votes.voter, votes.score, votes.at, np.column_stack([~horror, horror]))
    assert judge(votes, RULES, (), now=HOUR).answer == "pass"
    patient = RULES.model_copy(update={"min_voters": 45})
    verdict = judge(tagged, patient, ("comedy", "horror"), now=HOUR)
    assert (verdict.answer, verdict.code) == ("stop", "harm")
    assert verdict.reasons == (
        f"In scenes with the tag “horror” it wins less than 40.0%: stopped after {verdict.decided_after} voters.",
    )
    comedy, scared = verdict.numbers.tags
    assert (scared.voters, scared.score, scared.threshold) == (12, 0.0, 40) and scared.capital > scared.threshold
    assert comedy.capital < 1
    few = patient.model_copy(update={"min_voters_per_tag": 13})
    assert judge(tagged, few, ("comedy", "horror"), now=HOUR).code != "harm"


def test_where_no_tag_is_harmed_false_alarms_are_as_rare_as_the_recipe_says():
    """Six tags at the very edge of what is harm."""
    edge = 0.5 - RULES.harm_margin
    people = crowd(np.random.default_rng(24), 300, 300, strength=edge, tags=6)
    patient = RULES.model_copy(update={"alpha_futility": 1e-12})
    codes = [decide(closed, patient).code for closed in people.closed(RULES)]
    assert np.mean([code == "harm" for code in codes]) <= RULES.alpha_harm


def test_tags_without_names_are_refused():
    with pytest.raises(ValueError, match="2 tags, but 0 columns in tagged"):
        judge(people_of([1]), RULES, ("comedy", "horror"), now=HOUR)


def test_the_numbers_are_json_even_where_nobody_ever_lost():
    verdict = judge(people_of([1] * 3000), Gate(max_voters=3000), (), now=1e6)
    assert "Infinity" not in json.dumps(asdict(verdict)) and len(verdict.path.voters) == 200
