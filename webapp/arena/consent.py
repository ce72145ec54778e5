"""What a person has to agree to before they play, as the operator set it: a line of consent, a least age, or nothing.

In: BARDLOOP_CONSENT (text, paragraphs by blank lines) and BARDLOOP_MIN_AGE (years, 0: none). Out: `Terms`, and whether
a request's signed cookie says that exactly these were agreed to.
"""

import hashlib
import os
from dataclasses import dataclass

from django.conf import settings
from django.core.signing import BadSignature

from webapp.bardloop_site.environment import number

COOKIE = "bardloop_terms"
SALT = "webapp.arena.consent"
YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True)
class Terms:
    """What is asked. Neither text nor age: nothing is."""

    text: str = ""
    min_age: int = 0

    @property
    def asked(self) -> bool:
        """Whether there is anything to agree to."""
        return bool(self.text or self.min_age)

    @property
    def digest(self) -> str:
        """Changes with every change of the terms: then everybody is asked again."""
        return hashlib.sha256(f"{self.min_age}\n{self.text}".encode()).hexdigest()[:16]


def terms_from_environment() -> Terms:
    """The operator's terms.

    Raises:
        ImproperlyConfigured: the age is no number from 0 to 99.
    """
    text = os.environ.get("BARDLOOP_CONSENT", "").replace("\\n", "\n").strip()
    return Terms(text, int(number("BARDLOOP_MIN_AGE", 0, 0, 99)))


def has_agreed(request) -> bool:
    """Whether this browser agreed to the terms as they are now."""
    terms = settings.TERMS
    if not terms.asked:
        return True
    try:
        return request.get_signed_cookie(COOKIE, salt=SALT) == terms.digest
    except (KeyError, BadSignature):
        return False


def remember(response) -> None:
    """Write down in a cookie that the terms were agreed to. It says nothing else, and leads to nobody."""
    secure = settings.SESSION_COOKIE_SECURE
    response.set_signed_cookie(
        COOKIE, settings.TERMS.digest, salt=SALT, max_age=YEAR_S, secure=secure, httponly=True, samesite="Lax"
    )
