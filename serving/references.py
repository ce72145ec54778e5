"""References of adapter versions, `name@version`: folder names under adapters/ and model names in the API."""

import re

from serving.refusal import Refusal

REFERENCE = re.compile(r"([a-z][a-z0-9_-]{0,62})@([0-9a-f]{12})")


def split_reference(reference: str) -> tuple[str, str]:
    """`name@version` as its two parts. Anything else, such as a path, is refused.

    Raises:
        Refusal: bad_reference.
    """
    match = REFERENCE.fullmatch(reference)
    if not match:
        raise Refusal("bad_reference", f"{reference[:100]!r}: expected name@version (12 hex digits)", status=400)
    return match[1], match[2]
