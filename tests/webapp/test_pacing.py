"""Two streams released in lock-step: nothing is lost, and the rhythm does not tell which of them is slow."""

import asyncio
import itertools
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from webapp.arena.pacing import Rhythm, in_lock_step

FAST, SLOW = 0.005, 0.015
RHYTHM = Rhythm(lead=18, beat=0, shortest=0.001)


async def stream(text: str, delay: float, fault: Exception | None = None):
    for start in range(0, len(text), 5):
        await asyncio.sleep(delay)
        yield text[start : start + 5]
    if fault:
        raise fault


def words(count: int, word: str = "word") -> str:
    return " ".join([word] * count)


def play(left, right, rhythm=RHYTHM) -> list[tuple[float, str, str]]:
    """All steps with the time at which each came, run in a thread with an event loop of its own."""

    async def collect():
        return [(time.monotonic(), step.left, step.right) async for step in in_lock_step(left, right, rhythm)]

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, collect()).result()


def test_it_works():
    steps = play(stream("one two three four five", FAST), stream("uno due tre", FAST))
    assert [step[1:] for step in steps] == [
        ("one", "uno"),
        (" two", " due"),
        (" three", " tre"),
        (" four", ""),
        (" five", ""),
    ]


@pytest.mark.parametrize("text", ["a", "  led by space\n\nand  double  ", "x" * 130, "emoji 🐉 and “quotes”", " \n "])
def test_no_character_is_lost(text):
    steps = play(stream(text, 0), stream(words(12), 0))
    assert "".join(step[1] for step in steps) == text
    assert "".join(step[2] for step in steps) == words(12)


def test_both_sides_progress_together_at_the_pace_of_the_slower():
    steps = play(stream(words(20), FAST), stream(words(20), SLOW))
    assert len(steps) == 20
    assert all(left and right for _, left, right in steps)
    assert steps[-1][0] - steps[0][0] > 0.6 * 16 * SLOW  # the lead's four words were there before


@pytest.mark.parametrize(("slow_words", "fast_words"), [(24, 48), (48, 24)])
def test_the_rest_of_the_longer_reply_keeps_the_pace(slow_words, fast_words):
    steps = play(stream(words(slow_words), SLOW), stream(words(fast_words), FAST))
    gaps = [after[0] - before[0] for before, after in itertools.pairwise(steps)]
    together, alone = statistics.median(gaps[4:23]), statistics.median(gaps[24:])
    assert 0.7 < alone / together < 1.4  # unpaced: 0 or 0.33 for the fast one


def test_nothing_is_shown_before_both_have_their_lead():
    began = time.monotonic()
    steps = play(stream(words(20), 0), stream(words(20), SLOW))
    assert steps[0][0] - began > 3.5 * SLOW


def test_a_reply_shorter_than_the_lead_waits_for_the_whole_other():
    began = time.monotonic()
    steps = play(stream("Yes.", 0), stream(words(20), SLOW))
    assert steps[0][0] - began > 18 * SLOW


def test_a_fault_on_one_side_ends_both_at_once():
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="gone"):
        play(stream(words(400), SLOW), stream(words(8), FAST, RuntimeError("gone")))
    assert time.monotonic() - began < 100 * SLOW


def test_time_limit():
    with pytest.raises(TimeoutError):
        play(stream(words(400), SLOW), stream(words(8), FAST), Rhythm(time_limit=0.1))


def test_closing_early_stops_both_streams():
    closed = []

    async def endless(name):
        try:
            while True:
                await asyncio.sleep(0.001)
                yield "word "
        finally:
            closed.append(name)

    async def read_a_little():
        steps = in_lock_step(endless("left"), endless("right"), RHYTHM)
        async for _ in steps:
            break
        await steps.aclose()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, read_a_little()).result(timeout=10)
    assert sorted(closed) == ["left", "right"]


def test_showing_begins_on_a_beat():
    began = time.monotonic()
    steps = play(stream(words(12), 0.001), stream(words(12), 0.002), Rhythm(lead=18, beat=0.2, shortest=0.001))
    assert 0.2 <= steps[0][0] - began < 0.35


def test_long_words_say_nothing_about_whose_words_are_slow():
    """The same tempo, whether the slow side has the long words or the fast one."""

    def mean_gap(slow: str, fast: str) -> float:
        steps = play(stream(words(20, slow), SLOW), stream(words(20, fast), 0), RHYTHM)
        return (steps[-1][0] - steps[0][0]) / len(steps)

    ratio = mean_gap("remembrance-day", "at") / mean_gap("at", "remembrance-day")
    assert 0.4 < ratio < 2.5  # by words as they come: 5
