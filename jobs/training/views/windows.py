"""Scenes of any length, cut into windows that fit into a sample.

In: exchanges (what the others wrote, what the assistant answered). Out: samples cut at turn borders, in which every
reply is trained whole and once, with as much of the scene before it as fits or as the recipe's overlap repeats.
"""

import bisect
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from contracts.recipe import Train
from contracts.scene import ChatMessage, Post
from jobs.training.views.report import ViewReport
from jobs.training.views.sample import IGNORED, Sample, sample
from jobs.training.views.turns import Piece, TurnEncoder

Messages = list[ChatMessage]

BATCH = 512
"""Exchanges that are encoded at a time."""
EARLY_SHARE, EARLY_LEAST = 0.5, 0.05
"""Share of windows that stop growing early, and the least part of max_length at which one may. Rows of 1,024 tokens
become 97 % full instead of 87 % (`make bench-train`), for 2 % more tokens of repeated context."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A context and the reply to it. Either may be empty: a scene may open with a reply and end without one."""

    context: Messages
    reply: Messages
    ends: Sequence[Messages] = ()
    """Ends of the context, the shortest first, for when all of it is too long."""

    @property
    def messages(self) -> Messages:
        return self.context + self.reply


class Ends(Sequence[Messages]):
    """The ends of a context: 1, 2, ... paragraphs of its last post, then its last 2, 3, ... posts. Made when asked for,
    since few contexts are too long, and those are very long."""

    def __init__(self, context: list[Post], turns: Callable[[list[Post]], Messages]):
        self._context, self._turns = context, turns
        self._paragraphs = context[-1]["text"].split("\n\n") if context else []

    def __len__(self) -> int:
        return len(self._paragraphs) + max(0, len(self._context) - 1)

    def __getitem__(self, number: int) -> Messages:
        if number < len(self._paragraphs):
            text = "\n\n".join(self._paragraphs[len(self._paragraphs) - 1 - number :])
            return self._turns([Post(author=self._context[-1]["author"], text=text)])
        return self._turns(self._context[len(self) - 1 - number :])


Told = list[tuple[Exchange, Piece]]
"""Exchanges and what each adds to a scene."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A thread as one character sees it, or a row: what to call it, and what is said in it."""

    source: str
    system: Messages
    """The message that opens every window, or none."""
    exchanges: list[Exchange]
    tags: Sequence[str] = ()


@dataclass(slots=True)
class _Growing:
    """A window to which exchanges are still added. The first `repeated` of `told` stood in another one already."""

    opening: Piece
    told: Told
    repeated: int = 0

    @property
    def pieces(self) -> list[Piece]:
        return [self.opening, *(piece for _, piece in self.told[1:])]

    @property
    def size(self) -> int:
        return sum(len(piece.ids) for piece in self.pieces)


