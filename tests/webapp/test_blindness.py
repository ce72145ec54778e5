"""Nothing that reaches the browser before the vote names the models or tells them apart."""

import itertools
import json
import random
import re
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest

from tests.webapp.scripted_engine import ALIAS, BASE, VERSION, Script
from tests.webapp.site import Step
from tests.webapp.telling_apart import Event, tell_apart, tell_apart_at_once

FAST, SLOW = 0.01, 0.03
"""Seconds a token: the adapter takes three times as long as its base."""


@dataclass
class Seen:
    """All that one browser got for one comparison, and what the database knows."""

    pages: list[tuple[httpx.Headers, str]]
    steps: list[Step]
    adapter_side: str


def play(site, turns: int = 1) -> Seen:
    """Begin, look, stream, look again, the second turn too: a fresh visitor each time."""
    pages = []
    with site.visitor() as visitor:
        started = visitor.submit("/scenes/water-rights/start/")
        address = started.headers["Location"]
        before = visitor.get(address)
        steps = visitor.steps(address)
        after = visitor.get(address)
        if turns == 2:
            visitor.move(address, "continue", post="*I wait.*")
            pages += [visitor.get(address)]
            steps += visitor.steps(address)
            pages += [visitor.get(address)]
    ((left,),) = site.rows("SELECT model_left FROM arena_comparison WHERE id = %s", address.split("/")[2])
    pages = [(page.headers, page.text) for page in (started, before, after, *pages)]
    return Seen([*pages, (visitor.stream_headers, "")], steps, "right" if left == BASE else "left")


def play_many(site, number: int, turns: int = 1, at_once: int = 4) -> list[Seen]:
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(play, [site] * number, [turns] * number))


def without_chance(text: str) -> str:
    """`text` without the random numbers that every visit has."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", text)
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "TOKEN", text)


def visible(seen: Seen) -> str:
    """Everything the browser can read: headers, cookies' names, pages, events."""
    pages = "\n".join(f"{_steady(headers)}\n{text}" for headers, text in seen.pages)
    return without_chance(pages + "\n".join(step.raw for step in seen.steps))


def test_it_works(site, engine):
    engine.scripts = {BASE: Script("The same words from both. " * 2, FAST), ALIAS: Script("", SLOW)}
    engine.scripts[ALIAS].reply = engine.scripts[BASE].reply
    visits = play_many(site, 12, turns=2)
    assert {seen.adapter_side for seen in visits} == {"left", "right"}
    # With the same words from both models, every byte is the same, whichever side the adapter is on.
    assert len({visible(seen) for seen in visits}) == 1
    assert not any(name in visible(visits[0]) for name in (BASE, VERSION, f'"{ALIAS}"', "adapter"))


def _steady(headers: httpx.Headers) -> list[tuple[str, str]]:
    """Headers without the clock's and without the values of cookies."""
    kept = [(name, value) for name, value in headers.multi_items() if name not in ("date", "expires")]
    return sorted((name, re.sub("=[^;]+", "=", value) if name == "set-cookie" else value) for name, value in kept)


@pytest.mark.parametrize("longer", [BASE, ALIAS])
def test_rhythm_is_the_same_whoever_is_slow(site, engine, longer):
    engine.scripts = {BASE: Script("word " * 18, FAST), ALIAS: Script("word " * 18, SLOW)}
    engine.scripts[longer].reply = "word " * 36
    ratios = []
    for seen in play_many(site, 8):
        words = [step for step in seen.steps if step.name == "words"]
        assert len(words) == 37  # the white space after the last word is a step of its own
        assert all(step.data["left"] and step.data["right"] for step in words[:18])
        gaps = [after.at - before.at for before, after in itertools.pairwise(words)]
        ratios.append(statistics.median(gaps[19:35]) / statistics.median(gaps[:17]))
    # Once one reply has ended, the other keeps the pace. As it comes from the engine, the base's rest would come
    # in a burst (0), or at a third of the gap (0.33).
    assert 0.7 < statistics.median(ratios) < 1.4


