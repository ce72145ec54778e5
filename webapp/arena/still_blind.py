"""Which comparisons a person must not learn the sides of yet: staff see battles, but never before their own choice.

In: a request. Out: ids, to be left out of whatever names models.
"""

import uuid

from webapp.arena.models import Comparison, Invitation, Vote
from webapp.arena.voter import voter_of


def still_blind(request) -> set[uuid.UUID]:
    """Those that the voter of the request's cookie has begun, or was given, and has not voted on.

    They are a person's own, so few: whoever reads a million votes leaves out a short list, or nothing.
    """
    who = voter_of(request)
    begun = Comparison.objects.filter(voter=who).values_list("pk")
    given, voted = (kind.objects.filter(voter=who).values_list("comparison_id") for kind in (Invitation, Vote))
    return {comparison for (comparison,) in begun.union(given).difference(voted)}
