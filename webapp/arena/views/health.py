"""GET /health: 200 when the site can answer, which includes its database."""

from django.db import connection
from django.http import JsonResponse
from django.views.decorators.http import require_safe


@require_safe
def health(request):
    """For whoever starts or balances the site. The engine has its own; without it, pages say so."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})
