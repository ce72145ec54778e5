"""The filters above every page of the statistics: a GET form, whose fields stand in the address and in every CSV link.

In: the query of an address, the versions and tags there are. Out: what is wanted, or what is wrong with it.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django import forms

from webapp.arena import scenes
from webapp.insights.votes.selection import Wanted
from webapp.insights.votes.table import VoteTable
from webapp.insights.votes.tags import by_votes, tags_of

EPOCH = datetime.date(1970, 1, 1)
ALL, UNFLAGGED = "all", "unflagged"
FIRST_YEAR, LAST_YEAR = 2020, 2200
TAGS_LISTED = 50
"""The commonest, to choose from beside the library's. An address may name any other."""


@dataclass(frozen=True)
class TagChoice:
    """Tags that votes have. `listed`: those to choose from. `known`: all of them, case-folded."""

    listed: frozenset[str]
    known: frozenset[str]

    def with_asked(self, asked: str) -> list[str]:
        """Those to choose from by name, and the one that is asked for if a vote has it."""
        also = {asked} if asked.casefold() in self.known else set()
        return sorted(self.listed | also, key=str.casefold)


def tag_choice(votes: VoteTable) -> TagChoice:
    """To choose from: those of the library and the commonest, as far as votes have them."""
    tags = tags_of(votes)
    used = [tags.names[number] for number in by_votes(tags.votes(votes.columns["tags"]))]
    ours = {tag.casefold() for tag in scenes.tags()}
    listed = {*used[:TAGS_LISTED], *(tag for tag in used if tag.casefold() in ours)}
    return TagChoice(frozenset(listed), frozenset(tag.casefold() for tag in used))


class Filters(forms.Form):
    """All may be empty."""

    error_css_class = "wrong"

    def __init__(self, query, versions: Sequence[str], tags: TagChoice):
        super().__init__(query)
        date = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        wrong = {"invalid": "This is not a day: write it as YYYY-MM-DD, for example 2026-03-01."}
        self.fields |= {
            "from": forms.DateField(required=False, widget=date, error_messages=wrong, input_formats=["%Y-%m-%d"]),
            "to": forms.DateField(required=False, widget=date, error_messages=wrong, input_formats=["%Y-%m-%d"]),
            "version": _choice("model", "Any", [(name, name) for name in sorted(versions)]),
            "tag": _choice("tag", "Any", [(tag, tag) for tag in tags.with_asked(query.get("tag", ""))]),
            "voters": _choice("group of voters", "", [(ALL, "All"), (UNFLAGGED, "Without flagged voters")]),
        }
        for name in query:
            if name not in self.fields:
                self.unknown = name
                break
        else:
            self.unknown = None

    def clean(self) -> dict:
        """The days in their order; no field that there is not."""
        found = super().clean()
        first, last = found.get("from"), found.get("to")
        for name in ("from", "to"):
            day = found.get(name)
            if day and not FIRST_YEAR <= day.year <= LAST_YEAR:
                self.add_error(name, f"Choose a year from {FIRST_YEAR} to {LAST_YEAR}.")
        if first and last and last < first:
            self.add_error("to", "The last day is before the first.")
        if self.unknown is not None:
            known = ", ".join(self.fields)
            self.add_error(None, f"There is no filter “{self.unknown[:40]}”. The filters are: {known}.")
        return found

    def wanted(self) -> Wanted:
        """What a valid form asks for."""
        found = self.cleaned_data
        first, last = (found[name] and (found[name] - EPOCH).days for name in ("from", "to"))
        return Wanted(
            first_day=first,
            last_day=last,
            version=found["version"],
            tag=found["tag"],
            without_flagged=found["voters"] == UNFLAGGED,
        )


def _choice(what: str, empty: str, choices: list[tuple[str, str]]) -> forms.ChoiceField:
    wrong = {"invalid_choice": f"No vote here has the {what} “%(value)s”."}
    choices = [("", empty), *choices] if empty else choices
    return forms.ChoiceField(required=False, choices=choices, error_messages=wrong)


class Question(forms.Form):
    """The gate's: a candidate, and perhaps the model that it has to beat."""

    candidate = forms.ChoiceField(required=False)
    stable = forms.ChoiceField(required=False, label="Against")

    def __init__(self, query, candidates: list[str], models: list[str]):
        super().__init__(query)
        for field, what, choices in (
            ("candidate", "version", [(name, name) for name in candidates]),
            ("stable", "model", [("", "Whom it met first"), *((name, name) for name in models)]),
        ):
            self.fields[field].choices = choices
            self.fields[field].error_messages["invalid_choice"] = f"No vote here has the {what} “%(value)s”."

    def clean(self) -> dict:
        """Two different ones."""
        found = super().clean()
        if found.get("stable") and found.get("stable") == found.get("candidate"):
            self.add_error("stable", "That is the candidate itself.")
        return found
