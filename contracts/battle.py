"""Battle record: one vote, as the row of FastChat's cleaned battle files, and what we add beside it.

The first class is FastChat's row to the letter, so that peers' rating tools read our export unchanged.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from contracts.scene import ChatMessage

Winner = Literal["model_a", "model_b", "tie", "tie (bothbad)"]


class FastChatBattle(BaseModel):
    """FastChat's cleaned battle row. `tstamp` is Unix time in seconds, `turn` counts replies voted on."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    question_id: str
    model_a: str
    model_b: str
    winner: Winner
    judge: str
    conversation_a: list[ChatMessage]
    conversation_b: list[ChatMessage]
    turn: int
    anony: bool
    language: str
    tstamp: float


class Battle(FastChatBattle):
    """A battle with what Bardloop knows beside FastChat's row."""

    side_shown: Literal["left", "right"]
    """Side on which model_a stood."""
    tags: list[str] = []
    dwell_ms: int
    """Time from the end of both replies to the vote."""
    pair: str = ""
    """Which kind of meeting it was, e.g. `base-stable`; "" where that was not written down."""
    names_maker: bool = False
    """A reply named who made its model, so the voter may have known who it was."""
    reasons: list[str] = []
    """What the voter ticked before being told who was who: `<side>.<code>`, e.g. `left.in_character`."""
