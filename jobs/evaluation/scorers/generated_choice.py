"""Which of several posts comes next, asked in words: the answer is a number that the model writes.

In: next-reply questions. Out: the share of right answers, and of answers in which no number can be read.
"""

import re
from dataclasses import asdict

from contracts.recipe import Evaluate
from contracts.scene import ChatMessage
from jobs.evaluation.held_out import HeldOut
from jobs.evaluation.scorers.choice import questions_of
from jobs.evaluation.scorers.scorer import NO_REPLIES, NothingToScoreError, Part, Score, wilson_interval
from jobs.next_reply.chat import Chat
from jobs.next_reply.questions import Question
from jobs.next_reply.story import Story

ANSWER_TOKENS = 12
"""Room for an answer: a number, and some politeness around it."""


class GeneratedChoiceScorer:
    """Always greedy. An answer that cannot be read is a wrong one."""

    name, needs = "generated_choice", "reply"
    metrics = {
        "choice/generated_accuracy": "share of questions that are answered with the number of the true next post",
        "choice/unreadable": "share of answers that do not name exactly one of the numbers",
    }

    def __init__(self, held_out: HeldOut, settings: Evaluate, chat: Chat | Story):
        if not settings.choice.generated:
            raise NothingToScoreError("evaluate.choice.generated is false")
        drawn = questions_of(held_out, settings)
        if not chat.writes_replies:
            raise NothingToScoreError(NO_REPLIES)
        asked = [(question, chat.fitted(asked_in_words(question), ANSWER_TOKENS)) for question in drawn]
        self.asked = [(question, messages) for question, messages in asked if messages is not None]
        if not self.asked:
            raise NothingToScoreError(f"no question fits into the {chat.positions} tokens that the model can look at")
        self.items = [asdict(question) for question, _ in self.asked]

    def score(self, model) -> Score:
        """Accuracy and the share of unreadable answers."""
        replies = model.replies([messages for _, messages in self.asked], ANSWER_TOKENS, 0.0)
        parts, items = [], []
        for (question, _), reply in zip(self.asked, replies, strict=True):
            picked = read_answer(reply.text, len(question.options))
            parts.append(Part(question.source, float(picked == question.answer), 1.0))
            items.append({"picked": picked, "text": reply.text})
        hits, unreadable = int(sum(part.value for part in parts)), sum(item["picked"] is None for item in items)
        return Score(
            metrics={"choice/generated_accuracy": hits / len(parts), "choice/unreadable": unreadable / len(parts)},
            intervals={
                "choice/generated_accuracy": wilson_interval(hits, len(parts)),
                "choice/unreadable": wilson_interval(unreadable, len(parts)),
            },
            parts={"choice/generated_accuracy": parts},
            items=items,
        )


def asked_in_words(question: Question) -> list[ChatMessage]:
    """The scene, with the question at the end of its last user turn."""
    options = "\n\n".join(f"{number}. {option}" for number, option in enumerate(question.options, start=1))
    last = question.context[-1]
    text = (
        f"{last['content']}\n\n---\nWhich of these posts comes next?\n\n{options}\n\n"
        f"Answer with its number, 1-{len(question.options)}, and nothing else."
    )
    return [*question.context[:-1], {"role": last["role"], "content": text}]


def read_answer(text: str, options: int) -> int | None:
    """The place (from 0) of the option that an answer names, None when it names none or several."""
    named = {int(number) for number in re.findall(r"(?<![\w.])\d+(?!\w|\.\d)", text)}
    if len(named) != 1:
        return None
    (number,) = named
    return number - 1 if 1 <= number <= options else None


SCORER = GeneratedChoiceScorer
