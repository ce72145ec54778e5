"""How surprised a model is by what the players wrote.

In: held-out samples. Out: loss in nats a token, perplexity per token and per byte, loss by length and by tag.
"""

import math
from collections import Counter, defaultdict

from jobs.evaluation.held_out import HeldOut
from jobs.evaluation.scorers.scorer import NothingToScoreError, Part, Score
from jobs.next_reply.chat import Chat
from jobs.next_reply.story import Story
from jobs.training.views.sample import IGNORED

TAGS = 20
"""The commonest tags, of which there is a row each."""


class LossScorer:
    """Every trained token weighs the same, whatever sample it stands in."""

    name, needs = "loss", "log_likelihood"
    metrics = {
        "loss": "mean negative log-likelihood of a trained token, in nats; lower is better",
        "perplexity": "exp(loss)",
        "perplexity_per_byte": "the same for a byte of the trained text, comparable between tokenizers",
    }

    def __init__(self, held_out: HeldOut, settings, chat: Chat | Story):
        if not held_out.samples:
            raise NothingToScoreError(f"split {held_out.split} holds no sample")
        self.samples = held_out.samples
        self.tokens = [sum(label != IGNORED for label in sample.labels) for sample in self.samples]
        self.bytes = [_trained_bytes(sample, chat.tokenizer) for sample in self.samples]
        self.kinds = {"By length in tokens": self._lengths(), "By tag": self._tags()}
        self.items = [
            {"source": sample.source, "length": len(sample.input_ids), "tokens": tokens}
            for sample, tokens in zip(self.samples, self.tokens, strict=True)
        ]

    def score(self, model) -> Score:
        """Loss of all samples."""
        losses = model.losses(self.samples)
        loss, per_byte = sum(losses) / sum(self.tokens), sum(losses) / max(1, sum(self.bytes))
        sources = [sample.source for sample in self.samples]
        return Score(
            metrics={"loss": loss, "perplexity": _exp(loss), "perplexity_per_byte": _exp(per_byte)},
            parts={"loss": [Part(*each) for each in zip(sources, losses, self.tokens, strict=True)]},
            tables={title: self._rows(kinds, losses) for title, kinds in self.kinds.items()},
            items=[{"loss": round(loss / tokens, 5)} for loss, tokens in zip(losses, self.tokens, strict=True)],
        )

    def _rows(self, kinds: dict[str, list[int]], losses: list[float]) -> list[dict]:
        rows = []
        for kind, members in kinds.items():
            tokens = sum(self.tokens[n] for n in members)
            loss = sum(losses[n] for n in members) / tokens
            rows.append({"kind": kind, "samples": len(members), "tokens": tokens, "loss": round(loss, 5)})
        return rows

    def _lengths(self) -> dict[str, list[int]]:
        """Buckets that double: 0-127, 128-255, 256-511, ..."""
        buckets = defaultdict(list)
        for n, sample in enumerate(self.samples):
            buckets[max(7, len(sample.input_ids).bit_length())].append(n)
        return {f"{1 << size - 1 if size > 7 else 0}–{(1 << size) - 1}": buckets[size] for size in sorted(buckets)}

    def _tags(self) -> dict[str, list[int]]:
        counts = Counter(tag for sample in self.samples for tag in set(sample.tags))
        return {
            tag: [n for n, sample in enumerate(self.samples) if tag in sample.tags]
            for tag, _ in sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:TAGS]
        }


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


def _trained_bytes(sample, tokenizer) -> int:
    """Bytes of the text under the loss. The tokens that end replies are part of the loss, but no text."""
    trained = [label for label in sample.labels if label != IGNORED]
    return len(tokenizer.decode(trained, skip_special_tokens=True).encode())


SCORER = LossScorer
