"""GET /comparisons/<id>/: the page where two replies stream in, are voted on and revealed. POST …/again/."""

from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from webapp.arena import comparing, voter
from webapp.arena.refusals import Refusal
from webapp.arena.views.stage import context
from webapp.arena.views.start import begin


@require_safe
@never_cache
def comparison(request, comparison_id):
    """The comparison as it stands. Before the vote, nothing on the page depends on which model stands where."""
    found = comparing.find(comparison_id)
    return render(request, "arena/comparison.html", context(found, voter.voter_of(request)))


@require_POST
def again(request, comparison_id):
    """The same scene once more: a new comparison, with a new draw."""
    opening = comparing.find(comparison_id).opening()
    if not opening.posts:
        raise Refusal(409, "erased", "This scene was erased. Start another one.")
    return begin(request, opening)


def changed(request, comparison_id, who):
    """The answer to something done on the page: its main part for htmx, else the page anew."""
    if request.htmx:
        response = render(request, "arena/parts/comparison.html", context(comparing.find(comparison_id), who))
    else:
        response = redirect("arena:comparison", comparison_id)
    voter.remember(response, who)
    return response
