"""A comparison's way from drawn to complete: opened, claimed by one stream, then complete, failed, or given back.

Every step is one conditional UPDATE, so that two browser tabs, two processes or a crash cannot mix their replies.
"""

import datetime
import logging
import uuid

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from webapp.arena.engine import EngineFault, Reply
from webapp.arena.models import Comparison, State
from webapp.arena.pairing import Draw
from webapp.arena.refusals import Refusal
from webapp.arena.scenes import Opening

log = logging.getLogger(__name__)


def open_comparison(opening: Opening, draw: Draw, voter: uuid.UUID | None) -> Comparison:
    """Store a comparison whose replies are yet to be written."""
    return Comparison.objects.create(
        scene=opening.scene,
        title=opening.title,
        tags=list(opening.tags),
        player=opening.player,
        character=opening.character,
        posts=list(opening.posts),
        messages=opening.messages(),
        asked_left=draw.left,
        asked_right=draw.right,
        voter=voter,
    )


def find(comparison_id: uuid.UUID) -> Comparison:
    """The comparison, with its vote when it has one.

    Raises:
        Refusal: 404, there is none.
    """
    try:
        return Comparison.objects.select_related("vote").get(pk=comparison_id)
    except Comparison.DoesNotExist as error:
        message = "There is no such comparison. The address may have been cut short; start a new scene instead."
        raise Refusal(404, "unknown_comparison", message) from error


def claim(comparison_id: uuid.UUID) -> Comparison:
    """Take on the writing of both replies; of two who try, one gets it.

    A claim lapses when its process died: later than any reply may take, the next one gets it.

    Raises:
        Refusal: 404 unknown; 409 it is being written elsewhere, is complete, or has failed.
    """
    now = timezone.now()
    lapsed = now - datetime.timedelta(seconds=settings.REPLY_TIMEOUT_S + 30)
    free = Q(state=State.WAITING) | Q(state=State.WRITING, claimed_at__lt=lapsed)
    claimed = Comparison.objects.filter(free, pk=comparison_id).update(state=State.WRITING, claimed_at=now)
    comparison = find(comparison_id)
    if not claimed:
        if comparison.state == State.WRITING:
            raise Refusal(409, "being_written", "These replies are being written in another window.")
        raise Refusal(409, "already_written", "This comparison has been written already. Reload the page to see it.")
    return comparison


def complete(comparison: Comparison, left: Reply, right: Reply) -> bool:
    """Keep both replies with the models that wrote them. False when the claim had lapsed to another."""
    return _settle(
        comparison,
        state=State.COMPLETE,
        reply_left=left.text,
        reply_right=right.text,
        model_left=left.model,
        model_right=right.model,
        completed_at=timezone.now(),
    )


def fail(comparison: Comparison, fault: EngineFault) -> None:
    """One failing side fails the whole: it can never be voted on and counts for nobody."""
    log.warning("comparison %s failed: %s (%s)", comparison.pk, fault.code, fault.detail)
    _settle(comparison, state=State.FAILED, failure=fault.code)


def give_back(comparison: Comparison) -> None:
    """The reader went away in mid-stream: nothing is kept, and a reload starts the writing again."""
    _settle(comparison, state=State.WAITING, claimed_at=None)


def _settle(comparison: Comparison, **values) -> bool:
    """Change a comparison that is still ours."""
    ours = Comparison.objects.filter(pk=comparison.pk, state=State.WRITING, claimed_at=comparison.claimed_at)
    changed = bool(ours.update(**values))
    if changed:
        for name, value in values.items():
            setattr(comparison, name, value)
    return changed
