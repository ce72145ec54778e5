"""Requests that are refused, in the site's form, before anything looks at them: a body too large, NUL in the address.

Django writes a whole body to disk before any of its own limits is asked; so BodyLimit stands before Django and drops
what is too much while it comes. The application gets an empty body and a mark instead, and RequestLimits says no.
"""

from django.http import JsonResponse

from webapp.access.limits import MOST_BYTES
from webapp.arena.refusals import Refusal, refused

TOO_LARGE = Refusal(
    413, "too_large", f"The site takes {MOST_BYTES // 1024} kB at once, and this is more. Nothing of it was kept."
)
NUL = Refusal(
    400, "null_character", "There is a null character in this address. Type it again, or start at the scenes."
)
MARK = "bardloop.body_too_large"


class BodyLimit:
    """ASGI: counts what arrives, whatever Content-Length says, and lets no more than `MOST_BYTES` through."""

    def __init__(self, application):
        self._application = application

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self._application(scope, receive, send)
        arrived = 0

        async def counted():
            nonlocal arrived
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return message
                if scope.get(MARK):
                    continue  # the rest of it, which nobody reads
                arrived += len(message.get("body", b""))
                if arrived <= MOST_BYTES:
                    return message
                scope[MARK] = True
                return {"type": "http.request", "body": b"", "more_body": False}

        return await self._application(scope, counted, send)


class RequestLimits:
    """Django's half. NUL is nothing that people type, and PostgreSQL cannot be asked about it."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.scope.get(MARK):
            return _refuse(request, TOO_LARGE)
        if "\0" in request.path or "%00" in request.META["QUERY_STRING"]:
            return _refuse(request, NUL)
        return self.get_response(request)


def _refuse(request, refusal: Refusal):
    if request.path.startswith("/api/"):
        return JsonResponse(refusal.as_json(), status=refusal.status)
    return refused(request, refusal)
