"""What adapters cost on one engine: speed beside the base's, of mixed traffic, and memory.

In: a running service with three adapters live and a fourth to load. Out: lines of a table and claims.
"""

import statistics
from collections.abc import Callable, Sequence

import psutil

from benchmarks.serving.load import Measured, Service, measure
from benchmarks.serving.servers import Server

MIXED, ADAPTER, MEMORY = 0.9, 0.9, 0.02
LONG_SCENES = 18
"""Of a prompt of about a thousand tokens."""

Claim = tuple[bool, str]


async def adapter_speed(service: Service, base: str, adapter: str, streams: int, rounds: int) -> list[Claim]:
    """Tokens a second of an adapter's replies as a share of the base's."""
    runs = await in_turn(service, {"base": [base], "adapter": [adapter]}, streams, rounds, requests=3 * streams)
    ratio = share(runs["adapter"], runs["base"], lambda run: run.tokens_per_s)
    what = f"replies, {streams} streams"
    print_line(what, runs, lambda run: run.tokens_per_s, "tok/s", ratio)
    return [(ratio >= ADAPTER, f"{what}: an adapter has {ratio:.2f} of the base's speed, at least {ADAPTER}")]


async def adapter_prefill(service: Service, base: str, adapter: str, rounds: int) -> list[Claim]:
    """The same for reading a prompt: the time to the first token of a long one, turned over."""
    models = {"base": [base], "adapter": [adapter]}
    runs = await in_turn(service, models, 1, rounds, requests=3, reply_tokens=1, scenes=LONG_SCENES)
    speed = lambda run: 1000 / run.median_first_token_ms  # noqa: E731
    ratio = share(runs["adapter"], runs["base"], speed)
    print_line("prompts of 1,000 tokens", runs, lambda run: run.median_first_token_ms, "ms", ratio)
    return [(ratio >= ADAPTER, f"prompts: an adapter has {ratio:.2f} of the base's speed, at least {ADAPTER}")]


async def mixed(service: Service, base: str, adapters: Sequence[str], streams: int, rounds: int) -> list[Claim]:
    """Base and three adapters in one batch, as a share of one adapter's speed."""
    models = {"single": [adapters[0]], "mixed": [base, *adapters]}
    runs = await in_turn(service, models, streams, rounds, requests=3 * streams)
    ratio = share(runs["mixed"], runs["single"], lambda run: run.tokens_per_s)
    print_line(f"mixed, {streams} streams", runs, lambda run: run.tokens_per_s, "tok/s", ratio)
    return [
        (ratio >= MIXED, f"base and {len(adapters)} adapters mixed: {ratio:.2f} of one adapter's, at least {MIXED}")
    ]


async def memory(
    server: Server, warm: str, load: Callable[[], None], model: str, rank: int, base_bytes: int
) -> list[Claim]:
    """What the engine's process takes more once another adapter is loaded and has answered, as a share of the base.

    `warm` is one that is loaded already, `rank` that of the new one.
    """
    await measure(server, [warm], 1, requests=2, reply_tokens=4)
    before = _engine_bytes(server)
    load()
    if (await measure(server, [model], 1, requests=2, reply_tokens=4)).failed:
        raise RuntimeError(f"{model} does not answer")
    grown = (_engine_bytes(server) - before) / base_bytes
    print(f"{'memory of one more':26}{grown:11.2%} of the base's weights")
    return [
        (
            grown < MEMORY,
            f"one more adapter of rank {rank} takes {grown:.2%} of a copy of the base, less than {MEMORY:.0%}",
        )
    ]


async def in_turn(
    service: Service, models: dict[str, list[str]], streams: int, rounds: int, requests: int, **more
) -> dict[str, list[Measured]]:
    """A B A B ...; the first of each warms up. Raises RuntimeError where a request failed."""
    runs: dict[str, list[Measured]] = {name: [] for name in models}
    for number in range(rounds + 1):
        for name, asked in models.items():
            run = await measure(service, asked, streams, requests, seed=number, **more)
            if run.failed:
                raise RuntimeError(f"{name}: {run.failed} requests failed")
            if number:
                runs[name].append(run)
    return runs


def share(runs: list[Measured], of: list[Measured], figure: Callable[[Measured], float]) -> float:
    """Median over the rounds of one's figure by the other's."""
    return statistics.median(figure(one) / figure(other) for one, other in zip(runs, of, strict=True))


def print_line(
    what: str, runs: dict[str, list[Measured]], figure: Callable[[Measured], float], unit: str, ratio: float
) -> None:
    """A row of the table: medians, and the ratio."""
    medians = [f"{name} {statistics.median(map(figure, each)):.1f} {unit}" for name, each in runs.items()]
    print(f"{what:26}{medians[0]:>22}{medians[1]:>22}{ratio:8.2f}", flush=True)


def _engine_bytes(server: Server) -> int:
    """Resident memory of vLLM's engine process."""
    for process in psutil.Process(server.pid).children(recursive=True):
        if "VLLM::EngineCore" in " ".join(process.cmdline()):
            return process.memory_info().rss
    raise RuntimeError("no engine process")
