"""Scenes, reasons and replies: where is an adapter better, why, and how long do replies take?

In: a selection of votes. Out: a `Page`.
"""

from webapp.insights.breakdowns.replies import Replies, Spread, by_model
from webapp.insights.breakdowns.tags import by_tag
from webapp.insights.breakdowns.ticked import by_reason
from webapp.insights.pages.page import Page, Section
from webapp.insights.pages.table import Table, bar, count, number, share_columns, text
from webapp.insights.votes.selection import Selection

MANY_LOOKS = 20
"""Of so many 95 % intervals one misses the truth."""


def scenes(votes: Selection) -> Page:
    """All of the page."""
    return Page(sections=(_tags(votes), _reasons(votes), *_replies(votes)))


def _tags(votes: Selection) -> Section:
    found = by_tag(votes)
    columns = (
        text("tag", "Tag"),
        *share_columns("win_rate", "Adapter wins"),
        count("votes", "Votes"),
        count("bothbad", "Both bad"),
        count("voters", "Voters"),
    )
    rows = [(each.tag, *[each.rate] * 3, each.votes, each.bothbad, each.rate.voters) for each in found.tags]
    return Section(
        name="tags",
        title="Adapters against their base, by the scene's tag",
        table=Table("tags", columns, rows),
        warns=[f"{found.rarer:,} rarer tags are neither here nor in the CSV."] if found.rarer else [],
        help="All adapter versions together, unless a version is chosen above. A scene with several tags is in each. "
        f"With many tags some interval misses the truth by chance, about one in {MANY_LOOKS}: an odd one out is a "
        "reason to look, not a finding. The gate's rule of no harm takes that into account.",
        empty="No adapter has met its base in a scene with a tag.",
    )


def _reasons(votes: Selection) -> Section:
    ticked = by_reason(votes)
    columns = (
        text("reason", "Reason"),
        text("kind", "Is", ""),
        *share_columns("share", "Adapter's share"),
        count("adapter", "Of the adapter"),
        count("base", "Of the base"),
        text("code", "Key", "code"),
    )
    rows = [
        (each.label, "praise" if each.praise else "blame", *[each.share] * 3, each.adapter, each.base, each.code)
        for each in ticked.reasons
        if ticked.answered
    ]
    share = f" ({100 * ticked.answered / ticked.asked:.0f} %)" if ticked.asked else ""
    return Section(
        name="reasons",
        title="Why people voted so",
        table=Table("reasons", columns, rows),
        says=[f"{ticked.answered:,} of {ticked.asked:,} votes{share} say why."] if ticked.answered else [],
        help="How often each reason was ticked for the adapter's reply and for the base's, while nobody knew whose it "
        "was. Right of the middle: said more often of the adapter; good for praise, bad for blame.",
        empty="Nobody has ticked a reason yet.",
    )


def _replies(votes: Selection) -> tuple[Section, Section]:
    found = by_model(votes)
    return (_lengths(found), _times(found))


def _lengths(found: list[Replies]) -> Section:
    most = max((each.characters.median or 0 for each in found), default=0)
    columns = (
        text("model", "Model", "head code"),
        count("replies", "Replies"),
        number("characters_p10", "A tenth is below", 0),
        number("characters_median", "Median", 0),
        number("characters_p90", "A tenth is above", 0),
        bar("Median length", most),
    )
    rows = [(each.model, each.replies, *_lengths_of(each.characters), each.characters.median or 0) for each in found]
    return Section(
        name="lengths",
        title="How long replies are, in characters",
        table=Table("lengths", columns, rows),
        help="Of the turn that was voted on. Whether longer replies win is on the page Statistics.",
    )


def _times(found: list[Replies]) -> Section:
    most = max((each.seconds.median or 0 for each in found), default=0)
    columns = (
        text("model", "Model", "head code"),
        count("measured", "Measured"),
        number("first_token_median", "First word, median", 2, " s"),
        number("first_token_p95", "First word, 95 %", 2, " s"),
        number("seconds_median", "Whole reply, median", 2, " s"),
        number("seconds_p95", "Whole reply, 95 %", 2, " s"),
        bar("Median time", most),
    )
    rows = [
        (
            each.model,
            each.seconds.measured,
            *_times_of(each.first_token),
            *_times_of(each.seconds),
            each.seconds.median or 0,
        )
        for each in found
    ]
    return Section(
        name="times",
        title="How long replies take, in seconds",
        table=Table("times", columns, rows),
        help="From asking the engine, which writes both replies at once. Voters do not see the difference: both "
        "streams go at the pace of the slower one. 95 %: so many replies take no longer.",
    )


def _lengths_of(spread: Spread) -> tuple[float | None, ...]:
    return spread.p10, spread.median, spread.p90


def _times_of(spread: Spread) -> tuple[float | None, ...]:
    return spread.median, spread.p95
