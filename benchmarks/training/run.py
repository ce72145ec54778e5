"""Training speed against TRL's defaults, on CPUs: `make bench-train`.

In: an archive of short posts, made here or given. Out: trained tokens a second of our job and of TRL's SFTTrainer as it
comes, on the same model, threads and cores, one after the other; the fill of packed samples; a verdict for each claim.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version

from benchmarks.corpus.archive import make_archive

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
RECIPE = ROOT / "recipes" / "demo.yaml"
CSV_BYTES = 5_000_000
FASTER, FILL = 2.0, 0.97
DTYPES = ("float32", "bfloat16")
REAL_LENGTH = 4096
"""Tokens of a packed row in recipes/roleplay_guild.yaml, whose fill is printed too."""
TIMEOUT_S = 3_600


def main() -> int:
    """Prepare the data, run both, print both; 1 when a claim fails."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training.run", description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=6, help="of ours; the first is not counted (default: %(default)s)")
    parser.add_argument("--peer-steps", type=int, default=3, help="of TRL's, of eight samples (default: %(default)s)")
    parser.add_argument(
        "--length", type=int, default=1024, help="tokens of a sample, TRL's default (default: %(default)s)"
    )
    parser.add_argument("--archive", help="folder or address of the demo recipe's eight parts (default: made here)")
    arguments = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        + ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "trl", "peft"))
    )
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-train-"))
    try:
        return compare(folder, arguments)
    finally:
        shutil.rmtree(folder)


def compare(folder: pathlib.Path, arguments: argparse.Namespace) -> int:
    """Run both on the same threads; 1 when a claim fails."""
    length, archive = arguments.length, arguments.archive or folder / "archive"
    if not arguments.archive:
        make_archive(archive, CSV_BYTES, "chat")
    options = [f"--set=corpus.archive.base={archive}", "--home", str(folder / "home")]
    for job in ("download", "corpus", "base-model"):
        _job(job, options)
    fill = _fill(folder, length)
    print(f"packed rows are {fill:.1%} full at {length} tokens, {_fill(folder, REAL_LENGTH):.1%} at {REAL_LENGTH}")
    rates = _matrix_rates()
    print("matrices, GFLOP/s: " + ", ".join(f"{dtype} {rate / 1e9:.0f}" for dtype, rate in rates.items()))
    rows = {f"ours, {dtype}": _ours(folder, options, arguments.steps, length, dtype) for dtype in DTYPES}
    peer = [sys.executable, HERE / "trl_default.py", folder / "home", str(arguments.peer_steps), str(length)]
    rows["TRL, its defaults (bfloat16)"] = json.loads(_run(peer))
    rows["TRL, told to use float32"] = json.loads(_run([*peer, "float32"]))
    print(f"\n{'':30} {'tokens/s':>9} {'padding':>8}")
    for name, row in rows.items():
        print(f"{name:30} {row['tokens_per_second']:9.1f} {row['padding']:8.1%}")
    speed = {name: row["tokens_per_second"] for name, row in rows.items()}
    chosen = max(rates, key=rates.get)  # as one would set train.dtype here
    ratio = speed[f"ours, {chosen}"] / speed["TRL, its defaults (bfloat16)"]
    print(f"\nfloat32 against float32: {speed['ours, float32'] / speed['TRL, told to use float32']:.2f} x")
    claims = [
        (ratio >= FASTER, f"{ratio:.2f} x TRL's trained tokens a second, ours in {chosen}, at least {FASTER:g} x"),
        (fill >= FILL, f"packed rows of {length} tokens are {fill:.1%} full, at least {FILL:.0%}"),
    ]
    for passed, numbers in claims:
        print(f"{'pass' if passed else 'FAIL'}  {numbers}")
    return 0 if all(passed for passed, _ in claims) else 1


def _matrix_rates() -> dict[str, float]:
    """FLOP/s of each dtype here. That a CPU has instructions for bfloat16 does not make it the faster one."""
    import torch

    from jobs.training.throughput import matrix_rate

    return {dtype: matrix_rate(torch.device("cpu"), getattr(torch, dtype)) for dtype in DTYPES}


def _ours(folder: pathlib.Path, options: list[str], steps: int, length: int, dtype: str) -> dict:
    """Our job's figures. Its first step is not counted: it warms up."""
    sets = [
        f"train.max_steps={steps}",
        "train.save_steps=1000",
        f"train.max_length={length}",
        f"train.dtype={dtype}",
        "train.wandb.mode=disabled",
    ]
    launch = [pathlib.Path(sys.executable).with_name("accelerate"), "launch", "--quiet", "--config_file"]
    command = [*launch, ROOT / "config" / "accelerate" / "cpu.yaml", "-m", "jobs", "train", "--recipe", RECIPE]
    _run([*command, "--run-id", dtype, *options, *(f"--set={override}" for override in sets)])
    run = folder / "home" / "runs" / "demo" / dtype
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    lines = [line for line in lines if "loss" in line][1:]
    return {
        "tokens_per_second": statistics.harmonic_mean(line["tokens_per_second"] for line in lines),
        "padding": statistics.mean(line["padding_share"] for line in lines),
    }


def _fill(folder: pathlib.Path, length: int) -> float:
    return json.loads(_run([sys.executable, HERE / "packing_fill.py", folder / "home", str(length)]))["fill"]


def _job(name: str, options: list[str]) -> None:
    _run([sys.executable, "-m", "jobs", name, "--recipe", RECIPE, *options])


def _run(command: list) -> str:
    """The last line of stdout.

    Raises:
        RuntimeError: the command failed; the message ends with what it said last.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(os.cpu_count())}
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))[:200]} exited with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout.rstrip().rpartition("\n")[2]


if __name__ == "__main__":
    sys.exit(main())
