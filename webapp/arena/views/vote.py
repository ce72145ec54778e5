"""POST /comparisons/<id>/vote/: one vote, then the reveal. htmx gets the comparison's part of the page."""

from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from webapp.arena import voter, voting
from webapp.arena.views.comparison import context


@require_POST
@never_cache
def vote(request, comparison_id):
    """Cast `choice` (left, right, tie, bothbad)."""
    who = voter.voter_of(request)
    comparison = voting.cast(comparison_id, request.POST.get("choice", ""), who)
    if request.htmx:
        response = render(request, "arena/parts/comparison.html", context(comparison))
    else:
        response = redirect("arena:comparison", comparison.pk)
    voter.remember(response, who)
    return response
