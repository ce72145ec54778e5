"""Before every view: whose key is it, and is there something left of the allowance?"""

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.db import close_old_connections
from django.http import JsonResponse

from webapp.access.addresses import mark
from webapp.access.allowances import take
from webapp.access.keys import program_of
from webapp.access.limits import kind
from webapp.arena import voter
from webapp.arena.refusals import Refusal, refused


class AccessMiddleware:
    """Sets `request.program`; answers 401 to a wrong key and 429 to who is too fast. The views know nothing of it."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, arguments, keywords):
        """An answer instead of the view's, or None. What is not counted costs no query."""
        request.program = None
        name = request.resolver_match.view_name
        counted = kind(name, request.method)
        if counted is None:
            return None
        return _answer(request, counted, by_program=name.startswith("api:"), view=view)


def _answer(request, counted: str, by_program: bool, view):
    try:
        if by_program:
            request.program = program_of(request)
        wait = _take(request, counted)
    except Refusal as refusal:
        response = JsonResponse(refusal.as_json(), status=refusal.status)
        response["WWW-Authenticate"] = "Bearer"
        return response
    finally:
        if iscoroutinefunction(view):  # a stream must not hold a connection while it waits for the engine
            close_old_connections()
    return _too_fast(request, wait, by_program, view) if wait else None


def _take(request, counted: str) -> int:
    """Seconds to wait, 0 for none. The voter comes first: who is refused as one uses up nothing of a shared address."""
    if request.program:
        limit = request.program.per_minute
        return take(f"program/{request.program.voter}", limit) if limit else 0
    limits = settings.LIMITS
    if f"{counted}/voter" in limits and voter.COOKIE in request.COOKIES:
        wait = take(f"{counted}/voter/{voter.voter_of(request)}", limits[f"{counted}/voter"])
        if wait:
            return wait
    return take(f"{counted}/address/{mark(request)}", limits[f"{counted}/address"])


def _too_fast(request, wait: int, by_program: bool, view):
    """429. A view whose form holds a longer text has `when_refused`, which shows it again."""
    by_script = "text/event-stream" in request.headers.get("Accept", "")
    if by_program or by_script:
        answer, then = _as_json, " and ask again" if by_program else ""
    elif hasattr(view, "when_refused"):
        answer, then = view.when_refused, " and do it again"
    else:
        answer, then = refused, " and do it again; go back to what you wrote"
    response = answer(request, Refusal(429, "too_fast", f"That was faster than this site allows. Wait {wait} s{then}."))
    response["Retry-After"] = str(wait)
    response["Cache-Control"] = "no-store"
    return response


def _as_json(request, refusal: Refusal):
    return JsonResponse(refusal.as_json(), status=refusal.status)
