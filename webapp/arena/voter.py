"""Who votes: an anonymous number in a signed cookie. It says that two votes are one person's, and nothing else."""

import uuid

from django.conf import settings
from django.core.signing import BadSignature

COOKIE = "bardloop_voter"
SALT = "webapp.arena.voter"
YEAR_S = 365 * 24 * 3600


def voter_of(request) -> uuid.UUID:
    """The voter's number, a new one when the cookie is missing or was tampered with."""
    try:
        return uuid.UUID(request.get_signed_cookie(COOKIE, salt=SALT))
    except (KeyError, BadSignature, ValueError):
        return uuid.uuid4()


def forget(response) -> None:
    """Take the cookie away: the next vote is another person's."""
    response.delete_cookie(COOKIE, samesite="Lax")


def remember(response, voter: uuid.UUID) -> None:
    """Hand `voter` its cookie."""
    secure = settings.SESSION_COOKIE_SECURE
    response.set_signed_cookie(
        COOKIE, str(voter), salt=SALT, max_age=YEAR_S, secure=secure, httponly=True, samesite="Lax"
    )
