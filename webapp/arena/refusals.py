"""Saying no: one exception for every request that cannot be done, shown as a page to people and as JSON to programs."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import JsonResponse
from django.shortcuts import render


class Refusal(Exception):
    """A request that cannot be done, and why.

    Attributes:
        status: HTTP status, 4xx or 5xx.
        code: short reason for programs, e.g. `already_voted`.
        message: what a person reads: what happened and what to do.
    """

    def __init__(self, status: int, code: str, message: str):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def as_json(self) -> dict:
        """The body that programs get."""
        return {"error": {"code": self.code, "message": self.message}}


SOMETHING_BROKE = Refusal(
    500,
    "server_error",
    "Something broke on our side. It has been written to the log; nothing you did was lost or counted.",
)
DATABASE_AWAY = Refusal(
    503,
    "database_away",
    "The site cannot reach its memory for a moment. Go back in a minute and reload the page: it shows what was kept.",
)


class RefusalMiddleware:
    """Turns a Refusal from a page's view into an error page, or into a notice when htmx asked."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        """Django answers a wrong method with an empty page: whoever opened a form's address by hand is told instead."""
        response = self.get_response(request)
        if response.status_code != 405 or request.path.startswith("/api/"):
            return response
        answer = refused(request, Refusal(405, "wrong_method", "This address takes what a form sends."))
        answer["Allow"] = response["Allow"]
        return answer

    def process_exception(self, request, exception):
        """Django calls this with whatever a view raised; None hands it on."""
        if not isinstance(exception, Refusal):
            return None
        return refused(request, exception)


def refused(request, refusal: Refusal):
    """The answer that tells a person about `refusal`."""
    context = {"refusal": refusal}
    if getattr(request, "htmx", False):  # what is refused early never met the middleware that sets it
        response = render(request, "arena/parts/notice.html", context, status=refusal.status)
        response["HX-Retarget"] = "#notice"
        response["HX-Reswap"] = "innerHTML"
    else:
        response = render(request, "arena/refused.html", context, status=refusal.status)
    response["Cache-Control"] = "no-store"
    if refusal.status == 503:
        response["Retry-After"] = "30"
    return response


def bad_request(request, exception):
    """What Django itself finds suspicious about a request."""
    return refused(request, Refusal(400, "bad_request", "The site cannot read what your browser sent. Start again."))


def permission_denied(request, exception):
    """A page of the admin that this account, or nobody, is let to."""
    return refused(request, Refusal(403, "not_allowed", "Your account may not do this, or nobody may."))


def page_not_found(request, exception):
    """The site's 404: a page, or JSON under /api/."""
    refusal = Refusal(404, "not_found", "There is nothing at this address. It may have been mistyped.")
    if request.path.startswith("/api/"):
        return JsonResponse(refusal.as_json(), status=404)
    return refused(request, refusal)


def csrf_failure(request, reason=""):
    """A form without its token: mostly one from before the cookies were cleared."""
    message = "This form has grown too old, or cookies are off. Go back, reload the page and send it again."
    return refused(request, Refusal(403, "csrf", message))


def server_error(request):
    """The site's 500 page; 503 while the database is away, and what was sent may have been stored just before."""
    refusal = SOMETHING_BROKE
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        refusal = DATABASE_AWAY
    if request.path.startswith("/api/"):
        return JsonResponse(refusal.as_json(), status=refusal.status)
    return refused(request, refusal)
