"""/mine/: a person's own votes, to see and to take back; all that is stored about them, to download and to erase."""

import uuid

from django.conf import settings
from django.contrib.auth import logout
from django.core.paginator import Paginator
from django.http import JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from webapp.arena import accounts, voter
from webapp.arena import mine as own
from webapp.arena.refusals import Refusal
from webapp.arena.voting import reveal

A_PAGE = 20
CHOICES = {"left": "A is better", "right": "B is better", "tie": "A tie", "bothbad": "Both bad"}


@require_safe
@never_cache
def mine(request):
    """The person's votes, the newest first, `?page=` by page."""
    account = _account(request)
    who = _who(request)
    page = Paginator(own.votes_of(who), A_PAGE).get_page(request.GET.get("page"))
    shown = {"page": page, "votes": [_shown(vote) for vote in page], "accounts": settings.ACCOUNTS, "account": account}
    response = render(request, "arena/mine.html", shown)
    if account:
        voter.remember(response, who)  # the cookie may have been cleared
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def withdraw(request, vote_id: int):
    """Ask whether it is meant, then take the vote back."""
    who = _who(request)
    if request.method == "POST":
        own.withdraw(who, vote_id)
        return redirect("arena:mine")
    return render(request, "arena/withdraw.html", {"one": _shown(own.vote_of(who, vote_id))})


@require_safe
@never_cache
def data(request):
    """Everything stored about the person, as a JSON file."""
    response = JsonResponse(
        own.stored(_whose_account_too(request)), json_dumps_params={"indent": 1, "ensure_ascii": False}
    )
    response["Content-Disposition"] = 'attachment; filename="bardloop-my-data.json"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def erase(request):
    """Ask whether it is meant, then erase all of it and the cookie."""
    who = _whose_account_too(request)
    if request.method != "POST":
        return render(request, "arena/erase.html")
    erased = own.erase(who)
    if not request.user.is_staff:
        logout(request)
    response = render(request, "arena/erased.html", {"erased": erased})
    voter.forget(response)
    return response


def _account(request) -> accounts.Account | None:
    return accounts.account_of(request.user) if settings.ACCOUNTS else None


def _who(request) -> uuid.UUID:
    """Whose votes: those of the account that is logged in, else those of the cookie."""
    account = _account(request)
    return account.voter if account else voter.voter_of(request)


def _whose_account_too(request) -> uuid.UUID:
    """Whose votes, where an account hangs on them: a cookie alone neither reads nor removes it.

    Raises:
        Refusal: 403, it is the number of an account that is not logged in. (Without accounts nobody could log in.)
    """
    who = _who(request)
    account = accounts.account_of_voter(who) if settings.ACCOUNTS else None
    if account and account.user_id != request.user.pk:
        message = "This cookie is an account's. Log in to it, then come back: nothing was shown, changed or erased."
        raise Refusal(403, "log_in_first", message)
    return who


def _shown(vote) -> dict:
    """A vote as the pages show it; who was who once its voter was told."""
    return {
        "vote": vote,
        "choice": CHOICES[vote.choice],
        "reveal": reveal(vote) if vote.revealed_at else None,
    }