def test_cookies_hold_nothing_but_random_numbers(visitor, site):
    visitor.steps(visitor.begin())
    assert set(visitor.cookies) == {"csrftoken", "bardloop_voter"}
    voter = visitor.cookies["bardloop_voter"].strip('"').split(":")[0]
    assert site.rows("SELECT voter::text FROM arena_comparison") == [(voter,)]


BATTLES = 200
WORDS = (
    ("a", "I", "on", "the", "door", "rain", "says", "so", "it", "was", "not", "yes"),
    ("candlelight", "remembering", "whispering", "nevertheless", "unfortunately", "harbourmaster", "understood"),
)
"""Replies are of short words or of long ones: a rhythm that follows the words of one side shows then."""


@dataclass
class Erratic(Script):
    """Another reply each time: 10 to 28 words in pieces of uneven sizes and at uneven times, by a fixed seed.

    Both models draw from the same words, so that what they say tells nothing.
    """

    reply: str = ""
    pieces: tuple[int, int] = (1, 5)
    """Characters, from and to."""
    character_s: float = 0.006
    unsteady: float = 0.2
    """Share by which a piece comes sooner or later."""
    stalls: float = 0.02
    """Pieces before which the engine stops for 50 to 250 ms."""
    seed: int = 0

    def __post_init__(self):
        self.chance = random.Random(self.seed)

    def tokens(self) -> list[tuple[float, str]]:
        rest = " ".join(self.chance.choices(self.chance.choice(WORDS), k=self.chance.randint(10, 28)))
        found = []
        while rest:
            size = self.chance.randint(*self.pieces)
            wait = self.character_s * min(size, len(rest)) * self.chance.uniform(1 - self.unsteady, 1 + self.unsteady)
            if self.chance.random() < self.stalls:
                wait += self.chance.uniform(0.05, 0.25)
            found.append((wait, rest[:size]))
            rest = rest[size:]
        return found


def unlike_models(seed: int) -> dict[str, Script]:
    """A base that is quick and even, in large pieces; an adapter that starts late, is slow, jerky, in small ones."""
    base = Erratic(pieces=(4, 24), character_s=0.0015, unsteady=0.1, stalls=0, first_delay=0.02, seed=seed)
    return {BASE: base, ALIAS: Erratic(first_delay=0.15, unsteady=0.3, seed=seed + 1)}


def test_a_classifier_cannot_tell_the_sides_apart(site, engine):
    engine.scripts = unlike_models(seed=1)
    visits = play_many(site, BATTLES, at_once=24)
    assert len({without_texts(seen) for seen in visits}) == 1  # but for the words themselves, every byte is the same
    battles = [[Event(step.at, step.data["left"], step.data["right"]) for step in seen.steps[:-1]] for seen in visits]
    told = tell_apart(battles, [seen.adapter_side == "right" for seen in visits], seed=1)
    assert told.chance > 0.001, told  # so often it fails by mere chance
    assert told.accuracy < 0.65, told


@pytest.mark.parametrize("in_lock_step", [False, True])
def test_the_classifier_can_tell_them_apart(in_lock_step):
    """Without the site's pacing: words as they come, and words that only wait for one another."""
    models, chance = unlike_models(seed=2), random.Random(2)
    battles, adapter_right = [], []
    for _ in range(BATTLES):
        left, right = chance.sample([BASE, ALIAS], 2)
        words = [arrivals(models[name]) for name in (left, right)]
        battles.append(locked(*words) if in_lock_step else unpaced(*words))
        adapter_right.append(right == ALIAS)
    told = tell_apart(battles, adapter_right, seed=2)
    assert told.chance < 0.001 and told.accuracy > (0.9 if in_lock_step else 0.99), told


