"""What the comparison's page shows: the scene so far, the replies that it is about, and what can be done with them.

In: a comparison and who looks at it. Out: the templates' context. The model names enter it with the viewer's own vote.
"""

import itertools
import uuid

from webapp.arena import scenes
from webapp.arena.engine import MESSAGES
from webapp.arena.models import OPEN, Choice, Comparison, State, Turn, Vote
from webapp.arena.moves import LONGEST_POST, may_edit
from webapp.arena.reasons import BLAME, LONGEST_COMMENT, PRAISE
from webapp.arena.story import Story, opening_posts, story
from webapp.arena.voting import Reveal, reveal

LETTERS = {"left": "A", "right": "B"}
CHOICES = [
    {"value": Choice.LEFT, "key": 1, "label": "A is better"},
    {"value": Choice.RIGHT, "key": 2, "label": "B is better"},
    {"value": Choice.TIE, "key": 3, "label": "A tie"},
    {"value": Choice.BOTHBAD, "key": 4, "label": "Both bad"},
]


def context(comparison: Comparison, viewer: uuid.UUID) -> dict:
    """What the templates show to `viewer`. Before the vote, nothing in it depends on which model stands where."""
    so_far = story(comparison)
    votes = list(comparison.votes.all())
    vote = next((one for one in votes if one.voter == viewer), None)
    revealed = reveal(vote) if vote and vote.revealed_at else None
    turn = _shown(so_far)
    path = [*(one for one in so_far.told if one.number < turn.number), turn]
    failed = so_far.latest if so_far.latest.state == State.FAILED else None
    scene = scenes.library().get(comparison.scene)
    invited = bool(votes) and not vote and comparison.invitations.filter(voter=viewer).exists()
    return {
        "comparison": comparison,
        "state": _state(turn, vote, closed=bool(votes) and not invited),
        "setting": scene.setting if scene else "",
        "posts": opening_posts(comparison, path[0]),
        "past": [_past(earlier, later) for earlier, later in itertools.pairwise(path)],
        "turn": turn,
        "newest": so_far.latest,
        "sides": [_side(name, turn, revealed, vote) for name in LETTERS],
        "invited": invited,
        "vote": vote,
        "reveal": revealed,
        "votes_cast": _votes_cast(vote) if revealed else 0,
        "failure": {"code": failed.failure, "message": MESSAGES[failed.failure]} if failed else None,
        "unanswered": failed.post if failed and failed.number > turn.number else "",
        "own_post": _own_post(comparison, turn),
        "choices": CHOICES,
        "longest_post": LONGEST_POST,
        "longest_comment": LONGEST_COMMENT,
    }


def _shown(so_far: Story) -> Turn:
    """The turn that the page is about: the one being written, else the last complete one."""
    return so_far.latest if so_far.latest.state in OPEN or not so_far.last else so_far.last


def _state(turn: Turn, vote: Vote | None, closed: bool) -> str:
    """The turn's state; `why` from the vote to the reveal, `voted` after it, `closed` where others voted."""
    if turn.state == State.ERASED:
        return turn.state
    if vote:
        return "voted" if vote.revealed_at else "why"
    return "closed" if closed else turn.state


def _past(earlier: Turn, later: Turn) -> dict:
    """Both replies of an earlier turn, and the post that answered them."""
    sides = [{"letter": letter, "reply": getattr(earlier, f"reply_{name}")} for name, letter in LETTERS.items()]
    return {"number": earlier.number, "sides": sides, "post": later.post}


def _side(name: str, turn: Turn, revealed: Reveal | None, vote: Vote | None) -> dict:
    return {
        "name": name,
        "letter": LETTERS[name],
        "reply": getattr(turn, f"reply_{name}"),
        "unveiled": getattr(revealed, name) if revealed else None,
        "chosen": bool(vote) and vote.choice == name,
        "praise": _reasons(name, PRAISE, vote),
        "blame": _reasons(name, BLAME, vote),
    }


def _reasons(name: str, codes: dict[str, str], vote: Vote | None) -> list[dict]:
    given = vote.reasons if vote else []
    return [
        {"value": f"{name}.{code}", "label": label, "given": f"{name}.{code}" in given} for code, label in codes.items()
    ]


def _own_post(comparison: Comparison, turn: Turn) -> str:
    """The post that `turn` answers, where the person may edit it."""
    if turn.state == State.ERASED or not may_edit(comparison, turn):
        return ""
    return turn.post or comparison.posts[-1]["text"]


def _votes_cast(vote: Vote) -> int:
    """How many votes this voter has given up to this one."""
    return Vote.objects.filter(voter=vote.voter, created_at__lte=vote.created_at).count()
