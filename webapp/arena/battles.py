"""Votes as battle records, one JSON object a line, as contracts/battle.py has them.

In: ids of comparisons to leave out. Out: lines, while PostgreSQL still reads: a million need no more memory than a
thousand. PostgreSQL makes the JSON of what is in its columns; the conversations are put together here, by the contract.
`battle` makes the same record of one vote, by the models.
"""

import functools
import io
import itertools
import json
import uuid
from collections.abc import AsyncIterator, Collection

from django.db.models import Prefetch, QuerySet

from contracts.battle import Battle
from contracts.scene import ChatMessage, Post, scene_messages
from webapp.arena.battle_table import PIECE, copied, counting, in_thread
from webapp.arena.battle_table import WINNER as WINNER_IN_SQL
from webapp.arena.models import Choice, State, Turn, Vote
from webapp.arena.story import messages

WINNER = {Choice.LEFT: "model_a", Choice.RIGHT: "model_b", Choice.TIE: "tie", Choice.BOTHBAD: "tie (bothbad)"}
ROWS = f"""
    SELECT json_build_object(
            'question_id', comparison.id, 'model_a', model_left, 'model_b', model_right, 'winner', {WINNER_IN_SQL},
            'judge', coalesce(vote.voter::text, 'program'), 'turn', turn.number, 'anony', true, 'language', 'unknown',
            'tstamp', extract(epoch FROM vote.created_at), 'side_shown', 'left', 'tags', tags, 'dwell_ms', dwell_ms,
            'pair', pair, 'names_maker', names_maker, 'reasons', reasons
        ),
        json_build_array(title, tags, player, character, comparison.posts, turn.post),
        to_json(reply_left), to_json(reply_right),
        CASE WHEN turn.number > 1 THEN (
            SELECT json_agg(json_build_array(post, reply_left, reply_right) ORDER BY number)
            FROM (
                SELECT DISTINCT ON (number) number, post, reply_left, reply_right FROM arena_turn earlier
                WHERE earlier.comparison_id = comparison.id AND state = 'complete' AND earlier.number < turn.number
                ORDER BY number, attempt DESC
            ) told
        ) END
    FROM arena_vote vote
    JOIN arena_comparison comparison ON comparison.id = vote.comparison_id
    JOIN arena_turn turn ON turn.id = vote.turn_id AND turn.state = 'complete'
"""
"""The record without its conversations; the scene and the post of the turn that was voted on; both replies to it; post
and replies of the turns before."""
BETWEEN = b"\x02"
AS_IT_IS = "DELIMITER E'\\x02', QUOTE E'\\x01'"
"""JSON holds neither of the two, so PostgreSQL has nothing to quote and a row needs nothing but splitting."""


async def battle_lines(without: Collection[uuid.UUID]) -> AsyncIterator[bytes]:
    """Every vote that counts, but for those on these comparisons, in the order of casting, some lines at a time."""
    async with copied(counting(ROWS, without), AS_IT_IS) as file:
        rows = io.BufferedReader(file, PIECE)
        while lines := await in_thread(_lines, rows):
            yield lines


def _lines(rows: io.BufferedReader) -> bytes:
    return b"".join([_line(row) for row in rows.readlines(PIECE)])


def _line(row: bytes) -> bytes:
    record, scene, left, right, earlier = row[:-1].split(BETWEEN)
    told_left, told_right = (_told(scene, earlier, side) for side in (1, 2)) if earlier else [_first(scene)] * 2
    return (
        b'%b,"conversation_a":%b,{"role":"assistant","content":%b}],'
        b'"conversation_b":%b,{"role":"assistant","content":%b}]}\n'
    ) % (record[:-1], told_left, left, told_right, right)


@functools.lru_cache(maxsize=256)  # most votes are on the library's scenes, which begin in the same words
def _first(scene: bytes) -> bytes:
    return _told(scene, b"[]", 0)


def _told(scene: bytes, earlier: bytes, side: int) -> bytes:
    """All that a model was told and said before its last reply, as a JSON list that is still open.

    Args:
        side: the place of its replies in `earlier`.
    """
    title, tags, player, character, posts, post = json.loads(scene)
    turns = [*json.loads(earlier), [post]]
    if edited := turns[0][0]:
        posts[-1]["text"] = edited
    for before, following in itertools.pairwise(turns):
        posts.append(Post(author=character, text=before[side]))
        posts.append(Post(author=player, text=following[0]))
    told = scene_messages(title, tags, character, posts)
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))[:-1].encode()


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