def by_program(site) -> tuple[Event, bool]:
    """Have two replies written through the API: what came when, and whether the adapter stood right."""
    with site.visitor() as program:
        began = time.monotonic()
        answer = program.post("/api/compare", json={}).json()
        took = time.monotonic() - began
    return Event(took, answer["left"], answer["right"]), adapter_right(site, answer["id"])


def without_scripts(site) -> tuple[Event, bool]:
    """The same in a browser without JavaScript."""
    with site.visitor() as visitor:
        address = visitor.begin()
        form = {"csrfmiddlewaretoken": visitor.token()}
        began = time.monotonic()
        assert visitor.post(f"{address}replies/", data=form, headers={"Referer": site.url}).status_code == 302
        took = time.monotonic() - began
        left, right = re.findall(r'data-testid="text-\w+"><p>(.*?)</p>', visitor.get(address).text)
    return Event(took, left, right), adapter_right(site, address.split("/")[2])


def adapter_right(site, comparison: str) -> bool:
    ((left,),) = site.rows("SELECT model_left FROM arena_comparison WHERE id = %s", comparison)
    return left == BASE


AT_ONCE = 80


@pytest.mark.parametrize("ask", [by_program, without_scripts])
def test_how_long_both_replies_took_together_tells_nothing(site, engine, ask):
    engine.scripts = unlike_models(seed=3)
    with ThreadPoolExecutor(24) as pool:
        answers, sides = zip(*pool.map(ask, [site] * AT_ONCE), strict=True)
    told = tell_apart_at_once(answers, sides, seed=3)
    assert told.chance > 0.001 and told.accuracy < 0.7, told


def test_how_long_they_took_would_tell_without_a_pace():
    """Both replies as soon as they are there."""
    models, chance = unlike_models(seed=4), random.Random(4)
    answers, sides = [], []
    for _ in range(AT_ONCE):
        left, right = chance.sample([BASE, ALIAS], 2)
        words = [arrivals(models[name]) for name in (left, right)]
        answers.append(Event(max(side[-1][0] for side in words), *("".join(word for _, word in one) for one in words)))
        sides.append(right == ALIAS)
    told = tell_apart_at_once(answers, sides, seed=4)
    assert told.chance < 0.001 and told.accuracy > 0.75, told


def arrivals(model: Script) -> list[tuple[float, str]]:
    """When the words of one reply of `model` are complete."""
    at, text, ends = model.first_delay, "", []
    for wait, piece in model.tokens():
        at, text = at + wait, text + piece
        ends += [at] * len(piece)
    return [(ends[found.end() - 1], found.group()) for found in re.finditer(r"\s*\S+", text)]


def unpaced(left: Sequence[tuple[float, str]], right: Sequence[tuple[float, str]]) -> list[Event]:
    events = [Event(at, word, "") for at, word in left] + [Event(at, "", word) for at, word in right]
    return sorted(events, key=lambda event: event.at)


def locked(left: Sequence[tuple[float, str]], right: Sequence[tuple[float, str]]) -> list[Event]:
    events, last = [], 0.0
    for (one, first), (other, second) in itertools.zip_longest(left, right, fillvalue=(0.0, "")):
        last = max(last, one, other)
        events.append(Event(last, first, second))
    return events


def without_texts(seen: Seen) -> str:
    """Everything that the browser can read, but for what the models wrote and how long it is."""
    *steps, done = seen.steps
    for step in steps:
        assert step.raw == f"event: words\ndata: {json.dumps({side: step.data[side] for side in ('left', 'right')})}"
    pages = "\n".join(f"{_steady(headers)}\n{text}" for headers, text in seen.pages)
    for side in ("left", "right"):
        reply = "".join(step.data[side] for step in steps)
        assert pages.count(f"<p>{reply}</p>") >= 1
        pages = pages.replace(f"<p>{reply}</p>", "<p>REPLY</p>")
    return without_chance(re.sub(r"\('content-length', '\d+'\)", "LENGTH", pages) + done.raw)
