"""A vote as a row to train on, or the reason why it gives none.

In: a battle record. Out: the conversation that ends with the preferred reply.
"""

from dataclasses import dataclass

from contracts.battle import Battle
from contracts.recipe import Policy
from contracts.scene import ChatMessage
from jobs.corpus import policy as minors

UNDECIDED = {"tie": "tie", "tie (bothbad)": "bothbad"}
"""Winner that is none, to its reason."""


@dataclass(frozen=True)
class Preferred:
    """What somebody preferred, and who wrote it."""

    messages: list[ChatMessage]
    model: str
    """Base model, or `name@version` of an adapter."""
    judge: str


def preferred(battle: Battle, policy: Policy) -> Preferred | str:
    """The preferred conversation, or a reason code. What people wrote obeys the same policy as the corpus."""
    if battle.winner in UNDECIDED:
        return UNDECIDED[battle.winner]
    messages = battle.conversation_a if battle.winner == "model_a" else battle.conversation_b
    if policy.sexual_minors:
        texts = [message["content"] for message in messages]
        if any(map(minors.is_sexual, texts)) and any(map(minors.is_about_minors, texts)):
            return minors.REASON
    return Preferred(messages, getattr(battle, battle.winner), battle.judge)
