"""POST /comparisons/<id>/vote/ and …/reasons/: one vote, why it was so, then the reveal.

The reasons come before the reveal, so that they are about the replies and not about the names. htmx gets the
comparison's part of the page.
"""

from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from webapp.arena import comparing, voter, voting
from webapp.arena.views.comparison import changed


@require_POST
@never_cache
def vote(request, comparison_id):
    """Cast `choice` (left, right, tie, bothbad) on the turn `seen`."""
    who = voter.voter_of(request)
    voting.cast(comparison_id, request.POST.get("choice", ""), who, request.POST.get("seen", ""))
    return changed(request, comparison_id, who)


@require_POST
@never_cache
def reasons(request, comparison_id):
    """Keep `reasons` and `comment`, both optional, and tell who was who."""
    who = voter.voter_of(request)
    comparing.find(comparison_id)
    voting.give_reasons(comparison_id, who, request.POST.getlist("reasons"), request.POST.get("comment", ""))
    return changed(request, comparison_id, who)
