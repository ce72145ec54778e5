"""The middleware that sends whoever has not agreed to the operator's terms to the page that asks for it."""

from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse

from webapp.arena.consent import has_agreed

FREE = ("/api/", "/admin/", "/static/", "/health", "/robots.txt", "/.well-known/", "/welcome/", "/mine/", "/account/")
"""Programs and staff have their own doors; what is stored about a person is theirs without any terms."""


class ConsentMiddleware:
    """Looks at one cookie; without terms it does nothing."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self._refusal(request) or self.get_response(request)

    @staticmethod
    def _refusal(request):
        if request.path.startswith(FREE) or has_agreed(request):
            return None
        asked_for = request.get_full_path() if request.method in ("GET", "HEAD") else "/"
        address = f"{reverse('arena:welcome')}?{urlencode({'next': asked_for})}"
        if request.headers.get("HX-Request"):
            return HttpResponse(headers={"HX-Redirect": address})
        response = HttpResponseRedirect(address)
        response.status_code = 303  # whatever was sent is not sent again to the page that asks
        return response
