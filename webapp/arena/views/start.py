"""POST: begin a comparison, from the library or by surprise. Goes on to the comparison's page."""

import uuid

from asgiref.sync import async_to_sync
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from webapp.arena import comparing, scenes, sharing, voter
from webapp.arena.engine import served_pairs
from webapp.arena.models import Comparison
from webapp.arena.pairing import draw
from webapp.arena.refusals import Refusal
from webapp.arena.standings import standings


def begin(request, opening: scenes.Opening):
    """Draw pair and sides, store the comparison, send the person to it.

    Raises:
        EngineFault: there is nothing to compare; then nothing is stored.
    """
    pairs = async_to_sync(served_pairs)()
    who = voter.voter_of(request)
    drawn = draw(pairs, sharing.weights(), standings.now())
    comparison = comparing.open_comparison(opening, drawn, who)
    response = redirect("arena:comparison", comparison.pk)
    voter.remember(response, who)
    return response


@require_POST
def start_scene(request, slug: str):
    """A scene of the library."""
    scene = scenes.library().get(slug)
    if scene is None:
        raise Refusal(404, "unknown_scene", f"There is no scene “{slug[:60]}” in the library.")
    return begin(request, scene.begin())


@require_POST
def start_surprise(request):
    """A scene by chance, rather not one that this person has just played; or one that another has voted on."""
    who = voter.voter_of(request)
    shared = sharing.invite(who) if sharing.wanted(sharing.weights()) else None
    if shared is None:
        return begin(request, scenes.surprise(seen=_last_scenes(who)).begin())
    response = redirect("arena:comparison", shared.pk)
    voter.remember(response, who)
    return response


def _last_scenes(who: uuid.UUID) -> list[str]:
    """Slugs of the person's last comparisons: one fewer than there are scenes, so that one is always fresh."""
    played = Comparison.objects.filter(voter=who).exclude(scene="").order_by("-created_at")
    return list(played.values_list("scene", flat=True)[: len(scenes.library()) - 1])
