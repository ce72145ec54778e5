"""What a person can do after a turn instead of voting: go on, have it written again, edit their post, try again.

Each makes a new turn that waits to be written; nothing of the turns before is lost.
"""

import uuid
from enum import StrEnum

from django.db import transaction

from webapp.arena.comparing import hold
from webapp.arena.models import OPEN, Comparison, State, Turn
from webapp.arena.refusals import Refusal
from webapp.arena.story import Story, story
from webapp.arena.voting import check_open, moved_on

LONGEST_POST = 4000
"""Characters."""


class Move(StrEnum):
    """Which of them. `retry` is for a turn that failed."""

    CONTINUE = "continue"
    REGENERATE = "regenerate"
    EDIT = "edit"
    RETRY = "retry"


def make(comparison_id: uuid.UUID, move: Move, post: str = "", seen: str = "") -> Turn:
    """The next turn, ready to be claimed.

    Args:
        post: what the person wrote, for `continue` and `edit`.
        seen: the newest turn that the person saw, as the page names it; "": whichever it is.

    Raises:
        Refusal: 400 no post, or too long a one; 404 unknown; 409 voted on, being written, gone on, or not possible.
    """
    if move in (Move.CONTINUE, Move.EDIT):
        post = _checked(post)
    with transaction.atomic():
        comparison = hold(comparison_id)
        check_open(comparison)
        so_far = story(comparison)
        if so_far.latest.state in OPEN:
            raise Refusal(409, "being_written", "The replies are still being written. Wait for the end of both.")
        if so_far.latest.state == State.ERASED:
            raise Refusal(409, "erased", "This scene was erased. Start another one.")
        if seen and seen != so_far.latest.name:
            raise moved_on()
        number, text = _next(comparison, so_far, move, post)
        attempt = so_far.attempts.get(number, 0) + 1
        return Turn.objects.create(comparison=comparison, number=number, attempt=attempt, post=text)


def may_edit(comparison: Comparison, turn: Turn) -> bool:
    """Whether the post that `turn` answers is the person's own: the library's openings are not."""
    return turn.number > 1 or not comparison.scene


def _next(comparison: Comparison, so_far: Story, move: Move, post: str) -> tuple[int, str]:
    """Number and post of the turn that `move` makes."""
    if move is Move.RETRY:
        if so_far.latest.state != State.FAILED:
            raise Refusal(409, "already_written", "This turn did not fail. Reload the page to see it.")
        return so_far.latest.number, so_far.latest.post
    edited = so_far.latest if move is Move.EDIT else so_far.last
    if so_far.last is None or edited is None:
        raise Refusal(409, "failed_comparison", "This comparison failed before its first replies. Start it again.")
    if move is Move.CONTINUE:
        return so_far.last.number + 1, post
    if move is Move.REGENERATE:
        return so_far.last.number, so_far.last.post
    if not may_edit(comparison, edited):
        raise Refusal(409, "not_your_post", "This post is the library's. Go on from it with a post of your own.")
    return edited.number, post


def _checked(post: str) -> str:
    post = post.replace("\r\n", "\n").replace("\x00", "").strip()
    if not post:
        raise Refusal(400, "no_post", "Write something first: your post is empty.")
    if len(post) > LONGEST_POST:
        message = f"A post has at most {LONGEST_POST:,} characters; this one has {len(post):,}."
        raise Refusal(400, "long_post", message)
    return post
