"""Gate: how far the evidence on one candidate has come, and what is missing.

In: a look at the gate. Out: a `Page`. Filters do not apply: the gate takes all votes that count, by rules that were
fixed beforehand.
"""

from webapp.insights.breakdowns.share import Share
from webapp.insights.drawing.frame import band, capital
from webapp.insights.gate_look import Look
from webapp.insights.pages.page import Headline, Page, Section
from webapp.insights.pages.table import Column, Table, count, interval_of, number, text, value_of

ANSWERS = {"pass": "Pass", "continue": "Go on", "stop": "Stop"}
KINDS = {"pass": "above", "continue": "open", "stop": "below"}


def gate(seen: Look) -> Page:
    """All of the page."""
    verdict, numbers = seen.verdict, seen.verdict.numbers
    first, *others = verdict.reasons
    says = f"{ANSWERS[verdict.answer]}: {seen.candidate} against {seen.against or 'nobody yet'}. {first}"
    return Page(
        headlines=(
            Headline("Answer", ANSWERS[verdict.answer], "gate-answer"),
            Headline("Closed voters", f"{numbers.voters:,} of {seen.rules.max_voters:,}", "gate-voters"),
            Headline("Counted votes", f"{numbers.votes:,}", "gate-votes"),
            Headline("Still voting", f"{numbers.voters_open:,}", "gate-open"),
            Headline("Both bad", f"{seen.cast.both_bad:,}", "gate-bothbad"),
        ),
        verdicts=[(KINDS[verdict.answer], says), *((KINDS[verdict.answer], each) for each in others)],
        sections=(_evidence(seen), _interval(seen), _tags(seen), _rules(seen)),
    )


def _evidence(seen: Look) -> Section:
    path, numbers, target = seen.verdict.path, seen.verdict.numbers, 0.5 + seen.rules.margin
    rules = {
        "threshold": (f"passes at {numbers.threshold:,.4g}", numbers.threshold),
        "futility-threshold": (f"stops at {numbers.futility_threshold:,.4g}", numbers.futility_threshold),
    }
    lines = {
        "better": (f"Evidence that it wins more than {100 * target:.0f} %", path.capital),
        "hopeless": ("Evidence that it does not", path.futility),
    }
    label = f"Evidence after each closed voter: {numbers.capital:.3g} for it, {numbers.futility:.3g} against it"
    columns = (
        count("closed_voters", "Closed voters"),
        *(number(key, name, 4) for key, name in (("capital", "For it"), ("futility", "Against it"))),
    )
    rows = list(zip(path.voters, path.capital, path.futility, strict=True))
    return Section(
        name="evidence",
        title="Evidence, voter by voter",
        table=Table("evidence", columns, rows, most=200),
        charts=(capital(label, path.voters, lines, rules),) if rows else (),
        help="Each line is the capital of somebody who bets on what it says, beginning with 1; ten times more is ten "
        "times the evidence. It passes where the first line reaches its threshold (and the least votes and voters are "
        "there), it is given up where the second reaches its own. You may look as often as you like. One step is one "
        "voter, who is closed when they have cast their share of votes, or when their time is over.",
        empty="No voter is closed yet.",
    )


def _interval(seen: Look) -> Section:
    path, numbers = seen.verdict.path, seen.verdict.numbers
    target = 0.5 + seen.rules.margin
    rules = {"threshold": (f"has to win more than {100 * target:.0f} %", target)}
    columns = (
        count("closed_voters", "Closed voters"),
        Column("From", _percent, ("low",), lambda low: (low,), "n"),
        Column("To", _percent, ("high",), lambda high: (high,), "n"),
    )
    rows = list(zip(path.voters, path.low, path.high, strict=True))
    score = Share(numbers.votes, numbers.voters, numbers.score, numbers.low, numbers.high)
    label = "Interval of the win rate after each closed voter"
    return Section(
        name="interval",
        title="Win rate, with an interval that holds at all times",
        table=Table("interval", columns, rows, most=200),
        says=[f"It wins {value_of(score)}, each voter once: {interval_of(score)}."] if rows else [],
        charts=(band(label, path.voters, path.low, path.high, rules),) if rows else (),
        help=f"With a chance of {100 - 100 * seen.rules.alpha:g} % the truth lies in the band all the time, however "
        "often one looks; so it is wider than the intervals of the other pages.",
        empty="No voter is closed yet.",
    )


def _tags(seen: Look) -> Section:
    columns = (
        text("tag", "Tag"),
        count("voters", "Voters"),
        Column("Win rate", _percent, ("score",), lambda score: (score,), "n"),
        number("capital", "Evidence of harm", 3),
        number("threshold", "Stops at", 0),
    )
    rows = [(tag.tag, tag.voters, tag.score, tag.capital, tag.threshold) for tag in seen.verdict.numbers.tags]
    return Section(
        name="harm",
        title="Does it do harm somewhere?",
        table=Table("harm", columns, sorted(rows, key=lambda row: (row[1] == 0, -row[3]))),
        help=f"Evidence that it wins less than {50 - 100 * seen.rules.harm_margin:.0f} % in scenes with the tag, worst "
        f"first. A tag stops the candidate from {seen.rules.min_voters_per_tag} voters on.",
        empty="No tags are looked at.",
    )


def _percent(score: float | None) -> str:
    return "–" if score is None else f"{100 * score:.0f} %"


def _rules(seen: Look) -> Section:
    rows = [(name, _word(value)) for name, value in seen.rules.model_dump().items() if name != "tags"]
    return Section(
        name="rules",
        title="The rules",
        table=Table("rules", (text("rule", "Rule", "head code"), text("value", "Value", "n")), rows),
        help="From the section gate of the adapter's recipe. Fix them before the first vote: changing them while "
        "people vote makes the promised error rates void.",
    )


def _word(value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
