"""Nothing that reaches the browser before the vote names the models or tells them apart."""

import itertools
import re
import statistics
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest

from tests.webapp.scripted_engine import ALIAS, BASE, VERSION, Script
from tests.webapp.site import Step

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


def play_many(site, number: int, turns: int = 1) -> list[Seen]:
    with ThreadPoolExecutor(4) as pool:
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
