"""POST /comparisons/<id>/stream/: both replies in one event stream, in lock-step.

Events: `words` {"left", "right"}, the next word of both sides; at the end `done` {} or `failed` {"code", "message"}.
There is one stream for both sides and no field beside the words, so nothing in it can differ between the models.
A POST, since it has the replies written: nothing that merely follows links may start it.
"""

import json
from contextlib import aclosing

from django.http import JsonResponse, StreamingHttpResponse
from django.views.decorators.http import require_POST

from webapp.arena import comparing
from webapp.arena.models import Turn
from webapp.arena.refusals import Refusal
from webapp.arena.writing import in_database, write


@require_POST
async def stream(request, comparison_id):
    """Claim the turn that waits and stream it; 404 or 409 as JSON when it cannot be claimed."""
    try:
        turn = await in_database(comparing.claim, comparison_id)
    except Refusal as refusal:
        return JsonResponse(refusal.as_json(), status=refusal.status)
    response = StreamingHttpResponse(_events(turn), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"  # a reverse proxy must pass every event on at once
    return response


async def _events(turn: Turn):
    try:
        async with aclosing(write(turn)) as steps:
            async for step in steps:
                yield _event("words", {"left": step.left, "right": step.right})
    except Refusal as refusal:
        yield _event("failed", {"code": refusal.code, "message": refusal.message})
    else:
        yield _event("done", {})


def _event(name: str, data: dict) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
