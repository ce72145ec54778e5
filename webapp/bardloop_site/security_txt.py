"""GET /.well-known/security.txt: whom to tell about a hole in the site (RFC 9116), if the operator names somebody."""

import datetime

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from webapp.arena.refusals import Refusal

VALID = datetime.timedelta(days=180)
"""The file is made anew for everybody who asks; RFC 9116 wants an end within a year."""


@require_safe
def security_txt(request):
    """The contact, and until when it may be believed."""
    if not settings.SECURITY_CONTACT:
        raise Refusal(404, "not_found", "The operator of this site has named nobody here.")
    expires = (timezone.now() + VALID).strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = [f"Contact: {settings.SECURITY_CONTACT}", f"Expires: {expires}", "Preferred-Languages: en"]
    return HttpResponse("".join(f"{line}\r\n" for line in lines), content_type="text/plain; charset=utf-8")
