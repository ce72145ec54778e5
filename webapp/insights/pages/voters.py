"""Voters: how many people is that, does anybody look dishonest, and do they agree?

In: a selection of votes and what the rules point at. Out: a `Page`.
"""

import numpy as np

from webapp.insights.breakdowns.flagged import Flags, flagged_voters
from webapp.insights.breakdowns.people import SHARED_LOOKED_AT, Voters, by_votes, most_active, shared
from webapp.insights.pages.page import Headline, Page, Section
from webapp.insights.pages.table import Column, Table, bar, count, number, share_columns, text
from webapp.insights.ratings.agreement import Share
from webapp.insights.suspicion import RULES
from webapp.insights.votes.selection import Selection
from webapp.insights.votes.table import Standing


def voters(votes: Selection, flags: Flags, suspicion: str, votes_of: str) -> Page:
    """`suspicion`: address of that page; `votes_of`: address of the list of votes, to which a voter's id is added."""
    groups, suspects = by_votes(votes), flagged_voters(votes.table, flags)
    standing = np.bincount(votes.table.columns["standing"], minlength=len(Standing))
    return Page(
        headlines=(
            Headline("Voters", f"{sum(group.voters for group in groups):,}", "voters"),
            Headline("Votes", f"{len(votes):,}", "votes-total"),
            Headline("Flagged voters", f"{len(suspects):,}", "voters-flagged"),
            Headline("Votes left out", f"{standing[Standing.LEFT_OUT]:,}", "votes-left-out"),
            Headline("Votes withdrawn", f"{standing[Standing.WITHDRAWN]:,}", "votes-withdrawn"),
        ),
        sections=(
            _groups(groups),
            _flags(votes, flags, suspicion),
            _active(votes, suspects, votes_of),
            _agreement(votes),
        ),
    )


def _groups(groups: list[Voters]) -> Section:
    rows = [(_range(group), group.voters, group.votes, group.votes) for group in groups if group.voters]
    columns = (
        text("votes_each", "Votes each"),
        count("voters", "Voters"),
        count("votes", "Votes"),
        bar("Share of all votes", sum(group.votes for group in groups)),
    )
    return Section(
        name="groups",
        title="How often people vote",
        table=Table("voters", columns, rows),
        help="The bar is the group's share of all votes. Where few people cast most of them, intervals are wide "
        "however many votes there are. Programs without a key are one voter.",
        half=True,
    )


def _range(group: Voters) -> str:
    if group.most is None:
        return f"{group.least} and more"
    return str(group.least) if group.most == group.least else f"{group.least} to {group.most}"


def _active(votes: Selection, suspects: np.ndarray, votes_of: str) -> Section:
    columns = (
        Column("Voter", lambda who: who[0], ("place",), lambda who: who[:1], "head", link=lambda who: who[1]),
        count("votes", "Votes"),
        text("flagged", "Flagged", ""),
        number("dwell_s", "Thinks for", 1, " s"),
        *share_columns("left", "For the left"),
    )
    rows = []
    for place, each in enumerate(most_active(votes), 1):
        who = (f"No. {place}", f"{votes_of}{each.voter}") if each.voter else ("programs without a key", "")
        flagged = "yes" if each.number in suspects else "no"
        rows.append((who, each.votes, flagged, each.dwell_s, *[each.left] * 3))
    return Section(
        name="active",
        title="Who votes most",
        table=Table("active", columns, rows),
        help="“Thinks for”: median from the end of both replies to the vote. The interval takes each vote of a person "
        "as independent of their others.",
    )


def _flags(votes: Selection, flags: Flags, suspicion: str) -> Section:
    columns = (
        text("rule", "Rule", "head code"),
        count("flags", "Flags"),
        count("voters", "Voters"),
        count("votes", "Votes"),
        count("counting", "Of these count"),
    )
    rows, voter, standing = [], votes.table.columns["voter"], votes.table.columns["standing"]
    for rule in RULES:
        found = [flags.rows[flag.votes] for flag in flags.flags if flag.rule == rule.__name__]
        theirs = np.unique(np.concatenate(found)) if found else np.empty(0, int)
        counting = int((standing[theirs] == Standing.COUNTS).sum())
        rows.append((rule.__name__, len(found), len(np.unique(voter[theirs])), len(theirs), counting))
    return Section(
        name="flags",
        title="Votes that may not be honest",
        table=Table("flags", columns, rows),
        warns=not_looked_at(flags),
        help="Whatever the filters. A flag is a suspicion: look at it before you leave votes out. To see how much "
        "hangs on these voters, choose “without flagged voters” above.",
        link=(suspicion, "What each rule saw, with buttons to leave votes out"),
        half=True,
    )


def not_looked_at(flags: Flags) -> list[str]:
    """Said where there are more votes than the rules see."""
    if not flags.older:
        return []
    newest, older = f"{len(flags.rows):,}", f"{flags.older:,}"
    return [
        f"The rules look at the newest {newest} votes. Whoever was odd only among the {older} before them is no "
        "flagged voter here, and “without flagged voters” keeps their votes."
    ]


def _agreement(votes: Selection) -> Section:
    found, battles = shared(votes)
    known = found.battles > 0
    columns = (
        text("measure", "Measure"),
        number("value", "Value", 2),
        number("low", "From", 2),
        number("high", "To", 2),
    )
    rows = [
        ("Krippendorff's α", *_numbers(found.alpha)),
        ("Pairs of people who chose alike", *_numbers(found.pairwise)),
    ]
    warns = []
    if battles > found.battles:
        warns.append(f"The newest {SHARED_LOOKED_AT:,} of {battles:,} shared battles are looked at.")
    if known and found.alpha.value is None:
        warns.append("α is unknown: all chose the same throughout, so nothing shows that choices tell anything apart.")
    return Section(
        name="agreement",
        title="Do people agree?",
        table=Table("agreement", columns, rows if known else []),
        says=[f"{found.battles:,} battles were judged by several people, with {found.votes:,} votes."] if known else [],
        warns=warns,
        help="On the same two replies. α: 1 is full agreement, 0 what chance would give. Tastes differ, so expect "
        "it well below 1. Near 0, votes say little of which reply is better; are dishonest ones among them?",
        empty="No two people have judged the same replies. Give “shared” a weight under Pair weights, then they will.",
    )


def _numbers(share: Share) -> tuple[float | None, float | None, float | None]:
    return share.value, share.low, share.high
