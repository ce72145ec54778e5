"""Replies that a model writes where we know what the player wrote.

In: turns of a split. Out: likeness to the true reply (BLEU, chrF, ROUGE-L), variety, repetition, length, and whether
the reply ends by itself and leaves the other players' words to them.
"""

import random
import re
from collections import Counter

from contracts.recipe import Evaluate
from contracts.scene import ChatMessage
from jobs.evaluation.held_out import HeldOut
from jobs.evaluation.replies import Reply
from jobs.evaluation.scorers.scorer import NO_REPLIES, NothingToScoreError, Score
from jobs.next_reply.chat import Chat
from jobs.next_reply.story import Story


class GenerationScorer:
    """One reply to each of some turns."""

    name, needs = "generation", "reply"
    metrics = {
        "generation/bleu": "BLEU against the true reply (Papineni et al. 2002, sacrebleu), 0 to 100",
        "generation/chrf": "chrF against the true reply (Popović 2015, sacrebleu), 0 to 100",
        "generation/rouge_l": "ROUGE-L F1 against the true reply (Lin 2004), mean of the replies, 0 to 1",
        "generation/distinct_1": "different words among all words of all replies (Li et al. 2016)",
        "generation/distinct_2": "different pairs of words among all pairs of all replies",
        "generation/repetition": "four-word sequences that occurred before in their reply (Welleck et al. 2020), mean",
        "generation/speaks_for_others": "share of replies with a line that begins with another player's name",
        "generation/tokens": "tokens of a reply, mean",
        "generation/ended": "share of replies that the model ended, rather than the limit",
    }

    def __init__(self, held_out: HeldOut, settings: Evaluate, chat: Chat | Story):
        self.settings = settings.generation
        if not self.settings.samples:
            raise NothingToScoreError("evaluate.generation.samples is 0")
        if not held_out.turns:
            raise NothingToScoreError(f"split {held_out.split} holds no reply to another's post")
        if not chat.writes_replies:
            raise NothingToScoreError(NO_REPLIES)
        drawn = random.Random(settings.seed).sample(held_out.turns, min(len(held_out.turns), self.settings.samples))
        longest = max((self.settings.max_new_tokens, *self.settings.study))  # the study asks in the same contexts
        fitted = [(turn, chat.fitted(turn.context, longest)) for turn in drawn]
        self.asked = [(turn, context) for turn, context in fitted if context is not None]
        if not self.asked:
            raise NothingToScoreError(
                f"no context leaves room for {longest} new tokens in the {chat.positions} that the model can look at"
            )
        self.items = [{"source": turn.source, "context": context, "true": turn.reply} for turn, context in self.asked]

    def score(self, model, max_new_tokens: int | None = None) -> Score:
        """Of replies of at most `max_new_tokens`; None: as the recipe says."""
        limit = max_new_tokens or self.settings.max_new_tokens
        replies = model.replies([context for _, context in self.asked], limit, self.settings.temperature)
        return Score(
            metrics=reply_metrics(replies, [turn.reply for turn, _ in self.asked], [names(c) for _, c in self.asked]),
            items=[{"text": reply.text, "tokens": reply.tokens, "ended": reply.ended} for reply in replies],
        )


def reply_metrics(replies: list[Reply], true: list[str], others: list[set[str]]) -> dict[str, float]:
    """All metrics of `replies`, against the `true` ones and the `others` for whom they must not speak."""
    from rouge_score.rouge_scorer import RougeScorer
    from sacrebleu import corpus_bleu, corpus_chrf

    texts, count = [reply.text for reply in replies], len(replies)
    rouge = RougeScorer(["rougeL"])
    words = [re.findall(r"\w+", text.casefold()) for text in texts]
    spoken = sum(speaks_for(text, those) for text, those in zip(texts, others, strict=True))
    likeness = [rouge.score(wanted, text)["rougeL"].fmeasure for wanted, text in zip(true, texts, strict=True)]
    return {
        "generation/bleu": corpus_bleu(texts, [true]).score,
        "generation/chrf": corpus_chrf(texts, [true]).score,
        "generation/rouge_l": sum(likeness) / count,
        "generation/distinct_1": distinct(words, 1),
        "generation/distinct_2": distinct(words, 2),
        "generation/repetition": sum(repetition(each) for each in words) / count,
        "generation/speaks_for_others": spoken / count,
        "generation/tokens": sum(reply.tokens for reply in replies) / count,
        "generation/ended": sum(reply.ended for reply in replies) / count,
    }


def names(context: list[ChatMessage]) -> set[str]:
    """The players whose posts the user turns open with."""
    opened = (re.match(r"([^\n:]{1,60}): ", each["content"]) for each in context if each["role"] == "user")
    return {match[1] for match in opened if match}


def speaks_for(text: str, others: set[str]) -> bool:
    """Whether a line of `text` begins as a post of one of `others`."""
    return any(line.lstrip("*_ ").startswith(f"{name}:") for line in text.splitlines() for name in others)


def distinct(texts: list[list[str]], size: int) -> float:
    """Different sequences of `size` words by all such sequences; 0 without any."""
    counts = Counter(gram for words in texts for gram in _grams(words, size))
    return len(counts) / counts.total() if counts else 0.0


def repetition(words: list[str], size: int = 4) -> float:
    """Share of the sequences of `size` words that occurred before in the same text; 0 for a text too short."""
    grams = _grams(words, size)
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def _grams(words: list[str], size: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[start:] for start in range(size)), strict=False))


SCORER = GenerationScorer
