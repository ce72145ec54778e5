"""GET and POST /admin/suspicion/: what the rules point at, with a button to leave it out or take it in again."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from webapp.arena.leaving_out import count_again, leave_out
from webapp.insights.breakdowns.flagged import LOOKS_AT
from webapp.insights.suspect_votes import suspects

ABOUT = {
    "one_sided": "Nearly all votes went to the same side of the page. Sides are drawn by lot, so an honest taste "
    "falls on both alike.",
    "too_fast": "Most votes came before anybody could have read both replies. Only those votes are meant.",
    "scripted": "Every vote came the same time after the last word. People take now a moment, now a minute.",
    "coordinated": "Many voters came within one hour and agreed on a model far more than everybody else does.",
}
"""Rule to what it looks for; suspicion.py has the tests behind it."""


@require_http_methods(["GET", "HEAD", "POST"])
def suspicion(request, context: dict):
    """`context`: what every page of the admin gets."""
    if request.method == "POST":
        return _act(request)
    numbers = {
        "flags": suspects(),
        "about": ABOUT,
        "looks_at": f"{LOOKS_AT:,}",
        "title": "Votes that may not be honest",
    }
    numbers["may_leave_out"] = request.user.has_perm("arena.change_vote")
    return TemplateResponse(request, "insights/suspicion.html", context | numbers)


def _act(request):
    """The form names the votes that its reader saw: nothing is left out that nobody looked at."""
    if not request.user.has_perm("arena.change_vote"):
        raise PermissionDenied
    votes = [int(vote) for vote in request.POST.get("votes", "").split(",") if vote.isdecimal()]
    rule = request.POST.get("rule", "")
    if request.POST.get("do") == "count_again":
        messages.success(request, f"{count_again(votes, request.user)} votes count again.")
    elif rule in ABOUT:
        messages.success(request, f"{leave_out(votes, rule, request.user)} votes left out ({rule}).")
    else:
        messages.error(request, "Nothing was changed: that is none of the rules.")
    return redirect("admin:suspicion")
