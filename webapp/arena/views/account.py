"""/account/: sign up, log in, log out, another password. Nothing of it is needed to vote."""

from django.conf import settings
from django.contrib.auth import login, logout, update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.db import IntegrityError, transaction
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from webapp.arena import accounts, voter
from webapp.arena.forms import LogInForm, SignUpForm
from webapp.arena.refusals import Refusal

BACKEND = "django.contrib.auth.backends.ModelBackend"


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request):
    """Make an account; the browser is logged in then."""
    _check_wanted()
    form = SignUpForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _asked(request, form, "sign-up")
    try:
        with transaction.atomic():
            user = form.save()
            account = accounts.open_account(user, voter.voter_of(request) if form.cleaned_data["bring"] else None)
    except IntegrityError:  # a double click: the other one was a moment quicker
        form.add_error("username", "Somebody has just taken this name. If that was you, log in.")
        return _asked(request, form, "sign-up")
    login(request, user, BACKEND)
    return _as_voter(account)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def log_in(request):
    """Into an account. Leads to the person's votes and nowhere else."""
    _check_wanted()
    form = LogInForm(request, data=request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _asked(request, form, "log-in")
    login(request, form.get_user())
    account = accounts.account_of(request.user) or accounts.open_account(request.user, brings=None)
    if form.cleaned_data["bring"]:
        accounts.join(account, voter.voter_of(request))
    return _as_voter(account)


@require_POST
def log_out(request):
    """Out of it: what is done in this browser from now on is another person's."""
    logout(request)
    response = redirect("arena:home")
    voter.forget(response)
    return response


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def password(request):
    """Another password. Whoever is logged in elsewhere is so no more, and their cookie leads nowhere."""
    _check_wanted()
    account = accounts.account_of(request.user)
    if account is None:
        return redirect("arena:log-in")
    form = PasswordChangeForm(account.user, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _asked(request, form, "password")
    form.save()
    update_session_auth_hash(request, form.user)
    accounts.renumber(account)
    return _as_voter(account)


def _check_wanted() -> None:
    if not settings.ACCOUNTS:
        raise Refusal(404, "no_accounts", "This site has no accounts: everybody votes without a name.")


def _asked(request, form, what: str):
    """The page with the form, and what is wrong with it."""
    form.use_required_attribute = False
    if "bring" in form.fields and not accounts.may_bring(voter.voter_of(request)):
        del form.fields["bring"]
    context = {"form": form, "what": what}
    return render(request, "arena/account.html", context, status=400 if form.is_bound else 200)


def _as_voter(account: accounts.Account):
    """On to the votes, as the account's voter."""
    response = redirect("arena:mine")
    voter.remember(response, account.voter)
    return response
