"""Programs and their keys: whose key a request carries, and what ninja asks before it runs an operation.

In: the header "Authorization: Bearer KEY". Out: `request.program`, set by the middleware, None without a key.
"""

import secrets
import uuid
from dataclasses import dataclass

from django.conf import settings
from ninja.security.http import HttpAuthBase

from webapp.access.models import ProgramKey, digest_of
from webapp.arena.refusals import Refusal

WHICH = "A key is BARDLOOP_EXPORT_KEY, or one that the operator made for a program."


@dataclass(frozen=True)
class Program:
    """A caller with a key that is right. `per_minute` None: the operator's own program, not limited."""

    name: str
    voter: uuid.UUID | None
    per_minute: int | None
    may: frozenset[str]


def program_of(request) -> Program | None:
    """The program whose key the request carries; None without one.

    Raises:
        Refusal: 401, nobody has this key, or it was revoked.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    token = token.strip()
    if settings.EXPORT_KEY and secrets.compare_digest(token.encode(), settings.EXPORT_KEY.encode()):
        return Program("BARDLOOP_EXPORT_KEY", voter=None, per_minute=None, may=frozenset({"export", "statistics"}))
    key = ProgramKey.objects.filter(digest=digest_of(token), revoked_at=None).first()
    if key is None:
        raise Refusal(401, "key_refused", f"Nobody has this key, or it was revoked. {WHICH}")
    return Program(key.name, key.voter, key.per_minute, key.permissions)


def voter_of_program(request) -> uuid.UUID | None:
    """Under whom a program's comparisons and votes are counted; None for a program without a key."""
    return request.program.voter if request.program else None


class ProgramKeyAuth(HttpAuthBase):
    """Ninja's question before an operation: does the program's key permit it?"""

    openapi_scheme = "bearer"

    def __init__(self, permission: str, optional: bool = False):
        """`permission` is vote, statistics or export; `optional`: who comes without a key is let in too."""
        super().__init__()
        self.permission, self.optional = permission, optional

    def __call__(self, request):
        """Something true, or a refusal in the site's form."""
        program = request.program
        if program is None and not self.optional:
            message = (
                f"This needs the header “Authorization: Bearer” with a key that permits “{self.permission}”. {WHICH}"
            )
            raise Refusal(401, "key_refused", message)
        if program and self.permission not in program.may:
            raise Refusal(403, "not_permitted", f"The key of “{program.name}” does not permit “{self.permission}”.")
        return program or "anybody"
