"""Two replies released word by word in lock-step, so that their timing says nothing about who writes them.

In: two asynchronous streams of text. Out: steps, each with the next word of both. A LoRA reply comes slower than
its base's; whoever saw the words as they arrive could tell them apart. Therefore:

- a step is released when *both* sides have a word for it: the slower one sets the pace;
- the pace is one of a few tempos, never faster than people can follow. It comes from the slower side's characters a
  second and the longer words of the two: a pace that follows the long words of one side names the slow one;
- it is a little slower than what arrives, and some text is held back at the start, so that a hiccup of the engine does
  not show, and what is in hand grows;
- when one reply has ended, the rest of the other keeps that same pace, whether it lies in a buffer (the fast model) or
  is still being written (the slow one, which set the pace and now has the engine to itself).

tests/webapp/test_blindness.py tries to tell the sides apart. No Django in here.
"""

import asyncio
import bisect
import math
import re
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

WORD = re.compile(r"\s*(?:\S{40}|\S+(?=\s))")
"""A word with the white space before it; it is whole once white space follows, or at 40 characters."""
USUAL_WORD = 6
"""Characters of an English word and the space before it."""


@dataclass(frozen=True)
class Step:
    """The next word of each side, white space before it included; "" once that side has ended."""

    left: str
    right: str


@dataclass(frozen=True)
class Rhythm:
    """How words are released. Times in seconds."""

    lead: int = 36
    """Characters that both sides must have before the first are shown; again, where a side has run dry."""
    beat: float = 0.25
    """Showing begins at a multiple of it, counted from the question."""
    shortest: float = 0.03
    longest: float = 0.6
    """Bounds of the time between two steps; the longest only holds where words are waiting."""
    slack: float = 1.1
    """How much slower words are shown than the slower side writes, at least."""
    ratio: float = 1.25
    """Between one tempo and the next; they begin with the shortest."""
    time_limit: float = 180.0
    """Most time that either stream may take, from its start to its end."""


async def in_lock_step(left: AsyncIterator[str], right: AsyncIterator[str], rhythm: Rhythm = Rhythm()):
    """Yield `Step`s until both streams have ended; together they hold every character of both, in order.

    Raises:
        TimeoutError: a stream took longer than the time limit.
        Exception: whatever either stream raises, at once: one broken side breaks the comparison.
    """
    began = time.monotonic()
    arrival = asyncio.Condition()
    sides = (_Side(left, arrival), _Side(right, arrival))
    readers = [asyncio.create_task(side.read(rhythm.time_limit)) for side in sides]
    try:
        await _until(arrival, sides, partial(_may_begin, sides, rhythm.lead))
        await asyncio.sleep(_to_the_beat(time.monotonic() - began, rhythm.beat))
        shown, tempo = 0, 0.0
        while True:
            if not _have_step(sides, shown, lead=1):
                await _until(arrival, sides, partial(_have_step, sides, shown, rhythm.lead))
            if all(len(side.words) <= shown for side in sides):
                return
            yield Step(*(side.words[shown] if shown < len(side.words) else "" for side in sides))
            shown += 1
            tempo = _tempo(sides, rhythm, tempo)
            await asyncio.sleep(tempo)
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)  # their errors were raised by `_until`


class _Side:
    """One stream being read: the words so far, when their pieces arrived, and how it ended."""

    def __init__(self, stream: AsyncIterator[str], arrival: asyncio.Condition):
        self.stream = stream
        self.arrival = arrival
        self.words: list[str] = []
        self.characters: list[int] = [0]
        """In the first n words, for every n."""
        self.times: list[float] = []
        self.arrived: list[int] = []
        """When pieces came, and how many characters there were then, those of a word that is not whole yet too."""
        self.ended = False
        self.error: Exception | None = None

    async def read(self, time_limit: float) -> None:
        """Read the stream to its end; `arrival` is notified of every change."""
        rest = ""
        try:
            async with asyncio.timeout(time_limit), aclosing(self.stream) as stream:
                async for text in stream:
                    self.times.append(time.monotonic())
                    self.arrived.append(self.total + len(text))
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
        self.characters.append(self.characters[-1] + len(word))

    @property
    def total(self) -> int:
        """Characters so far."""
        return self.arrived[-1] if self.arrived else 0

    def has(self, lead: int, shown: int) -> bool:
        """Whether a word follows the first `shown`, and `lead` characters do."""
        return len(self.words) > shown and self.total - self.characters[shown] >= lead

    def speed(self, characters: int) -> float:
        """Mean seconds a character, over the first so many; 0 where they came at once."""
        last = bisect.bisect_left(self.arrived, characters)
        written = self.arrived[last] - self.arrived[0]
        return (self.times[last] - self.times[0]) / written if written else 0.0


async def _until(arrival: asyncio.Condition, sides: tuple[_Side, _Side], ready) -> None:
    """Wait until `ready()`, or raise what a side raised."""
    async with arrival:
        await arrival.wait_for(lambda: any(side.error for side in sides) or ready())
    for side in sides:
        if side.error:
            raise side.error


def _may_begin(sides: tuple[_Side, _Side], lead: int) -> bool:
    """Whether showing may begin. A reply shorter than the lead sets no pace: then both are awaited whole."""
    return all(side.has(lead, shown=0) for side in sides) or all(side.ended for side in sides)


def _have_step(sides: tuple[_Side, _Side], shown: int, lead: int) -> bool:
    """Whether each side has `lead` characters more than is shown, or has ended."""
    return all(side.ended or side.has(lead, shown) for side in sides)


def _to_the_beat(passed: float, beat: float) -> float:
    """Seconds to the next multiple of `beat`."""
    return -passed % beat if beat else 0.0


def _tempo(sides: tuple[_Side, _Side], rhythm: Rhythm, tempo: float) -> float:
    """Seconds to the next step, `tempo` being those before: what the slower side can keep up, over what both have.

    Once one side has ended that does not change any more. A tempo that does is kept where it is not far too slow.
    """
    words = min(len(side.words) for side in sides)
    characters = min(side.total for side in sides)
    if not words:
        return tempo or rhythm.shortest
    word = max(USUAL_WORD, *(side.characters[words] / words for side in sides))
    wanted = rhythm.slack * word * max(side.speed(characters) for side in sides)
    if wanted <= tempo < wanted * rhythm.ratio**2:
        return tempo
    number = max(0, math.ceil(math.log(wanted / rhythm.shortest, rhythm.ratio))) if wanted else 0
    return min(rhythm.shortest * rhythm.ratio**number, rhythm.longest)
