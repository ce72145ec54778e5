"""Scenes that a second person votes on, so that agreement can be measured: whom to show which, and how often.

Only scenes of the library in which the first person wrote nothing are shown: nobody reads what another one wrote. The
second person sees the same replies on the same sides, and neither the first vote nor the names.
"""

import random
import uuid

from django.db.models import Count, Exists, OuterRef

from webapp.arena.models import Comparison, Invitation, PairWeight, State, Turn, Vote

MOST_VOTERS = 3
"""People who vote on one comparison, at most."""
LOOKED_AT = 200
"""Newest votes, among whose comparisons one is drawn."""


def weights() -> dict[str, float]:
    """How often each kind of meeting is wanted, as staff set it in the admin."""
    return dict(PairWeight.objects.values_list("kind", "weight"))


def wanted(weights: dict[str, float]) -> bool:
    """Whether the next scene is to be one that another person has voted on: drawn by its weight among all."""
    whole = sum(weights.values())
    return whole > 0 and random.SystemRandom().random() < weights.get(PairWeight.SHARED, 0) / whole


def invite(voter: uuid.UUID) -> Comparison | None:
    """A comparison for `voter` to read and vote on; None when there is none that is not theirs and not exhausted."""
    recent = Vote.counting.exclude(voter=None).exclude(voter=voter).exclude(revealed_at=None).order_by("-created_at")
    turns = Turn.objects.filter(comparison=OuterRef("pk"))
    votes, invitations = (kind.objects.filter(comparison=OuterRef("pk"), voter=voter) for kind in (Vote, Invitation))
    found = list(
        Comparison.objects.filter(pk__in=list(recent.values_list("comparison", flat=True)[:LOOKED_AT]))
        .exclude(scene="")
        .exclude(voter=voter)
        .filter(~Exists(turns.exclude(post="")), ~Exists(turns.exclude(state=State.COMPLETE)))
        .filter(~Exists(votes), ~Exists(invitations))
        .annotate(invited=Count("invitations"))
        .filter(invited__lt=MOST_VOTERS - 1)
    )
    if not found:
        return None
    comparison = random.choice(found)
    Invitation.objects.create(comparison=comparison, voter=voter)
    return comparison
