"""How fast a training will run on GPUs.

In: shape, train section, strategy, GPU. Out: seconds of a step, or None where nothing was measured to reckon from.

The two measured shares below come from published runs, each from other runs than those the tests compare with
(tests/planning/published.py has the rows and repeats the arithmetic).
"""

from contracts.recipe import Train
from jobs.planning.activations import batch_tokens, width
from jobs.planning.gpus import Gpu
from jobs.planning.memory import trainable_parameters
from jobs.planning.shape import ModelShape
from jobs.planning.strategy import Strategy

MATRIX_SHARE = {"ampere": 0.63, "ada": 0.63, "hopper": 0.34}
"""Share of a GPU's bf16 peak that a whole step reaches, without torch.compile. Ampere from fsdp_qlora's runs on two and
four A100, which Ada shares; Hopper from torchtitan's run on eight H100 held at 500 of 700 W.
"""
DEQUANTIZE_SHARE = 0.17
"""Share of the memory's peak rate at which nf4 weights become bfloat16 ones. From the same two runs on A100."""

NETWORK_BYTES = 25e9
"""Bytes/s of each GPU's way to other machines: 200 Gb/s, as in an 8-GPU A100 machine."""
GPUS_A_MACHINE = 8


def flops_per_token(shape: ModelShape, train: Train) -> float:
    """FLOPs that the GPU does for one token of a full batch.

    2 a weight in the forward pass, 2 for the gradient going back, 2 for the gradient of a trained weight (Kaplan et
    al. 2020, section 2.1), and with gradient checkpointing 2 for computing the layers again. Attention: 4 x width for
    each pair of tokens forward, twice that back (Chowdhery et al. 2022, appendix B), half of it where the kernel leaves
    out what lies ahead; under the mask of a packed batch only flash attention does. Preferences take one more forward
    pass, of the reference.
    """
    linear, head = shape.linear_parameters, shape.head_parameters
    again = 1 if train.gradient_checkpointing else 0
    trained = trainable_parameters(shape, train)
    trained_linear = linear + head if train.tuning == "full" else trained
    reference = 1 if train.method == "dpo" else 0
    weights = (4 + 2 * again + 2 * reference) * linear + (4 + 2 * reference) * head + 2 * trained_linear
    if train.tuning == "lora":
        weights += (4 + 2 * again) * trained
    masked = train.packs and train.attention != "flash_attention_2"
    seen = batch_tokens(train) if masked else train.max_length
    seen *= 1 if masked or train.attention == "eager" else 0.5
    attention = 4 * seen * shape.heads * shape.head_width * shape.layers * (3 + again + reference)
    return weights + attention


def step_seconds(shape: ModelShape, train: Train, strategy: Strategy, gpu: Gpu) -> float | None:
    """Seconds of one optimizer step; None for what was not calibrated: CPUs, float32, int8, offloading.

    A micro-batch takes as long as its products or its gathering of shards, whichever is longer (they overlap), and the
    time of dequantising, which does not depend on the number of tokens.
    """
    if strategy.cpu or strategy.offload or train.dtype == "float32" or train.quantization == "int8":
        return None
    products = batch_tokens(train) * flops_per_token(shape, train) / (gpu.bf16_flops * MATRIX_SHARE[gpu.generation])
    passes = 3 if train.gradient_checkpointing else 2
    dequantizing = 0.0
    if train.quantization == "nf4":
        moved = shape.linear_parameters * (0.5 + width(train))
        dequantizing = passes * moved / (gpu.memory_bytes * DEQUANTIZE_SHARE)
    gathering = _gathered_bytes(shape, train, strategy) / _bandwidth(strategy, gpu)
    return train.gradient_accumulation * (max(products, gathering) + dequantizing)


def _gathered_bytes(shape: ModelShape, train: Train, strategy: Strategy) -> float:
    """Bytes that one process receives in a micro-batch: sharded weights forward and again going back, and with full
    tuning the gradients' reduction in float32 (Zhao et al. 2023, section 3.2). DDP sends trained gradients twice
    (ring all-reduce).
    """
    others = (strategy.processes - 1) / strategy.processes
    trained = trainable_parameters(shape, train)
    if strategy.kind == "ddp":
        return 2 * others * trained * 4
    if not strategy.sharded:
        return 0.0
    weight = 0.5 if train.quantization == "nf4" else width(train)
    weights = shape.linear_parameters * weight + shape.head_parameters * width(train)
    return others * (2 * weights + 4 * trained)


def _bandwidth(strategy: Strategy, gpu: Gpu) -> float:
    """Bytes/s at which a process receives. Between machines a ring uses the networks of all GPUs of a machine."""
    if strategy.machines == 1:
        return gpu.link_bytes
    return min(gpu.link_bytes, GPUS_A_MACHINE * NETWORK_BYTES)
