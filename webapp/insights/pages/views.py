"""GET /admin/statistics/…: the pages, and every table on them as CSV under the page's address.

In: a request with filters in its query. Out: HTML or CSV; 400 with the form and what is wrong where a filter is bad.
"""

import csv
import datetime
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from django import forms
from django.http import Http404, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from webapp.arena.refusals import Refusal
from webapp.insights.breakdowns.flagged import flagged_voters
from webapp.insights.gate_look import look
from webapp.insights.pages.form import Filters, Question, tag_choice
from webapp.insights.pages.gate import gate
from webapp.insights.pages.kept import Shown, flags_shown, kept, kept_while_large, shown
from webapp.insights.pages.overview import Comparisons, overview
from webapp.insights.pages.page import Page
from webapp.insights.pages.ratings import ratings
from webapp.insights.pages.scenes import scenes
from webapp.insights.pages.voters import not_looked_at, voters
from webapp.insights.statistics import comparisons_by_state, failures_by_reason
from webapp.insights.votes.selection import DAY_S, Selection, Wanted, select

TITLES = {
    "overview": "Statistics",
    "ratings": "Ratings",
    "scenes": "Scenes, reasons, replies",
    "voters": "Voters",
    "gate": "Gate",
}


@dataclass(frozen=True)
class Answer:
    """A page, or none where the form is wrong; and what else stands on it. `warns`: of the filters."""

    form: forms.Form
    page: Page | None
    problem: str = ""
    warns: Sequence[str] = ()


@require_safe
def statistics_page(request, context: dict, name: str = "overview"):
    """One of TITLES. `context`: what every page of the admin gets."""
    now = shown()
    answer = _answer(request, name, now)
    asked = request.GET.urlencode()
    numbers = {
        "title": TITLES[name],
        "name": name,
        "tabs": [(key, title, address(key), key == name) for key, title in TITLES.items()],
        "form": answer.form,
        "page": answer.page,
        "problem": answer.problem,
        "warns": answer.warns,
        "filters": f"?{asked}" if asked else "",
        "here": address(name),
        "as_of": None if now.exact else datetime.datetime.fromtimestamp(now.at, timezone.get_current_timezone()),
        "filtered": any(request.GET.values()),
    }
    status = 200 if answer.page else 400 if answer.form.errors else 200
    return TemplateResponse(request, "insights/statistics.html", context | numbers, status=status)


@require_safe
def statistics_csv(request, name: str, table: str):
    """The table as a file, of the same votes as the page with this query."""
    answer = _answer(request, name, shown())
    if answer.page is None:
        wrong = answer.problem or "; ".join(f"{field}: {' '.join(says)}" for field, says in answer.form.errors.items())
        return HttpResponse(f"{wrong}\n", content_type="text/plain; charset=utf-8", status=400)
    found = answer.page.table(table)
    if found is None:
        raise Http404(f"no table {table} on this page")
    text = io.StringIO()
    csv.writer(text).writerows(found.lines())
    headers = {"Content-Disposition": f'attachment; filename="bardloop-{name}-{table}.csv"'}
    return HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)


def address(name: str) -> str:
    """Of a page."""
    return reverse("admin:statistics") if name == "overview" else reverse("admin:statistics_page", args=[name])


def _answer(request, name: str, now: Shown) -> Answer:
    if name not in TITLES:
        raise Http404(f"no page {name}")
    if name == "gate":
        return _gate(request, now)
    tags = kept("tags", now, lambda: tag_choice(now.table))
    form = Filters(request.GET, now.table.models, tags)
    if not form.is_valid():
        return Answer(form, None)
    wanted = form.wanted()
    warns = not_looked_at(flags_shown(now)) if wanted.without_flagged and name != "voters" else ()
    return Answer(form, _MAKERS[name](now, wanted), warns=warns)


def _selection(now: Shown, wanted: Wanted) -> Selection:
    flagged = flagged_voters(now.table, flags_shown(now)) if wanted.without_flagged else None
    return select(now.table, wanted, flagged)


def _overview(now: Shown, wanted: Wanted) -> Page:
    today = int(time.time() // DAY_S)
    counted = kept_while_large("comparisons", now, lambda: Comparisons(comparisons_by_state(), failures_by_reason()))
    key = ("overview", wanted, today, tuple(counted.states.values()), tuple(counted.failures.items()))
    return kept(key, now, lambda: overview(_selection(now, wanted), wanted, counted, today))


def _voters(now: Shown, wanted: Wanted) -> Page:
    places = (reverse("admin:suspicion"), f"{reverse('admin:arena_vote_changelist')}?q=")
    return kept(("voters", wanted), now, lambda: voters(_selection(now, wanted), flags_shown(now), *places))


_MAKERS: dict[str, Callable[[Shown, Wanted], Page]] = {
    "overview": _overview,
    "ratings": lambda now, wanted: kept(("ratings", wanted), now, lambda: ratings(_selection(now, wanted))),
    "scenes": lambda now, wanted: kept(("scenes", wanted), now, lambda: scenes(_selection(now, wanted))),
    "voters": _voters,
}


def _gate(request, now: Shown) -> Answer:
    """The candidate is the version that was first voted on last, where none is chosen."""
    candidates = kept("candidates", now, lambda: _candidates(select(now.table, Wanted())))
    form = Question(request.GET, candidates, sorted(now.table.models))
    if not form.is_valid():
        return Answer(form, None)
    if not candidates:
        return Answer(form, None, "Nobody has voted on an adapter version yet.")
    candidate, stable = form.cleaned_data["candidate"] or candidates[0], form.cleaned_data["stable"] or None
    try:
        page = kept_while_large(("gate", candidate, stable), now, lambda: gate(look(candidate, stable)))
    except Refusal as refusal:
        return Answer(form, None, refusal.message)
    return Answer(form, page)


def _candidates(votes: Selection) -> list[str]:
    """Adapter versions with votes that count, the newest first."""
    first = {}
    for side in ("left", "right"):
        for place, row in zip(*np.unique(votes[side], return_index=True), strict=True):
            first[votes.models[place]] = min(row, first.get(votes.models[place], row))
    return sorted((name for name in first if "@" in name), key=lambda name: (-first[name], name))