class Cutter:
    """Cuts scenes into windows of at most `max_length` tokens, and counts what becomes of each token."""

    def __init__(self, encoder: TurnEncoder, train: Train, report: ViewReport):
        self._encoder, self._overlap, self._report = encoder, train.overlap, report
        self._limit, self._packing = train.max_length - len(encoder.tail), train.packs

    def samples(self, scenes: Iterable[Scene]) -> Iterator[Sample]:
        """The windows of all scenes, in order."""
        for batch in _batches(scenes):
            turns = [exchange.messages for scene in batch for exchange in scene.exchanges]
            pieces = iter(self._encoder.following(turns))
            for scene in batch:
                yield from self._windows(scene, list(itertools.islice(pieces, len(scene.exchanges))))

    def _windows(self, scene: Scene, pieces: list[Piece]) -> Iterator[Sample]:
        sizes = self._sizes(scene.source)
        size = next(sizes)
        window: _Growing | None = None
        told: Told = []  # since the scene last had a gap
        for exchange, piece in zip(scene.exchanges, pieces, strict=True):
            self._report.tokens_in += len(piece.ids)
            self._report.reply_tokens += piece.trained
            if not exchange.reply:
                self._report.count_left_out("no_reply", piece.context)
                continue
            forged = self._encoder.forges(exchange.messages)
            if window and not forged and window.size + len(piece.ids) <= size:
                window.told.append((exchange, piece))
                told.append((exchange, piece))
                continue
            if window:
                yield self._close(scene, window)
            if forged:
                self._leave_out("special_token", piece)
                window = None
            else:
                window, size = self._open(scene.system, exchange, piece, told), next(sizes)
            told = [*told, window.told[-1]] if window else []
        if window:
            yield self._close(scene, window)

    def _sizes(self, source: str) -> Iterator[int]:
        """Tokens to which each next window of a scene grows; the same at each call.

        Windows that all grow as far as they can are of nearly one size, and packing finds none that fills the rest of
        a row. So every other one, by chance, stops growing earlier. A single long turn is never cut for that.
        """
        random = Random(source)
        while True:
            early = self._packing and random.random() < EARLY_SHARE
            yield round(self._limit * random.uniform(EARLY_LEAST, 1)) if early else self._limit

    def _leave_out(self, reason: str, piece: Piece) -> None:
        self._report.count_cut(reason, piece.trained)
        self._report.count_left_out(reason, piece.context)

    def _open(self, system: Messages, exchange: Exchange, piece: Piece, told: Told) -> _Growing | None:
        """A window whose last exchange is `exchange`: after what is repeated, or shortened to the nearest of its
        context, or None when not even that fits."""
        opening = self._encoder.opening(system, exchange.messages)
        if len(opening.ids) <= self._limit:
            repeated = self._repeated(told)
            while repeated:
                first, _ = repeated[0]
                longer = [*repeated, (exchange, piece)]
                window = _Growing(self._encoder.opening(system, first.messages), longer, len(repeated))
                if window.size <= self._limit:
                    return window
                repeated = repeated[1:]
            return _Growing(opening, [(exchange, piece)])
        nearest = self._nearest(system, exchange)
        if nearest is None:
            self._leave_out("too_long", piece)
            return None
        (shorter,) = self._encoder.following([nearest.messages])
        self._report.count_left_out("too_long", piece.context - shorter.context)
        return _Growing(self._encoder.opening(system, nearest.messages), [(nearest, shorter)])

    def _repeated(self, told: Told) -> Told:
        """The end of `told` of at most `overlap` tokens; its first exchange may have lost its context."""
        room, first = self._overlap, len(told)
        while first and len(told[first - 1][1].ids) <= room:
            first -= 1
            room -= len(told[first][1].ids)
        repeated = told[first:]
        if first and told[first - 1][1].trained < room:
            bare = Exchange([], told[first - 1][0].reply)
            (piece,) = self._encoder.following([bare.messages])
            if len(piece.ids) <= room:
                repeated.insert(0, (bare, piece))
        return repeated

    def _nearest(self, system: Messages, exchange: Exchange) -> Exchange | None:
        """`exchange` with the longest end of its context that fits; None when not even the shortest does."""

        def size(end: Messages) -> int:
            return len(self._encoder.opening(system, end + exchange.reply).ids)

        fitting = bisect.bisect_right(exchange.ends, self._limit, key=size)
        return Exchange(exchange.ends[fitting - 1], exchange.reply) if fitting else None

    def _close(self, scene: Scene, window: _Growing) -> Sample:
        """Check a finished window, count its tokens and label them."""
        report, pieces, tail = self._report, window.pieces, self._encoder.tail
        messages = [*scene.system, *(message for exchange, _ in window.told for message in exchange.messages)]
        self._encoder.check(messages, pieces)
        ids, labels = [], []
        for number, piece in enumerate(pieces):
            new = number >= window.repeated
            ids += piece.ids
            labels += [token if bit and new else IGNORED for token, bit in zip(piece.ids, piece.mask, strict=True)]
        frame = len(window.opening.ids) - len(window.told[0][1].ids) + len(tail)
        trained = sum(label != IGNORED for label in labels)
        repeated = sum(len(piece.ids) for _, piece in window.told[: window.repeated])
        report.samples += 1
        report.frame += frame
        report.repeated += repeated
        report.trained += trained
        report.context += len(ids) + len(tail) - frame - repeated - trained
        report.tokens += len(ids) + len(tail)
        return sample(scene.source, messages, ids + tail, labels + [IGNORED] * len(tail), scene.tags)


def _batches(scenes: Iterable[Scene]) -> Iterator[list[Scene]]:
    """So many scenes that the tokenizer has work for all cores."""
    batch: list[Scene] = []
    for scene in scenes:
        batch.append(scene)
        if sum(len(scene.exchanges) for scene in batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
