"""A question as token ids: what all of its options follow, and each option.

In: a question, and how a model is shown what was told. Out: a prompt and its continuations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from contracts.scene import ChatMessage
from jobs.next_reply.chat import Chat
from jobs.next_reply.questions import Question
from jobs.next_reply.story import Story


@dataclass(frozen=True)
class Asked:
    """`context` is what of the question's is in `prompt`; `continuations` are in the order of its options."""

    context: list[ChatMessage] | list[str]
    prompt: list[int]
    continuations: list[list[int]]


def ask(question: Question, chat: Chat | Story) -> Asked | None:
    """As much of the context as leaves room for the longest option; None when the nearest of it does not fit."""
    longest = max(len(chat.continuation(question.context, option)[1]) for option in question.options)
    context = chat.fitted(question.context, longest)
    if context is None:
        return None
    pairs = [chat.continuation(context, option) for option in question.options]
    # A token may hold the end of what was told and the beginning of the post.
    shared = shared_length([before for before, _ in pairs])
    return Asked(context, pairs[0][0][:shared], [before[shared:] + ids for before, ids in pairs])


def shared_length(sequences: Sequence[Sequence[int]]) -> int:
    """How many tokens all of `sequences` begin with."""
    return sum(1 for _ in takewhile(lambda ids: len(set(ids)) == 1, zip(*sequences, strict=False)))
