"""People on the web site, as many at once as asked for: what their browsers send, and how long each answer took.

In: a running site. Out: seconds by page. A person has a cookie jar and the CSRF token of their own.
"""

import asyncio
import dataclasses
import re
import statistics
import time
from collections import defaultdict

import aiohttp

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
CHOICES = ("left", "right", "tie", "bothbad")


@dataclasses.dataclass
class Timings:
    """Seconds of every answer by what was asked for, and what went wrong."""

    seconds: dict[str, list[float]] = dataclasses.field(default_factory=lambda: defaultdict(list))
    wrong: list[str] = dataclasses.field(default_factory=list)

    def p95_ms(self, what: str) -> float:
        """Ninety-fifth percentile, in milliseconds."""
        return 1000 * statistics.quantiles(self.seconds[what], n=20)[-1]


class Person:
    """One visitor: asks, checks the status, keeps the time."""

    def __init__(self, url: str, timings: Timings):
        self.url, self.timings, self.token = url, timings, ""
        connector = aiohttp.TCPConnector(keepalive_timeout=3)  # uvicorn hangs up after 5 s
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def __aenter__(self) -> "Person":
        page = await self.get("/write/", "own scene")
        self.token = TOKEN.search(page)[1]
        return self

    async def __aexit__(self, *_) -> None:
        await self._session.close()

    async def get(self, path: str, what: str) -> str:
        """A page."""
        return await self._ask("GET", path, what, 200)

    async def submit(self, path: str, what: str, **fields) -> str:
        """A form; the address that the site sends the browser on to."""
        return await self._ask("POST", path, what, 302, data={"csrfmiddlewaretoken": self.token, **fields})

    async def read(self, comparison: str) -> None:
        """Both replies, to their end."""
        headers = {"X-CSRFToken": self.token}
        async with self._session.post(f"{self.url}{comparison}stream/", headers=headers) as answer:
            text = (await answer.read()).decode()
        if "event: done" not in text:
            self.timings.wrong.append(f"stream: {answer.status} {text[-200:]}")

    async def _ask(self, method: str, path: str, what: str, expected: int, **options) -> str:
        began = time.perf_counter()
        headers = {"Referer": f"{self.url}/"}
        async with self._session.request(
            method, self.url + path, headers=headers, allow_redirects=False, **options
        ) as answer:
            text = await answer.text()
        self.timings.seconds[what].append(time.perf_counter() - began)
        if answer.status != expected:
            self.timings.wrong.append(f"{what}: {answer.status} {text[:200]}")
        return answer.headers.get("Location", text)


async def visit(url: str, people: int, lasts_s: float) -> Timings:
    """`people` at once who choose a scene, read both replies and vote, one scene after the other. They come within
    the first third of the time.
    """
    timings, end = Timings(), time.monotonic() + lasts_s

    async def one(number: int) -> None:
        await asyncio.sleep(lasts_s / 3 * number / people)
        async with Person(url, timings) as person:
            while time.monotonic() < end:
                await person.get("/", "scenes")
                comparison = await person.submit("/surprise/", "start")
                if not comparison.startswith("/comparisons/"):
                    return
                await person.get(comparison, "comparison")
                await person.read(comparison)
                await person.submit(f"{comparison}vote/", "vote", choice=CHOICES[number % len(CHOICES)])
                await person.submit(f"{comparison}reasons/", "reasons")
                await person.get(comparison, "reveal")
                await person.get("/mine/", "my votes")

    await asyncio.gather(*(one(number) for number in range(people)))
    return timings


async def vote(url: str, people: int, comparisons: list[str], votes_per_s: float) -> tuple[Timings, float]:
    """`people` at once vote on complete `comparisons` (ids), each vote at its second, `votes_per_s` of them in all,
    unless the person still waits for the answer to their last; timings, and the votes a second that came of it.
    """
    timings = Timings()
    voters = [await Person(url, timings).__aenter__() for _ in range(people)]
    began = time.perf_counter()

    async def one(number: int) -> None:
        for turn in range(number, len(comparisons), people):
            await asyncio.sleep(began + turn / votes_per_s - time.perf_counter())
            path, choice = f"/comparisons/{comparisons[turn]}/vote/", CHOICES[number % len(CHOICES)]
            await voters[number].submit(path, "vote", choice=choice)

    await asyncio.gather(*(one(number) for number in range(people)))
    took = time.perf_counter() - began
    for voter in voters:
        await voter.__aexit__()
    return timings, len(comparisons) / took
