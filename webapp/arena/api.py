"""The JSON API for programs: compare, vote, statistics, battles, votes. Its document is /api/openapi.json.

Compare and vote need no log-in and read no cookie: nothing that a browser sends along by itself gives rights here, so
there is nothing for CSRF to forge, and whoever holds a comparison's random id may vote on it, once. How often one may
ask stands in webapp/access/limits.py; a program with a key has its own number, and its votes a voter.
"""

import uuid
from contextlib import aclosing
from typing import Annotated, Literal

from django.db import transaction
from django.http import JsonResponse, StreamingHttpResponse
from ninja import Field, NinjaAPI, Query, Schema
from ninja.errors import ValidationError
from ninja.security import SessionAuthIsStaff
from pydantic import StringConstraints, model_validator

from contracts.scene import Post
from webapp.access.keys import ProgramKeyAuth, voter_of_program
from webapp.arena import comparing, moves, scenes, voting
from webapp.arena.api_page import ApiPage
from webapp.arena.battle_table import csv_pieces, parquet_pieces
from webapp.arena.battles import battle_lines
from webapp.arena.engine import served_pairs
from webapp.arena.gate_api import router as gate
from webapp.arena.mine_api import router as mine
from webapp.arena.models import Choice
from webapp.arena.pairing import draw
from webapp.arena.reasons import REASONS
from webapp.arena.refusals import Refusal
from webapp.arena.sharing import weights
from webapp.arena.standings import standings
from webapp.arena.still_blind import still_blind
from webapp.arena.vote_export import router as votes
from webapp.arena.writing import in_database, write
from webapp.insights.statistics import Statistics, statistics

api = NinjaAPI(
    title="Bardloop",
    version="1",
    description="Blind side-by-side comparisons of a base model and its role-play adapter. A program with a key sends "
    "it as “Authorization: Bearer KEY”; it has an allowance of its own, and its votes count as one voter's. Every "
    "call may be answered 429 with Retry-After, in seconds.",
    urls_namespace="api",
    docs=ApiPage(),
)
api.add_router("/votes", votes)
api.add_router("/gate", gate)
api.add_router("/mine", mine)

KEY_IS_OPTIONAL = {"security": [{}]}
"""For the API's document: no key is also right."""


def _text(max_length: int):
    """Some text: not blank, not too long, and without NUL, which PostgreSQL cannot hold."""
    return Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=max_length, pattern=r"^[^\x00]*$")
    ]


class OwnScene(Schema):
    """A scene of one's own; `post` is by `player`, and both models answer as `character`."""

    title: _text(120)
    tags: list[_text(40)] = Field(default=[], max_length=5)
    player: _text(60)
    character: _text(60)
    post: _text(4000)


class CompareRequest(Schema):
    """Either the slug of a scene in the library, or a scene of one's own; neither: a scene by chance."""

    scene: str | None = None
    own: OwnScene | None = None

    @model_validator(mode="after")
    def one_scene(self):
        if self.scene is not None and self.own is not None:
            raise ValueError("give `scene` or `own`, not both")
        if self.own and self.own.player.casefold() == self.own.character.casefold():
            raise ValueError("`player` and `character` must differ")
        return self


class Further(Schema):
    """The next post by `player`, or what the last one is to be instead."""

    post: str = ""


class CompareAnswer(Schema):
    """Two replies without names. Vote with POST /api/vote/{id}/{choice}."""

    id: uuid.UUID
    title: str
    player: str
    character: str
    left: str
    right: str


class Side(Schema):
    """Who wrote a reply: a base model, or `name@version` of an adapter."""

    name: str
    role: Literal["base", "adapter"]


class Why(Schema):
    """Why the vote was so, said before it is answered who is who."""

    reasons: list[str] = Field(default=[], max_length=len(REASONS))
    """`left.` or `right.` and a code: prose, follows, repeats, …; an unknown one is answered with all there are."""
    comment: str = ""


class VoteAnswer(Schema):
    """The reveal."""

    id: uuid.UUID
    choice: Choice
    left: Side
    right: Side
    preferred: Literal["base", "adapter"] | None


class Form(Schema):
    """In what form the battles come."""

    format: Literal["jsonl", "csv", "parquet"] = "jsonl"


class Complaint(Schema):
    """Why not: a code for programs, a sentence for people."""

    code: str
    message: str


class Refused(Schema):
    """The body of every 4xx and 5xx."""

    error: Complaint


@api.post(
    "/compare",
    auth=ProgramKeyAuth("vote", optional=True),
    openapi_extra=KEY_IS_OPTIONAL,
    response={200: CompareAnswer, (401, 403, 404, 409, 422, 429, 503): Refused},
    summary="Have two replies written",
)
async def compare(request, payload: CompareRequest):
    """Both models answer the same scene, at the same time. Returns when people would have read both to the end."""
    opening = _opening(payload)
    sides = draw(await served_pairs(), await in_database(weights), await in_database(standings.now))
    comparison = await in_database(comparing.open_comparison, opening, sides, voter_of_program(request))
    return await _written(comparison.pk)


