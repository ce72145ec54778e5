"""Which of several posts comes next, by likelihood: does a model know this story from others?

In: next-reply questions. Out: the share in which the true post is the likeliest per byte of its text.
"""

from dataclasses import asdict

from contracts.recipe import Evaluate
from jobs.evaluation.held_out import HeldOut
from jobs.evaluation.scorers.scorer import NothingToScoreError, Part, Score, wilson_interval
from jobs.next_reply.asked import ask
from jobs.next_reply.chat import Chat
from jobs.next_reply.questions import Question, draw_questions
from jobs.next_reply.story import Story


def questions_of(held_out: HeldOut, settings: Evaluate) -> list[Question]:
    """The questions that the recipe asks for.

    Raises:
        NothingToScoreError: it asks for none, or no post has enough others to stand against.
    """
    choice = settings.choice
    if not choice.questions:
        raise NothingToScoreError("evaluate.choice.questions is 0")
    if not held_out.turns:
        raise NothingToScoreError(f"split {held_out.split} holds no reply to another's post")
    questions = draw_questions(held_out.turns, choice.questions, choice.distractors, settings.seed)
    if not questions:
        raise NothingToScoreError(
            f"no post of split {held_out.split} has {choice.distractors} others from elsewhere that differ enough"
        )
    return questions


class ChoiceScorer:
    """Log-likelihood divided by the bytes of the post, as `acc_bytes` of lm-evaluation-harness. The token that ends
    a post is left out: it says how long posts are, not which one fits."""

    name, needs = "choice", "log_likelihood"
    metrics = {"choice/accuracy": "share of questions in which the true next post is the likeliest per byte"}

    def __init__(self, held_out: HeldOut, settings: Evaluate, chat: Chat | Story):
        self.questions, self.asked, self.items = [], [], []
        for question in questions_of(held_out, settings):
            asked = ask(question, chat)
            if asked is None:
                continue
            self.questions.append(question)
            self.items.append(asdict(question) | {"context": asked.context})
            self.asked.append((asked.prompt, asked.continuations))
        if not self.questions:
            raise NothingToScoreError(f"no question fits into the {chat.positions} tokens that the model can look at")

    def score(self, model) -> Score:
        """Accuracy, and how likely each option was in nats."""
        from tqdm import tqdm

        order = sorted(range(len(self.asked)), key=self.asked.__getitem__)  # prompts of a thread share their beginning
        answers = model.continuation_log_likelihoods([self.asked[place] for place in order])
        found = dict(zip(order, tqdm(answers, desc=f"{model.name}: choice", total=len(order)), strict=True))
        parts, items = [], []
        for place, question in enumerate(self.questions):
            likelihoods = found[place]
            pairs = zip(likelihoods, question.options, strict=True)
            per_byte = [likelihood / len(option.encode()) for likelihood, option in pairs]
            picked = per_byte.index(max(per_byte))
            parts.append(Part(question.source, float(picked == question.answer), 1.0))
            items.append({"picked": picked, "log_likelihoods": [round(value, 4) for value in likelihoods]})
        hits = int(sum(part.value for part in parts))
        return Score(
            metrics={"choice/accuracy": hits / len(parts)},
            intervals={"choice/accuracy": wilson_interval(hits, len(parts))},
            parts={"choice/accuracy": parts},
            items=items,
        )


SCORER = ChoiceScorer
