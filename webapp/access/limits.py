"""The table of limits: which request counts as what, and how many of it a minute are allowed. No Django inside.

Every limit is a bucket of one minute: that many at once, then evenly so many a minute. People stay far below; the
numbers stop programs. Many people can share one address (a school, a town behind one provider), so an address may do
twenty times what a voter may. BARDLOOP_LIMITS changes single numbers (docs/operations.md).
"""

DEFAULTS = {
    "start/voter": 30,
    "start/address": 600,
    "write/voter": 60,
    "write/address": 1200,
    "vote/voter": 60,
    "vote/address": 1200,
    "act/voter": 120,
    "act/address": 2400,
    "api/address": 600,
    "login/address": 30,
    "signup/address": 20,
}
"""Requests a minute, by what is done and for whom it is counted. A program with a key has its own number instead."""

KINDS = {
    "arena:start": "start",
    "arena:surprise": "start",
    "arena:write": "start",
    "arena:again": "start",
    "arena:continue": "start",
    "arena:regenerate": "start",
    "arena:edit": "start",
    "arena:retry": "start",
    "arena:stream": "write",
    "arena:vote": "vote",
    "admin:login": "login",
    "arena:log-in": "login",
    "arena:password": "login",
    "arena:sign-up": "signup",
    "api:compare": "start",
    "api:compare_further": "start",
    "api:vote": "vote",
}
"""What a request counts as, by the name of its address."""

MOST_BYTES = 256 * 1024
"""Of one request's body. The longest form holds 4,000 characters: at most 48 kB as browsers send them."""


def kind(view_name: str, method: str) -> str | None:
    """What a request counts as; None is not limited.

    Reading a page is free. Every call of the API counts, and so does every form, also one that KINDS does not know.
    """
    if view_name.startswith("api:"):
        return KINDS.get(view_name, "api")
    if method in ("GET", "HEAD", "OPTIONS"):
        return None
    return KINDS.get(view_name, "act" if view_name.startswith("arena:") else None)
