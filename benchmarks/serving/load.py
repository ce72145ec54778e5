"""Streams of requests to an OpenAI-compatible service, and how fast it answered them.

In: an address, a key, models, how many streams. Out: tokens a second in all, seconds to each first token.
"""

import asyncio
import dataclasses
import itertools
import json
import statistics
import time
from collections.abc import Sequence

import aiohttp

SCENE = (
    "The caravan had stopped where the road went under the ice. Mira counted the lanterns twice and came to one "
    "too few, while the guide, who had not spoken since the pass, drew a line in the snow with the end of his staff. "
)


@dataclasses.dataclass
class Service:
    """Where to ask, and with which key."""

    url: str
    key: str


@dataclasses.dataclass
class Measured:
    """Of one run. Times in seconds."""

    tokens: int = 0
    took_s: float = 0.0
    first_token_s: list[float] = dataclasses.field(default_factory=list)
    failed: int = 0

    @property
    def tokens_per_s(self) -> float:
        return self.tokens / self.took_s

    @property
    def median_first_token_ms(self) -> float:
        return 1000 * statistics.median(self.first_token_s)


async def measure(
    service: Service,
    models: Sequence[str],
    streams: int,
    requests: int,
    reply_tokens: int = 64,
    scenes: int = 2,
    seed: int = 0,
) -> Measured:
    """Send `requests` greedy completions, `streams` at a time, to `models` in turn; each reply has `reply_tokens`.

    A prompt is `scenes` times SCENE behind words of its own: none finds another's beginning in a cache.
    """
    measured, numbers = Measured(), itertools.count()
    headers = {"Authorization": f"Bearer {service.key}"}
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=600)
    async with aiohttp.ClientSession(headers=headers, connector=connector, timeout=timeout) as session:

        async def lane() -> None:
            while (number := next(numbers)) < requests:
                body = {
                    "model": models[number % len(models)],
                    "prompt": f"{seed} {number}. " + SCENE * scenes,
                    "max_tokens": reply_tokens,
                    "temperature": 0,
                    "ignore_eos": True,
                    "stream": True,
                    "stream_options": {"include_usage": True},
                }
                await _ask(session, service, body, measured)

        began = time.perf_counter()
        await asyncio.gather(*(lane() for _ in range(streams)))
        measured.took_s = time.perf_counter() - began
    return measured


async def _ask(session: aiohttp.ClientSession, service: Service, body: dict, measured: Measured) -> None:
    began, first, tokens = time.perf_counter(), None, 0
    async with session.post(f"{service.url}/v1/completions", json=body) as answer:
        if answer.status != 200:
            measured.failed += 1
            return
        async for line in answer.content:
            if first is None and line.startswith(b"data:"):
                first = time.perf_counter() - began
            if line.startswith(b"data: {") and b'"usage":{' in line:
                tokens = json.loads(line[6:])["usage"]["completion_tokens"]
    if tokens == body["max_tokens"]:
        measured.tokens += tokens
        measured.first_token_s.append(first)
    else:
        measured.failed += 1
