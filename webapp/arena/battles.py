"""Votes as battle records, one JSON object a line, as contracts/battle.py has them."""

from collections.abc import AsyncIterator

from django.db.models import Prefetch, QuerySet

from contracts.battle import Battle
from contracts.scene import ChatMessage
from webapp.arena.models import Choice, State, Turn, Vote
from webapp.arena.story import messages

WINNER = {Choice.LEFT: "model_a", Choice.RIGHT: "model_b", Choice.TIE: "tie", Choice.BOTHBAD: "tie (bothbad)"}


async def battle_lines() -> AsyncIterator[str]:
    """Every vote that counts in the order of casting; the rows come in portions, so memory stays flat."""
    votes = with_conversations(Vote.counting.order_by("created_at", "pk"))
    async for vote in votes.aiterator(chunk_size=1000):
        yield battle(vote).model_dump_json() + "\n"


def with_conversations(votes: QuerySet) -> QuerySet:
    """Those of `votes` whose texts are still there, with all that a battle record needs."""
    complete = Prefetch("comparison__turns", Turn.objects.filter(state=State.COMPLETE))
    return votes.filter(turn__state=State.COMPLETE).select_related("comparison", "turn").prefetch_related(complete)


def battle(vote: Vote) -> Battle:
    """One vote. Model a is the one that stood left; the draw made that random already."""
    comparison = vote.comparison
    return Battle(
        question_id=str(comparison.pk),
        model_a=comparison.model_left,
        model_b=comparison.model_right,
        winner=WINNER[vote.choice],
        judge=str(vote.voter) if vote.voter else "program",
        conversation_a=_conversation(vote, "left"),
        conversation_b=_conversation(vote, "right"),
        turn=vote.turn.number,
        anony=True,
        language="unknown",
        tstamp=vote.created_at.timestamp(),
        side_shown="left",
        tags=comparison.tags,
        dwell_ms=vote.dwell_ms,
        pair=comparison.pair,
        names_maker=comparison.names_maker,
        reasons=vote.reasons,
    )


def _conversation(vote: Vote, side: str) -> list[ChatMessage]:
    """All that one model was told and said, up to the turn that was voted on."""
    last_attempts = {turn.number: turn for turn in vote.comparison.turns.all()}  # ordered by number and attempt
    told = [last_attempts[number] for number in sorted(last_attempts)]
    reply = getattr(vote.turn, f"reply_{side}")
    return [*messages(vote.comparison, told, vote.turn, side), {"role": "assistant", "content": reply}]
