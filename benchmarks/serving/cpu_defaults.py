"""Which dtype and how many threads serve fastest on this machine's CPU: `python -m benchmarks.serving.cpu_defaults`.

In: a home with the demo's base model. Out: a row for each choice. Each is a service of its own, one after the other,
so the choices take turns over the rounds.
"""

import argparse
import asyncio
import itertools
import os
import pathlib
import shutil
import statistics
import sys
import tempfile

from benchmarks.serving.adapters import LONG_SCENES
from benchmarks.serving.load import measure
from benchmarks.serving.run import RECIPE, prepare, roll_out
from benchmarks.serving.servers import ours

STREAMS = (1, 4, 8)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.cpu_defaults")
    parser.add_argument("--rounds", type=int, default=2, help="(default: %(default)s)")
    parser.add_argument("--home", type=pathlib.Path, help="one with the demo's base model (default: made here)")
    options = parser.parse_args()
    home = prepare(pathlib.Path(tempfile.mkdtemp(prefix="bench-serving-")), options.home)
    from tests.serving.adapters import peft_adapter, publish

    [base] = [path.parent for path in (home / "models").glob("*/base.json")]
    adapter = publish(peft_adapter(base, home / "peft", 0), home, "voice")
    threads = sorted({max(1, os.cpu_count() - 1), os.cpu_count()})
    choices = list(itertools.product(("float32", "bfloat16"), threads))
    rows: dict[tuple, list[list[float]]] = {choice: [] for choice in choices}
    for _ in range(options.rounds):
        for dtype, count in choices:
            with ours(home, RECIPE, f"dtype={dtype}", f"cpu-threads={count}") as service:
                roll_out(service, adapter)
                rows[dtype, count].append(asyncio.run(figures(service, base.name, adapter)))
    shutil.rmtree(home)
    heads = [f"{who} x{streams}" for who in ("base", "adapter") for streams in STREAMS] + ["first, ms", "long, ms"]
    print(f"{'dtype':10}{'threads':>8}" + "".join(f"{head:>12}" for head in heads))
    for (dtype, count), runs in rows.items():
        medians = [statistics.median(values) for values in zip(*runs, strict=True)]
        print(f"{dtype:10}{count:8}" + "".join(f"{value:12.1f}" for value in medians))
    return 0


async def figures(service, base: str, adapter: str) -> list[float]:
    """Tokens a second of base and adapter at each number of streams; ms to the first token, short and long prompt."""
    await measure(service, [base, adapter], 2, requests=4, reply_tokens=8)  # warms up
    found = []
    for model in (base, adapter):
        for streams in STREAMS:
            found.append((await measure(service, [model], streams, requests=2 * streams)).tokens_per_s)
    for scenes in (2, LONG_SCENES):
        run = await measure(service, [adapter], 1, requests=3, reply_tokens=1, scenes=scenes)
        found.append(run.median_first_token_ms)
    return found


if __name__ == "__main__":
    sys.exit(main())
