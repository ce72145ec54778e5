"""POST /comparisons/<id>/continue|regenerate|edit|retry/: another turn instead of a vote."""

from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from webapp.arena import moves, voter
from webapp.arena.views.comparison import changed


@require_POST
@never_cache
def move(request, comparison_id, kind: str):
    """Make the move with the person's `post`, if it has one, after the turn `seen`."""
    who = voter.voter_of(request)
    post, seen = request.POST.get("post", ""), request.POST.get("seen", "")
    moves.make(comparison_id, moves.Move(kind), post, seen)
    return changed(request, comparison_id, who)
