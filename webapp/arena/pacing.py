"""Two replies released word by word in lock-step, so that their timing says nothing about who writes them.

In: two asynchronous streams of text. Out: steps, each with the next word of both. A LoRA reply comes slower than
its base's; whoever saw the words as they arrive could tell them apart. Therefore:

- a step is released when *both* sides have a word for it: the slower one sets the pace;
- the pace is even, the mean of what has arrived in common so far, and never faster than people can follow;
- when one reply has ended, the rest of the other keeps that same pace, whether it lies in a buffer (the fast model) or
  is still being written (the slow one, which set the pace and now has the engine to itself);
- a few words are held back at the start, so that a hiccup of the engine does not show.

No Django in here.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

WORD = re.compile(r"\s*(?:\S{40}|\S+(?=\s))")
"""A word with the white space before it; it is whole once white space follows, or at 40 characters."""


@dataclass(frozen=True)
class Step:
    """The next word of each side, white space before it included; "" once that side has ended."""

    left: str
    right: str


@dataclass(frozen=True)
class Rhythm:
    """How words are released. Times in seconds."""

    lead_words: int = 6
    """Words that both sides must have before the first is shown."""
    shortest: float = 0.03
    longest: float = 0.6
    """Bounds of the time between two steps; the longest only holds where words are waiting."""
    time_limit: float = 180.0
    """Most time that either stream may take, from its start to its end."""


async def in_lock_step(left: AsyncIterator[str], right: AsyncIterator[str], rhythm: Rhythm = Rhythm()):
    """Yield `Step`s until both streams have ended; together they hold every character of both, in order.

    Raises:
        TimeoutError: a stream took longer than the time limit.
        Exception: whatever either stream raises, at once: one broken side breaks the comparison.
    """
    arrival = asyncio.Condition()
    sides = (_Side(left, arrival), _Side(right, arrival))
    readers = [asyncio.create_task(side.read(rhythm.time_limit)) for side in sides]
    try:
        await _until(arrival, sides, partial(_have_lead, sides, rhythm.lead_words))
        shown = 0
        while True:
            await _until(arrival, sides, partial(_have_step, sides, shown))
            if all(len(side.words) <= shown for side in sides):
                return
            yield Step(*(side.words[shown] if shown < len(side.words) else "" for side in sides))
            shown += 1
            await asyncio.sleep(_pace(sides, rhythm))
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)  # their errors were raised by `_until`


class _Side:
    """One stream being read: the words so far, when each arrived, and how it ended."""

    def __init__(self, stream: AsyncIterator[str], arrival: asyncio.Condition):
        self.stream = stream
        self.arrival = arrival
        self.words: list[str] = []
        self.times: list[float] = []
        self.ended = False
        self.error: Exception | None = None

    async def read(self, time_limit: float) -> None:
        """Read the stream to its end; `arrival` is notified of every change."""
        rest = ""
        try:
            async with asyncio.timeout(time_limit), aclosing(self.stream) as stream:
                async for text in stream:
                    rest = self._take(rest + text)
                    async with self.arrival:
                        self.arrival.notify_all()
            if rest:
                self._add(rest)
        except Exception as error:  # noqa: BLE001  (raised again, in the consumer, by `_until`)
            self.error = error
        self.ended = True
        async with self.arrival:
            self.arrival.notify_all()

    def _take(self, text: str) -> str:
        """Keep the whole words of `text`, return what follows the last."""
        end = 0
        while word := WORD.match(text, end):
            self._add(word.group())
            end = word.end()
        return text[end:]

    def _add(self, word: str) -> None:
        self.words.append(word)
        self.times.append(time.monotonic())


async def _until(arrival: asyncio.Condition, sides: tuple[_Side, _Side], ready) -> None:
    """Wait until `ready()`, or raise what a side raised."""
    async with arrival:
        await arrival.wait_for(lambda: any(side.error for side in sides) or ready())
    for side in sides:
        if side.error:
            raise side.error


def _have_lead(sides: tuple[_Side, _Side], words: int) -> bool:
    """Whether showing may begin. A reply shorter than the lead sets no pace: then both are awaited whole."""
    return all(len(side.words) >= words for side in sides) or all(side.ended for side in sides)


def _have_step(sides: tuple[_Side, _Side], number: int) -> bool:
    """Whether each side has its word number `number` (from 0), or has ended."""
    return all(side.ended or len(side.words) > number for side in sides)


def _pace(sides: tuple[_Side, _Side], rhythm: Rhythm) -> float:
    """Mean seconds between the words that both sides have: the slower side's pace, frozen once one has ended."""
    common = min(len(side.words) for side in sides)
    if common < 2:
        return rhythm.shortest
    first, last = (max(side.times[index] for side in sides) for index in (0, common - 1))
    return min(max((last - first) / (common - 1), rhythm.shortest), rhythm.longest)
