"""POST /comparisons/<id>/replies/: both replies at once, for a browser without JavaScript; then back to the page."""

from contextlib import aclosing

from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from webapp.arena import comparing
from webapp.arena.engine import EngineFault
from webapp.arena.writing import in_database, write


@require_POST
async def replies(request, comparison_id):
    """Answers when a stream of both would have ended, whose time tells nothing. A failure stands on the page."""
    turn = await in_database(comparing.claim, comparison_id)
    try:
        async with aclosing(write(turn)) as steps:
            async for _ in steps:
                pass
    except EngineFault:
        pass  # it is stored with the turn, and the page says it
    return redirect("arena:comparison", comparison_id)
