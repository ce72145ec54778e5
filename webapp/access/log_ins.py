"""Our answers to django-axes, which counts wrong passwords by name and address: whose they are, what is then shown."""

import math

from django.conf import settings

from webapp.arena.refusals import Refusal, refused

LONGEST_NAME = 150
"""Of Django's accounts. The log-in form lets longer ones through, for which axes has no room."""


def username(request, credentials) -> str:
    """The name under which a wrong password is counted."""
    name = credentials["username"] if credentials else request.POST.get("username", "")
    return (name or "")[:LONGEST_NAME]


def locked_out(request, response, credentials):
    """429 in the site's form. The other two arguments are what axes passes along; the same answer fits all."""
    minutes = math.ceil(settings.AXES_COOLOFF_TIME.total_seconds() / 60)
    message = f"Too many wrong passwords for this name from your address. Log in again in {minutes} minutes."
    answer = refused(request, Refusal(429, "locked_out", message))
    answer["Retry-After"] = str(60 * minutes)
    return answer
