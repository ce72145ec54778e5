"""The same comparison with vLLM's own `bench serve`, for a GPU, where two engines do not fit side by side:

    python -m benchmarks.serving.bench_serve --recipe recipes/roleplay_guild.yaml --adapter bard@6f2e98a0731e

In: a home with the recipe's base model and the adapter. Out: a row for each model and number of streams, medians of
the rounds. The services take turns, A B A B, each started anew.
"""

import argparse
import asyncio
import contextlib
import itertools
import pathlib
import statistics
import sys
import tempfile

from benchmarks.serving.run import roll_out
from benchmarks.serving.servers import KEY, Server, bare, ours
from contracts.recipe import load_recipe

FIGURES = {"output_throughput": "tok/s", "median_ttft_ms": "first, ms", "median_itl_ms": "between, ms"}
"""What `bench serve` calls them, and the head of our column."""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.bench_serve")
    parser.add_argument("--recipe", default="recipes/roleplay_guild.yaml", help="(default: %(default)s)")
    parser.add_argument("--home", type=pathlib.Path, default=pathlib.Path("var"), help="(default: %(default)s)")
    parser.add_argument("--adapter", required=True, metavar="NAME@VERSION", help="one of the home's")
    parser.add_argument("--rounds", type=int, default=2, help="(default: %(default)s)")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 4, 8, 32], help="(default: %(default)s)")
    parser.add_argument("--requests", type=int, default=8, help="for each stream (default: %(default)s)")
    options = parser.parse_args()
    name, folder = options.adapter.partition("@")[0], options.home / "adapters" / options.adapter
    if not folder.is_dir():
        raise SystemExit(f"{folder}: no such adapter")
    base = load_recipe(pathlib.Path(options.recipe)).model.name
    runs: dict[tuple[str, int, str], list[dict]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-serve-") as made:
        home = pathlib.Path(made)  # not the one that is given: rollouts are written there
        for kind in ("models", "adapters"):
            (home / kind).symlink_to((options.home / kind).resolve())
        services = {
            "bare vLLM": lambda: bare(home, options.recipe, {name: folder.resolve()}),
            "ours": lambda: rolled_out(home, options.recipe, options.adapter),
        }
        for _, (service, start) in itertools.product(range(options.rounds), services.items()):
            with start() as server:
                for streams, model in itertools.product(options.streams, (base, name)):
                    measured = bench_serve(server, base, model, streams, options.requests * streams)
                    runs.setdefault((model, streams, service), []).append(measured)
    print(f"{'':46}" + "".join(f"{head:>14}" for head in FIGURES.values()))
    for (model, streams, service), measured in runs.items():
        figures = [statistics.median(each[figure] for each in measured) for figure in FIGURES]
        row = f"{model}, {streams} streams"
        print(f"{row:34}{service:12}" + "".join(f"{figure:14.1f}" for figure in figures))
    return 0


@contextlib.contextmanager
def rolled_out(home: pathlib.Path, recipe: str, adapter: str):
    """Ours, with the adapter live."""
    with ours(home, recipe) as server:
        roll_out(server, adapter)
        yield server


def bench_serve(server: Server, base: str, model: str, streams: int, requests: int) -> dict:
    """What `vllm bench serve` says of `requests` random prompts. Raises RuntimeError: some were not answered."""
    # Not the command: it asks for the package `vllm`, and the build for CPUs has another name.
    from vllm.benchmarks.serve import add_cli_args, main_async
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parser = FlexibleArgumentParser()
    add_cli_args(parser)
    arguments = {
        "--base-url": server.url,
        "--endpoint": "/v1/completions",
        "--header": f"Authorization=Bearer {KEY}",
        "--model": str(server.home / "models" / base),
        "--served-model-name": model,
        "--dataset-name": "random",
        "--random-input-len": "256",
        "--random-output-len": "128",
        "--max-concurrency": str(streams),
        "--num-prompts": str(requests),
        "--num-warmups": str(streams),
    }
    flags = ["--ignore-eos", "--disable-tqdm"]
    found = asyncio.run(main_async(parser.parse_args([*(part for pair in arguments.items() for part in pair), *flags])))
    if found["completed"] != requests:
        raise RuntimeError(f"{model}: {found['completed']} of {requests} requests answered")
    return found


if __name__ == "__main__":
    sys.exit(main())
