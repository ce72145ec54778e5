"""What a GPU is used for: `python -m benchmarks.training.gpu`, on a machine with one.

In: the shape of Llama-3-8B with random weights; LoRA of rank 16 on all linear layers, packed rows of 4,096 tokens,
bfloat16. Out: a table of tokens a second, peak memory and MFU (jobs/training/throughput.py: FLOPs of the progress made,
by the rate of a large matrix product in the same run), with each switch off or on in turn; a verdict on the best MFU.
"""

import argparse
import gc
import sys
import time
from dataclasses import dataclass

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from jobs.training.throughput import GIB, flops_per_token, matrix_rate

MFU = 0.5
LENGTH, SAMPLES_PER_ROW = 4096, 16


@dataclass(frozen=True)
class Switches:
    """One row of the table. `checkpointing`: activations are computed again instead of kept."""

    packed: bool = True
    checkpointing: bool = False
    attention: str = "sdpa"
    batch: int = 1
    compiled: bool = False


ROWS = {
    "as the recipe": Switches(),
    "activations recomputed": Switches(checkpointing=True),
    "eager attention": Switches(attention="eager", checkpointing=True),
    "padded to the longest, batch 8": Switches(packed=False, batch=8, checkpointing=True),
    "compiled": Switches(compiled=True),
}


def main() -> int:
    """Measure every row; 1 when the MFU is below the claim, 2 without a GPU."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=8, help="after two of warm-up (default: %(default)s)")
    parser.add_argument("--layers", type=int, default=32, help="fewer to try it out (default: %(default)s)")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("no CUDA device here", file=sys.stderr)
        return 2
    device = torch.device("cuda", 0)
    rate = matrix_rate(device, torch.bfloat16)
    print(f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}: {rate / 1e12:.0f} TFLOP/s at best\n")
    print(f"{'':32} {'tokens/s':>9} {'GiB':>6} {'MFU':>6}")
    best = 0.0
    for name, switches in ROWS.items():
        try:
            speed, memory, mfu = measure(switches, device, rate, arguments.layers, arguments.steps)
        except torch.cuda.OutOfMemoryError:
            print(f"{name:32} {'out of memory':>23}")
        else:
            print(f"{name:32} {speed:9.0f} {memory:6.1f} {mfu:6.1%}", flush=True)
            best = max(best, mfu)
        gc.collect()
        torch.cuda.empty_cache()
    print(f"\n{'pass' if best >= MFU else 'FAIL'}  MFU {best:.1%} at best, at least {MFU:.0%}")
    return 0 if best >= MFU else 1


def measure(
    switches: Switches, device: torch.device, rate: float, layers: int, steps: int
) -> tuple[float, float, float]:
    """(tokens a second without padding, peak GiB, MFU)."""
    torch.manual_seed(0)
    torch.cuda.reset_peak_memory_stats(device)
    config = LlamaConfig(
        vocab_size=128_256,
        hidden_size=4096,
        intermediate_size=14_336,
        num_hidden_layers=layers,
        num_attention_heads=32,
        num_key_value_heads=8,
        max_position_embeddings=8192,
        attn_implementation=switches.attention,
        dtype=torch.bfloat16,
    )
    with device:
        base = LlamaForCausalLM(config).to(torch.bfloat16)
    model = get_peft_model(base, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear"))
    if switches.checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    flops = flops_per_token(model)
    run = torch.compile(model) if switches.compiled else model
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=1e-4)
    batch, tokens = _batch(switches, config.vocab_size, device)
    for step in range(steps + 2):
        if step == 2:
            torch.cuda.synchronize(device)
            begin = time.perf_counter()
        run(**batch, use_cache=False).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    torch.cuda.synchronize(device)
    speed = tokens * steps / (time.perf_counter() - begin)
    return speed, torch.cuda.max_memory_allocated(device) / GIB, speed * flops / rate


def _batch(switches: Switches, vocabulary: int, device: torch.device) -> tuple[dict[str, torch.Tensor], int]:
    """One batch, and how many of its tokens are not padding. Samples are of one to sixteen sixteenths of a row."""
    generator = torch.Generator().manual_seed(1)
    if switches.packed:
        ids = torch.randint(0, vocabulary, (switches.batch, LENGTH), generator=generator)
        positions = torch.arange(LENGTH).remainder(LENGTH // SAMPLES_PER_ROW).expand(switches.batch, -1)
        batch = {"input_ids": ids, "labels": ids, "position_ids": positions}
        return {name: tensor.to(device) for name, tensor in batch.items()}, ids.numel()
    lengths = torch.linspace(LENGTH // SAMPLES_PER_ROW, LENGTH, switches.batch).int()
    mask = (torch.arange(LENGTH) < lengths[:, None]).long()
    ids = torch.randint(0, vocabulary, (switches.batch, LENGTH), generator=generator)
    batch = {"input_ids": ids, "labels": ids.masked_fill(mask == 0, -100), "attention_mask": mask}
    return {name: tensor.to(device) for name, tensor in batch.items()}, int(mask.sum())


if __name__ == "__main__":
    sys.exit(main())
