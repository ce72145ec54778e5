"""Having both replies written: asked at the same moment, released in lock-step, stored only when both are whole."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections

from webapp.arena import comparing
from webapp.arena.engine import EngineFault, Reply, is_adapter_version
from webapp.arena.models import Turn
from webapp.arena.pacing import Rhythm, Step, in_lock_step
from webapp.arena.refusals import Refusal
from webapp.arena.story import messages, story

THREADS = ThreadPoolExecutor(max_workers=16, thread_name_prefix="database")
"""For what streams ask the database, a few milliseconds each: as many as there are connections in the pool."""


async def write(turn: Turn) -> AsyncIterator[Step]:
    """Yield the words of a claimed turn. At the end it is complete; when this is closed early, it waits again.

    The rhythm is the same for who reads along and for who gets both replies at the end: the time that the engine takes
    is the slow side's, and with the lengths of both it would say which one that is.

    Raises:
        EngineFault: one side failed. The turn is stored as failed, with the reason.
        Refusal: 409, the claim had lapsed and another has it.
    """
    settled = False
    try:
        left, right = await in_database(_questions, turn)
        try:
            steps = in_lock_step(left.deltas(), right.deltas(), Rhythm(time_limit=settings.REPLY_TIMEOUT_S))
            async with aclosing(steps):
                async for step in steps:
                    yield step
            _check_versions(left, right)
        except TimeoutError as error:
            raise EngineFault("timeout", f"no whole reply within {settings.REPLY_TIMEOUT_S:g} s") from error
        kept = await in_database(comparing.complete, turn, left, right)
        settled = True
        if not kept:
            raise Refusal(409, "being_written", "These replies are being written in another window.")
    except EngineFault as fault:
        settled = True
        fault = _explained(fault, turn)
        await in_database(comparing.fail, turn, fault)
        raise fault from None
    finally:
        if not settled:
            await in_database(comparing.give_back, turn)


async def in_database(function, *arguments):
    """Run a function that uses the database, and let go of connection and thread: a stream waits without either."""

    def call():
        try:
            return function(*arguments)
        finally:
            close_old_connections()

    return await sync_to_async(call, thread_sensitive=False, executor=THREADS)()


def _questions(turn: Turn) -> list[Reply]:
    """What both sides are asked: the same scene, each with its own replies so far."""
    comparison = turn.comparison
    told = story(comparison).told
    sides = {"left": comparison.asked_left, "right": comparison.asked_right}
    return [Reply(asked, messages(comparison, told, turn, side), str(comparison.pk)) for side, asked in sides.items()]


def _explained(fault: EngineFault, turn: Turn) -> EngineFault:
    """In a later turn it is rather the whole scene than the last post that is too long."""
    if fault.code == "too_long" and turn.number > 1:
        return EngineFault("scene_too_long", fault.detail)
    return fault


def _check_versions(left: Reply, right: Reply) -> None:
    """A vote must name the adapter's exact version: an alias that answered as itself is worth nothing."""
    if not any(is_adapter_version(reply.model) for reply in (left, right)):
        raise EngineFault("wrong_model", f"neither {left.model} nor {right.model} is an adapter version")
