"""Votes as battle records, one JSON object a line, as contracts/battle.py has them."""

from collections.abc import AsyncIterator

from contracts.battle import Battle
from webapp.arena.models import Choice, Vote

WINNER = {Choice.LEFT: "model_a", Choice.RIGHT: "model_b", Choice.TIE: "tie", Choice.BOTHBAD: "tie (bothbad)"}


async def battle_lines() -> AsyncIterator[str]:
    """Every vote in the order of casting; the rows come from a server-side cursor, so memory stays flat."""
    votes = Vote.objects.select_related("comparison").order_by("created_at", "pk")
    async for vote in votes.aiterator(chunk_size=1000):
        yield battle(vote).model_dump_json() + "\n"


def battle(vote: Vote) -> Battle:
    """One vote. Model a is the one that stood left; the draw made that random already."""
    comparison = vote.comparison
    return Battle(
        question_id=str(comparison.pk),
        model_a=comparison.model_left,
        model_b=comparison.model_right,
        winner=WINNER[vote.choice],
        judge=str(vote.voter) if vote.voter else "program",
        conversation_a=[*comparison.messages, {"role": "assistant", "content": comparison.reply_left}],
        conversation_b=[*comparison.messages, {"role": "assistant", "content": comparison.reply_right}],
        turn=1,
        anony=True,
        language="unknown",
        tstamp=vote.created_at.timestamp(),
        side_shown="left",
        tags=comparison.tags,
        dwell_ms=vote.dwell_ms,
    )
