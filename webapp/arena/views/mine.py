"""/mine/: a person's own votes, to see and to take back; all that is stored about them, to download and to erase."""

from django.core.paginator import Paginator
from django.http import JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from webapp.arena import mine as own
from webapp.arena import voter
from webapp.arena.voting import reveal

A_PAGE = 20
CHOICES = {"left": "A is better", "right": "B is better", "tie": "A tie", "bothbad": "Both bad"}


@require_safe
@never_cache
def mine(request):
    """The person's votes, the newest first, `?page=` by page."""
    page = Paginator(own.votes_of(voter.voter_of(request)), A_PAGE).get_page(request.GET.get("page"))
    return render(request, "arena/mine.html", {"page": page, "votes": [_shown(vote) for vote in page]})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def withdraw(request, vote_id: int):
    """Ask whether it is meant, then take the vote back."""
    who = voter.voter_of(request)
    if request.method == "POST":
        own.withdraw(who, vote_id)
        return redirect("arena:mine")
    return render(request, "arena/withdraw.html", {"one": _shown(own.vote_of(who, vote_id))})


@require_safe
@never_cache
def data(request):
    """Everything stored about the person, as a JSON file."""
    response = JsonResponse(own.stored(voter.voter_of(request)), json_dumps_params={"indent": 1, "ensure_ascii": False})
    response["Content-Disposition"] = 'attachment; filename="bardloop-my-data.json"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def erase(request):
    """Ask whether it is meant, then erase all of it and the cookie."""
    if request.method != "POST":
        return render(request, "arena/erase.html")
    response = render(request, "arena/erased.html", {"erased": own.erase(voter.voter_of(request))})
    voter.forget(response)
    return response


def _shown(vote) -> dict:
    """A vote as the pages show it; who was who once its voter was told."""
    return {
        "vote": vote,
        "choice": CHOICES[vote.choice],
        "reveal": reveal(vote) if vote.revealed_at else None,
    }