@api.post(
    "/compare/{uuid:comparison_id}/{move}",
    response={200: CompareAnswer, (400, 404, 409, 422, 503): Refused},
    summary="Have the next two replies written, or these again",
)
async def compare_further(request, comparison_id: uuid.UUID, move: moves.Move, payload: Further):
    """`continue` and `edit` need a post; `regenerate` answers the last one anew, `retry` a turn that failed."""
    await in_database(moves.make, comparison_id, move, payload.post)
    return await _written(comparison_id)


@api.post(
    "/vote/{uuid:comparison_id}/{choice}",
    auth=ProgramKeyAuth("vote", optional=True),
    openapi_extra=KEY_IS_OPTIONAL,
    response={200: VoteAnswer, (400, 401, 403, 404, 409, 422, 429): Refused},
    summary="Vote, and learn who was who",
)
def vote(request, comparison_id: uuid.UUID, choice: str, why: Why | None = None):
    """`choice` is left, right, tie or bothbad. One vote a comparison: a second gets 409.

    A body with `reasons` (`left.prose`, `right.repeats`, …) and a `comment` is kept with the vote; where it is wrong
    nothing is counted.
    """
    who = voter_of_program(request)
    with transaction.atomic():
        cast = voting.cast(comparison_id, choice, voter=who, told=why is None)
        if why:
            voting.give_reasons(comparison_id, who, why.reasons, why.comment)
    revealed = voting.reveal(cast)
    return {
        "id": comparison_id,
        "choice": revealed.choice,
        "left": {"name": revealed.left.name, "role": revealed.left.role},
        "right": {"name": revealed.right.name, "role": revealed.right.role},
        "preferred": revealed.preferred,
    }


@api.get(
    "/statistics",
    auth=ProgramKeyAuth("statistics", optional=True),
    openapi_extra=KEY_IS_OPTIONAL,
    response=Statistics,
    summary="What the votes say so far",
)
def read_statistics(request):
    """Comparisons, votes, and each adapter version's win rate against its base with a 95 % Wilson interval.

    Without a key that permits `statistics` (and without a log-in of staff), a vote of the last day is counted only once
    its voter was told who was who: nobody can find that out here while they may still give reasons.
    """
    return statistics(for_anybody=request.program is None and not request.user.is_staff)


@api.get(
    "/battles",
    auth=[SessionAuthIsStaff(csrf=False), ProgramKeyAuth("export")],
    summary="Every vote as a battle record (staff, or a key that permits export)",
)
def read_battles(request, form: Query[Form]):
    """`jsonl`: one battle a line, FastChat's row with both conversations and what Bardloop adds (contracts/battle.py).
    `csv` and `parquet`: the same as a table, without the conversations. Staff who were given a scene to vote on get its
    battles after their vote.
    """
    pieces, content_type = {
        "jsonl": (battle_lines, "application/jsonl"),
        "csv": (csv_pieces, "text/csv; charset=utf-8"),
        "parquet": (parquet_pieces, "application/vnd.apache.parquet"),
    }[form.format]
    response = StreamingHttpResponse(pieces(still_blind(request)), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="battles.{form.format}"'
    return response


@api.exception_handler(Refusal)
def refused(request, refusal: Refusal):
    """Every refusal of the site, as JSON."""
    return JsonResponse(refusal.as_json(), status=refusal.status)


@api.exception_handler(ValidationError)
def invalid(request, error: ValidationError):
    """A body of the wrong shape: which field, what was expected."""
    complaints = (f"{'.'.join(str(step) for step in one['loc'])}: {one['msg']}" for one in error.errors)
    return JsonResponse({"error": {"code": "invalid", "message": "; ".join(complaints)}}, status=422)


async def _written(comparison_id: uuid.UUID) -> dict:
    """Have the turn that waits written whole; the answer about it."""
    turn = await in_database(comparing.claim, comparison_id)
    replies = {"left": "", "right": ""}
    async with aclosing(write(turn)) as steps:
        async for step in steps:
            replies["left"] += step.left
            replies["right"] += step.right
    comparison = turn.comparison
    scene = {name: getattr(comparison, name) for name in ("title", "player", "character")}
    return {"id": comparison.pk, **scene, **replies}


def _opening(payload: CompareRequest) -> scenes.Opening:
    if payload.own:
        own = payload.own
        post = Post(author=own.player, text=own.post)
        return scenes.Opening(
            title=own.title, tags=tuple(own.tags), player=own.player, character=own.character, posts=(post,)
        )
    if payload.scene is None:
        return scenes.surprise().begin()
    scene = scenes.library().get(payload.scene)
    if scene is None:
        known = ", ".join(scenes.library())
        raise Refusal(404, "unknown_scene", f"There is no scene “{payload.scene[:60]}”. The library has: {known}.")
    return scene.begin()
