"""GET /comparisons/<id>/: the page where two replies stream in, are voted on and revealed. POST …/again/."""

from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from webapp.arena import comparing, scenes
from webapp.arena.engine import MESSAGES
from webapp.arena.models import Choice, Comparison, Vote
from webapp.arena.views.start import begin
from webapp.arena.voting import reveal


@require_safe
@never_cache
def comparison(request, comparison_id):
    """The comparison as it stands. Before the vote, nothing on the page depends on which model stands where."""
    return render(request, "arena/comparison.html", context(comparing.find(comparison_id)))


@require_POST
def again(request, comparison_id):
    """The same scene once more: a new comparison, with a new draw."""
    return begin(request, comparing.find(comparison_id).opening())


def context(comparison: Comparison) -> dict:
    """What the templates show. The model names enter it with the vote."""
    revealed = reveal(comparison)
    scene = scenes.library().get(comparison.scene)
    return {
        "comparison": comparison,
        "setting": scene.setting if scene else "",
        "sides": [
            _side("left", "A", comparison.reply_left, revealed),
            _side("right", "B", comparison.reply_right, revealed),
        ],
        "reveal": revealed,
        "votes_cast": _votes_cast(comparison) if revealed else 0,
        "failure": MESSAGES.get(comparison.failure, ""),
        "choices": [
            {"value": Choice.LEFT, "key": 1, "label": "A is better"},
            {"value": Choice.RIGHT, "key": 2, "label": "B is better"},
            {"value": Choice.TIE, "key": 3, "label": "A tie"},
            {"value": Choice.BOTHBAD, "key": 4, "label": "Both bad"},
        ],
    }


def _side(name: str, letter: str, reply: str, revealed) -> dict:
    return {
        "name": name,
        "letter": letter,
        "reply": reply,
        "unveiled": getattr(revealed, name) if revealed else None,
        "chosen": bool(revealed) and revealed.choice == name,
    }


def _votes_cast(comparison: Comparison) -> int:
    """How many votes this voter has given up to this one."""
    vote = comparison.vote
    if vote.voter is None:
        return 0
    return Vote.objects.filter(voter=vote.voter, created_at__lte=vote.created_at).count()
