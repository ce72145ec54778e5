"""What a scorer is: one way to judge a model, in one file of this folder.

In: held-out data, the recipe's `evaluate`, the chat template. Out: a `Score` for each model that is asked.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import ClassVar, Literal, NamedTuple, Protocol

from contracts.recipe import Evaluate
from jobs.evaluation.held_out import HeldOut
from jobs.next_reply.chat import Chat
from jobs.next_reply.story import Story

NO_REPLIES = "a model of running text is not asked to write: nothing in a story says where a post ends"


class NothingToScoreError(Exception):
    """The recipe turns this scorer off, or the data hold nothing for it. The message goes into the report."""


class Part(NamedTuple):
    """What one sample adds to a metric that is sum(value) / sum(weight)."""

    source: str
    value: float
    weight: float


@dataclass(frozen=True)
class Score:
    """What one model reached."""

    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    """95 % intervals of some of the metrics."""
    parts: dict[str, list[Part]] = field(default_factory=dict)
    """For metrics in which two models are compared sample by sample, in an order that is the same for all models."""
    tables: dict[str, list[dict]] = field(default_factory=dict)
    """Title to rows: the same metric for kinds of samples."""
    items: list[dict] = field(default_factory=list)
    """What this model did with each of the scorer's `items`."""


class Scorer(Protocol):
    """Made once for a split, asked for every model. `items` says what is asked, one dict a question or sample."""

    name: ClassVar[str]
    needs: ClassVar[Literal["log_likelihood", "reply"]]
    """The ability of a model: to tell how likely given tokens are, or to write a reply."""
    metrics: ClassVar[Mapping[str, str]]
    """Name, as in evaluation.json and in the recipe's criteria, to what it says in one line."""
    items: Sequence[dict]

    def __init__(self, held_out: HeldOut, settings: Evaluate, chat: Chat | Story):
        """Raises NothingToScoreError."""

    def score(self, model) -> Score:
        """Of a `LocalModel`, or, if replies are all that is needed, of an `Endpoint`."""


def wilson_interval(hits: int, asked: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927): honest for few questions and near 0 and 1."""
    z = NormalDist().inv_cdf(0.975)
    share, widening = hits / asked, 1 + z * z / asked
    middle = (share + z * z / (2 * asked)) / widening
    reach = z * math.sqrt(share * (1 - share) / asked + z * z / (4 * asked * asked)) / widening
    return max(0.0, middle - reach), min(1.0, middle + reach)
