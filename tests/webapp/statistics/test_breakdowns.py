"""Every breakdown of votes by lot, against the same counted row by row in plain Python."""

from collections import Counter

import numpy as np
import pytest

from tests.webapp.statistics.made import BASE, FIRST_DAY, VERSIONS, Made, Row, by_lot
from webapp.arena.reasons import CODES
from webapp.insights.breakdowns import days, people, rated, replies, sides, tags, ticked, versions
from webapp.insights.breakdowns.flagged import flagged, flagged_voters
from webapp.insights.pages.voters import not_looked_at
from webapp.insights.pages.voters import voters as voters_page
from webapp.insights.ratings.battles import Outcome
from webapp.insights.votes.selection import Wanted, select

NOW = 1_000


@pytest.fixture(scope="module")
def made() -> Made:
    return by_lot(NOW)


@pytest.fixture(scope="module")
def votes(made):
    return select(made.table, Wanted())


@pytest.fixture(scope="module")
def against_base(made):
    """The rows where an adapter met a base."""
    return [row for row in made.counting if row.adapter_left is not None]


def mean(values) -> float | None:
    values = list(values)
    return sum(values) / len(values) if values else None


def test_versions_against_their_base(votes, against_base):
    found = versions.against_base(votes)
    expected = {}
    for row in against_base:
        pair = (row.left, row.right) if row.adapter_left else (row.right, row.left)
        expected.setdefault(pair, []).append(row)
    assert {(each.version, each.other) for each in found} == set(expected)
    for each in found:
        rows = expected[each.version, each.other]
        points = Counter(row.points for row in rows)
        assert (each.wins, each.losses, each.ties, each.bothbad) == (points[1], points[0], points[0.5], points[None])
        decided = [row for row in rows if row.points is not None]
        assert each.rate.value == pytest.approx(mean(row.points for row in decided))
        assert (each.rate.votes, each.rate.voters) == (len(decided), len({row.voter for row in decided}))
        assert each.first_at == min(row.at for row in rows) * 86_400
    assert [each.first_at for each in found] == sorted((each.first_at for each in found), reverse=True)


def test_counts(votes, made):
    found = {(each.left, each.right, each.choice): each.votes for each in versions.counts(votes)}
    assert found == Counter((row.left, row.right, row.choice) for row in made.counting)


def test_matrix(votes, made):
    found = versions.matrix(votes)
    for one, row_model in enumerate(found.models):
        for other, column_model in enumerate(found.models):
            met = [
                row
                for row in made.counting
                if {row.left, row.right} == {row_model, column_model} and row.choice != "bothbad" and one != other
            ]
            wins = sum(0.5 if row.choice == "tie" else (row.choice == "left") == (row.left == row_model) for row in met)
            assert (found.wins[one, other], found.decided[one, other]) == (wins, len(met))


def test_days(votes, made):
    found = days.days(votes, FIRST_DAY + 2, FIRST_DAY + 30)
    expected = Counter(int(row.at) for row in made.counting)
    assert found.length == 1
    assert found.votes.tolist() == [expected[day] for day in range(FIRST_DAY + 2, FIRST_DAY + 31)]
    ties = Counter(int(row.at) for row in made.counting if row.choice == "tie")
    assert found.by_choice[:, Outcome.TIE].tolist() == [ties[day] for day in found.first]


def test_many_days_are_weeks(votes, made):
    found = days.days(votes, FIRST_DAY - 100, FIRST_DAY + 40)
    assert found.length == 7 and len(found.votes) == 21
    assert found.votes.sum() == len(made.counting)


def test_sides_and_lengths(votes, made):
    sided = [row for row in made.counting if row.choice in ("left", "right")]
    assert sides.for_the_left(votes).value == pytest.approx(mean(row.choice == "left" for row in sided))
    unequal = [row for row in sided if row.characters[0] != row.characters[1]]
    longer = mean((row.choice == "left") == (row.characters[0] > row.characters[1]) for row in unequal)
    assert sides.for_the_longer(votes).value == pytest.approx(longer)


def test_tags(votes, against_base):
    found = {each.tag.casefold(): each for each in tags.by_tag(votes).tags}
    assert set(found) == {"western", "drama", "horror"}
    for tag, each in found.items():
        rows = [row for row in against_base if tag in {one.casefold() for one in row.tags}]
        assert (each.votes, each.bothbad) == (len(rows), sum(row.points is None for row in rows))
        assert each.rate.value == pytest.approx(mean(row.points for row in rows if row.points is not None))


def test_reasons(votes, against_base):
    found = ticked.by_reason(votes)
    assert (found.asked, found.answered) == (len(against_base), sum(bool(row.reasons) for row in against_base))
    assert [each.code for each in found.reasons] == list(CODES)
    for each in found.reasons:
        adapter = sum(f"{'left' if row.adapter_left else 'right'}.{each.code}" in row.reasons for row in against_base)
        base = sum(f"{'right' if row.adapter_left else 'left'}.{each.code}" in row.reasons for row in against_base)
        assert (each.adapter, each.base) == (adapter, base)
        assert each.share.value == pytest.approx(adapter / (adapter + base))


