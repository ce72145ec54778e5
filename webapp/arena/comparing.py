"""A turn's way from drawn to complete: opened, claimed by one stream, then complete, failed, or given back.

Every step is one conditional UPDATE, so that two browser tabs, two processes or a crash cannot mix their replies.
"""

import datetime
import logging
import uuid

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from webapp.arena.engine import EngineFault, Reply
from webapp.arena.maker import names_maker
from webapp.arena.models import Comparison, State, Turn
from webapp.arena.pairing import Draw
from webapp.arena.refusals import Refusal
from webapp.arena.scenes import Opening

log = logging.getLogger(__name__)


@transaction.atomic
def open_comparison(opening: Opening, draw: Draw, voter: uuid.UUID | None) -> Comparison:
    """Store a comparison with its first turn, whose replies are yet to be written."""
    comparison = Comparison.objects.create(
        scene=opening.scene,
        title=opening.title,
        tags=list(opening.tags),
        player=opening.player,
        character=opening.character,
        posts=list(opening.posts),
        pair=draw.pair,
        asked_left=draw.left,
        asked_right=draw.right,
        voter=voter,
    )
    Turn.objects.create(comparison=comparison)
    return comparison


def find(comparison_id: uuid.UUID) -> Comparison:
    """The comparison.

    Raises:
        Refusal: 404, there is none.
    """
    return _get(Comparison.objects, comparison_id)


def hold(comparison_id: uuid.UUID) -> Comparison:
    """The comparison, locked until the transaction ends: a vote and a further turn never happen at once.

    Raises:
        Refusal: 404, there is none.
    """
    return _get(Comparison.objects.select_for_update(no_key=True), comparison_id)


def _get(comparisons, comparison_id: uuid.UUID) -> Comparison:
    try:
        return comparisons.get(pk=comparison_id)
    except Comparison.DoesNotExist as error:
        raise unknown() from error


def unknown() -> Refusal:
    """The answer to somebody who asks for a comparison that is not there."""
    message = "There is no such comparison. The address may have been cut short; start a new scene instead."
    return Refusal(404, "unknown_comparison", message)


def claim(comparison_id: uuid.UUID) -> Turn:
    """Take on the writing of the turn that waits; of two who try, one gets it.

    A claim lapses when its process died: later than any reply may take, the next one gets it.

    Raises:
        Refusal: 404 unknown; 409 it is being written elsewhere, is complete, or has failed.
    """
    now = timezone.now()
    lapsed = now - datetime.timedelta(seconds=settings.REPLY_TIMEOUT_S + 30)
    free = Q(state=State.WAITING) | Q(state=State.WRITING, claimed_at__lt=lapsed)
    turns = Turn.objects.filter(comparison=comparison_id)  # the database holds one in these states at most
    if not turns.filter(free).update(state=State.WRITING, claimed_at=now):
        find(comparison_id)
        if turns.filter(state=State.WRITING).exists():
            raise Refusal(409, "being_written", "These replies are being written in another window.")
        raise Refusal(409, "already_written", "This comparison has been written already. Reload the page to see it.")
    return turns.select_related("comparison").get(claimed_at=now)


def complete(turn: Turn, left: Reply, right: Reply) -> bool:
    """Keep both replies; the first turn says which models these are. False when the claim had lapsed to another.

    Raises:
        EngineFault: another version answered than in the turns before.
    """
    answered = {"model_left": left.model, "model_right": right.model}
    with transaction.atomic():
        hold(turn.comparison_id)  # before its turn, as everybody who changes both does
        kept = _settle(
            turn,
            state=State.COMPLETE,
            reply_left=left.text,
            reply_right=right.text,
            seconds_left=left.seconds,
            seconds_right=right.seconds,
            first_token_left=left.first_token,
            first_token_right=right.first_token,
            completed_at=timezone.now(),
        )
        if not kept:
            return False
        same = Q(model_left="", model_right="") | Q(**answered)
        if not Comparison.objects.filter(same, pk=turn.comparison_id).update(**answered):
            raise EngineFault("version_changed", f"{left.model} and {right.model} answered")
        names = (left.asked, right.asked, left.model, right.model)
        if any(names_maker(reply.text, names) for reply in (left, right)):
            Comparison.objects.filter(pk=turn.comparison_id).update(names_maker=True)
    return True


def fail(turn: Turn, fault: EngineFault) -> None:
    """One failing side fails the whole turn: it can never be voted on and counts for nobody."""
    log.warning("%s failed: %s (%s)", turn, fault.code, fault.detail)
    _settle(turn, state=State.FAILED, failure=fault.code)


def give_back(turn: Turn) -> None:
    """The reader went away in mid-stream: nothing is kept, and a reload starts the writing again."""
    _settle(turn, state=State.WAITING, claimed_at=None)


def _settle(turn: Turn, **values) -> bool:
    """Change a turn that is still ours."""
    ours = Turn.objects.filter(pk=turn.pk, state=State.WRITING, claimed_at=turn.claimed_at)
    return bool(ours.update(**values))
