"""What a model is trained and judged on: token ids, and which of them the loss sees.

In: nothing. Out: the type that every view makes and the trainer, the evaluation and packing take.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.scene import ChatMessage

IGNORED = -100
"""Label of a token that takes no part in the loss (PyTorch's default `ignore_index`)."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sequence of at most `max_length` tokens. `labels` are `input_ids`, or IGNORED where there is no loss.

    Both are arrays of 32-bit integers: a Python list takes eight bytes a token, and an object for many of them.
    """

    source: str
    """The thread's id, or the row's place as file:line."""
    messages: list[ChatMessage]
    """The scene that `input_ids` render; empty for running text."""
    input_ids: Sequence[int]
    labels: Sequence[int]
    tags: tuple[str, ...] = ()


def sample(source: str, messages: list[ChatMessage], ids: Sequence[int], labels: Sequence[int], tags=()) -> Sample:
    """A Sample whose tokens are stored compactly."""
    return Sample(source, messages, array("i", ids), array("i", labels), tuple(tags))