def test_replies(votes, made):
    for each in replies.by_model(votes):
        theirs = [
            (row.characters[side], row.seconds[side])
            for row in made.counting
            for side, model in enumerate((row.left, row.right))
            if model == each.model
        ]
        assert each.replies == len(theirs)
        lengths = [length for length, _ in theirs if length]
        assert each.characters.measured == len(lengths)
        assert each.characters.median == np.quantile(lengths, 0.5, method="inverted_cdf")
        assert each.characters.p90 == np.quantile(lengths, 0.9, method="inverted_cdf")
        seconds = [s for _, s in theirs if not np.isnan(s)]
        assert each.seconds.measured == len(seconds)
        assert each.seconds.p95 == pytest.approx(np.quantile(seconds, 0.95, method="inverted_cdf"), abs=0.0051)


def test_nothing_measured():
    nan = float("nan")
    made = Made([Row(1, characters=(0, 0), seconds=(nan, nan), first_token=(nan, nan))])
    for each in replies.by_model(select(made.table, Wanted())):
        assert (each.replies, each.characters.measured, each.seconds.median) == (1, 0, None)


def test_voters(votes, made):
    cast = Counter(row.voter for row in made.counting)
    found = people.by_votes(votes)
    assert sum(group.voters for group in found) == len(cast) and sum(group.votes for group in found) == len(votes)
    for group in found:
        theirs = [n for n in cast.values() if n >= group.least and (group.most is None or n <= group.most)]
        assert (group.voters, group.votes) == (len(theirs), sum(theirs))
    most = people.most_active(votes)
    assert [each.votes for each in most] == sorted(cast.values(), reverse=True)[:10]
    assert all(cast[each.voter] == each.votes for each in most)


def test_agreement_is_of_votes_on_the_same_replies(votes, made):
    by_battle = {}
    for row in made.counting:
        by_battle.setdefault(row.battle, []).append(row.choice)
    several = [choices for choices in by_battle.values() if len(choices) > 1]
    pairs = [one == other for choices in several for place, one in enumerate(choices) for other in choices[place + 1 :]]
    found, battles = people.shared(votes)
    assert found.battles == battles == len(several)
    # Pairs of large battles weigh as much as any pair.
    assert found.pairwise.value == pytest.approx(mean(pairs))


def test_all_models_of_ties_are_fitted(votes):
    found = rated.rate(votes)
    assert set(found.fits) == set(rated.LABELS) and not found.failures
    assert len(found.order(rated.MAIN)) == len(votes.models)


def test_who_never_lost_is_said():
    made = Made([Row(number, choice="right", voter=f"voter-{number}") for number in range(1, 9)])
    found = rated.rate(select(made.table, Wanted())).fits[rated.MAIN]
    assert found.warnings and "never lost" in found.warnings[0]
    assert all(rating.estimate is None for rating in found.ratings)


def test_flags_are_of_people_and_not_of_withdrawn_votes():
    def always_left(first: int, voter: str, standing: int) -> list[Row]:
        return [Row(first + n, voter=voter, standing=standing, at=FIRST_DAY + n) for n in range(30)]

    rows = always_left(1, "left out", 2) + always_left(101, "withdrawn", 1) + always_left(201, "", 0)
    made = Made(rows)
    found = flagged(made.table)
    assert {flag.rule for flag in found.flags} == {"one_sided", "scripted"}
    assert [made.table.voters[number] for number in flagged_voters(made.table, found)] == ["left out"]
    assert len(flagged_voters(made.table, flagged(by_lot(200).table))) == 0


def test_where_the_rules_do_not_see_all_votes_the_page_says_so():
    made = Made([Row(n, voter="odd" if n <= 30 else f"voter-{n}", at=FIRST_DAY + n) for n in range(1, 71)])
    for newest, voters, older in ((70, 1, 0), (40, 0, 30)):
        found = flagged(made.table, newest)
        assert (len(flagged_voters(made.table, found)), found.older) == (voters, older)
        warns = voters_page(select(made.table, Wanted()), found, "", "").sections[1].warns
        assert warns == not_looked_at(found) and len(warns) == (older > 0)
    assert "newest 40 votes. Whoever was odd only among the 30 before them" in warns[0]


@pytest.mark.parametrize("kept", [0, 1])
def test_nothing_breaks_on_few_votes(kept):
    table = Made([Row(1, left=VERSIONS[0], right=BASE)][:kept]).table if kept else by_lot(20).table
    votes = select(table, Wanted() if kept else Wanted(version="nobody"))
    assert len(votes) == kept
    for breakdown in (
        versions.against_base, versions.counts, versions.matrix, sides.for_the_left, sides.for_the_longer, tags.by_tag,
        ticked.by_reason, replies.by_model, people.by_votes, people.most_active, people.shared, rated.rate,
    ):  # fmt: skip
        breakdown(votes)
