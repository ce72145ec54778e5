"""GET and POST /welcome/: the operator's terms, and agreeing to them."""

from django.conf import settings
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from webapp.arena import consent


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def welcome(request):
    """The page with its boxes; once all are ticked, on to `next`, an address of this site."""
    terms = settings.TERMS
    to = _ours(request, request.POST.get("next") or request.GET.get("next") or "/")
    if not terms.asked:
        return redirect(to)
    missing = [box for box in _boxes(terms) if request.POST.get(box) != "yes"]
    if request.method == "POST" and not missing:
        response = redirect(to)
        consent.remember(response)
        return response
    refused = request.method == "POST"
    context = {"terms": terms, "next": to, "missing": missing if refused else []}
    return render(request, "arena/welcome.html", context, status=400 if refused else 200)


def _boxes(terms: consent.Terms) -> list[str]:
    return [name for name, asked in (("age", terms.min_age), ("agree", terms.text)) if asked]


def _ours(request, address: str) -> str:
    """`address`, where it is one of this site; else the front page."""
    host = {request.get_host()}
    safe = address.startswith("/") and url_has_allowed_host_and_scheme(address, host, request.is_secure())
    return address if safe else "/"
