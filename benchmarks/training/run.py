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
    ours = _ours(folder, options, arguments.steps, length)
    peer_arguments = [folder / "home", str(arguments.peer_steps), str(length)]
    peer = json.loads(_run([sys.executable, HERE / "trl_default.py", *peer_arguments]))
    print(f"\n{'':34} {'tokens/s':>9} {'padding':>8} {'samples/step':>13}")
    print(
        f"{'ours, packed, batch 1':34} {ours['tokens_per_second']:9.1f} {ours['padding']:8.1%} {ours['samples']:13.1f}"
    )
    print(f"{'TRL, its defaults, batch 8':34} {peer['tokens_per_second']:9.1f} {peer['padding']:8.1%} {8:13.1f}\n")
    ratio = ours["tokens_per_second"] / peer["tokens_per_second"]
    claims = [
        (ratio >= FASTER, f"{ratio:.2f} x as many trained tokens a second as TRL's defaults, at least {FASTER:g} x"),
        (ours["fill"] >= FILL, f"packed rows of {length} tokens are {ours['fill']:.1%} full, at least {FILL:.0%}"),
    ]
    for passed, numbers in claims:
        print(f"{'pass' if passed else 'FAIL'}  {numbers}")
    return 0 if all(passed for passed, _ in claims) else 1


def _ours(folder: pathlib.Path, options: list[str], steps: int, length: int) -> dict:
    """Our job's figures. Its first step is not counted: it warms up."""
    sets = [
        f"train.max_steps={steps}",
        "train.save_steps=1000",
        f"train.max_length={length}",
        "train.wandb.mode=disabled",
    ]
    launch = [pathlib.Path(sys.executable).with_name("accelerate"), "launch", "--quiet", "--config_file"]
    command = [*launch, ROOT / "config" / "accelerate" / "cpu.yaml", "-m", "jobs", "train", "--recipe", RECIPE]
    _run([*command, "--run-id", "bench", *options, *(f"--set={override}" for override in sets)])
    run = folder / "home" / "runs" / "demo" / "bench"
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    lines = [line for line in lines if "loss" in line][1:]
    packed = json.loads(_run([sys.executable, HERE / "packing_fill.py", folder / "home", str(length)]))
    real = json.loads(_run([sys.executable, HERE / "packing_fill.py", folder / "home", str(REAL_LENGTH)]))
    print(f"packed rows are {packed['fill']:.1%} full at {length} tokens, {real['fill']:.1%} at {REAL_LENGTH}")
    return packed | {
        "tokens_per_second": statistics.mean(line["tokens_per_second"] for line in lines),
        "padding": statistics.mean(line["padding_share"] for line in lines),
    }


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
