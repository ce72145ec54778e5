"""GET /robots.txt: what people wrote is not for search engines; the pages that lead there are."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

RULES = "User-agent: *\nDisallow: /comparisons/\nDisallow: /admin/\nDisallow: /api/\n"


@require_safe
def robots(request):
    """The same for every robot."""
    return HttpResponse(RULES, content_type="text/plain")
