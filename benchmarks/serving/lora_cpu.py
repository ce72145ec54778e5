"""Output speed of a LoRA adapter as a share of the base's, on a CPU: vLLM's own kernels and serving/cpu_lora.py.

    python -m benchmarks.serving.lora_cpu var/models/SmolLM2-135M-Instruct var/adapters/demo@0123456789ab

Each engine runs alone, warmed up, on one thread; base, adapter and both together take turns, and the median of the
rounds counts. A second is one of the engine's CPU time, so what else runs on the machine hardly matters.
"""

import asyncio
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

import psutil

TOKENS = 48
ROUNDS = 5
STREAMS = (1, 4)
EXTENSIONS = {"vLLM's": None, "ours": "serving.cpu_lora.CpuLoraWorker"}


def main(model: pathlib.Path, adapter: pathlib.Path) -> None:
    """Measure both engines one after the other and print a table."""
    print(f"{platform.machine()}, one thread; {model.name} in float32 with {adapter.name}")
    print(f"{'kernels':8} {'streams':>7} {'base tok/s':>10} {'adapter':>8} {'both':>6}   share of the base's speed")
    for kernels in EXTENSIONS:
        command = [sys.executable, "-m", "benchmarks.serving.lora_cpu", str(model), str(adapter), kernels]
        environment = os.environ | {
            "PYTHONPATH": str(pathlib.Path(__file__).resolve().parents[2]),
            "OMP_NUM_THREADS": "1",
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "VLLM_NO_USAGE_STATS": "1",
            "HF_HUB_OFFLINE": "1",
            "VLLM_LOGGING_LEVEL": "ERROR",
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        for streams, speed in json.loads(done.stdout.splitlines()[-1]).items():
            base, alone, both = (speed[mix] for mix in ("base", "adapter", "both"))
            shares = f"adapter {alone / base:.2f}, both {both / base:.2f}"
            print(f"{kernels:8} {streams:>7} {base:10.1f} {alone:8.1f} {both:6.1f}   {shares}")


async def measure(model: str, adapter: str, extension: str | None) -> dict:
    """Median output tokens per CPU second by number of streams, for base, adapter, and half of the streams each."""
    from vllm import SamplingParams
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.lora.request import LoRARequest
    from vllm.v1.engine.async_llm import AsyncLLM

    arguments = AsyncEngineArgs(
        model=model,
        dtype="float32",
        max_model_len=1024,
        max_num_seqs=8,
        enable_lora=True,
        max_loras=3,
        max_lora_rank=16,
        lora_target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        distributed_executor_backend="uni",
        enforce_eager=True,
        disable_log_stats=True,
        worker_extension_cls=extension or "",
    )
    engine = AsyncLLM.from_engine_args(arguments)
    lora = LoRARequest("adapter", 1, adapter)
    await engine.add_lora(lora)
    parameters = SamplingParams(max_tokens=TOKENS, temperature=0, ignore_eos=True)

    async def one(number: int, with_adapter: bool) -> None:
        prompt = {"prompt": f"The {number}. traveller entered the tavern and"}
        name = f"{time.monotonic_ns()}-{number}"
        async for _ in engine.generate(prompt, parameters, name, lora_request=lora if with_adapter else None):
            pass

    mixes = {"base": lambda i: False, "adapter": lambda i: True, "both": lambda i: i % 2 == 0}
    (process,) = (child for child in psutil.Process().children() if child.memory_info().rss > 2**30)
    speeds: dict = {streams: {mix: [] for mix in mixes} for streams in STREAMS}
    for _ in range(ROUNDS + 1):  # the first warms up
        for streams in STREAMS:
            for mix, with_adapter in mixes.items():
                began = process.cpu_times().user
                await asyncio.gather(*(one(i, with_adapter(i)) for i in range(streams)))
                speeds[streams][mix].append(TOKENS * streams / (process.cpu_times().user - began))
    engine.shutdown()
    return {
        streams: {mix: statistics.median(values[1:]) for mix, values in by_mix.items()}
        for streams, by_mix in speeds.items()
    }


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(json.dumps(asyncio.run(measure(sys.argv[1], sys.argv[2], EXTENSIONS[sys.argv[3]]))))
    elif len(sys.argv) == 3:
        main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
    else:
        sys.exit(__doc__)
