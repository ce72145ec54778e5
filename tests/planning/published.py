"""Published training runs: settings and what was measured, in the units in which it was published.

Sources:
- fsdp_qlora: github.com/AnswerDotAI/fsdp_qlora, benchmarks_03_2024.md. Seconds are for 1,024 samples of 2,048 tokens.
  LoRA of rank 64 with dropout 0.1 on all linear modules but o_proj (train.py), gradient checkpointing.
- torchtune: github.com/pytorch/torchtune, README.md of October 2024 and recipes/configs/llama3_1: batch 2, packed
  to 2,048, torch.compile; adapters and gradient checkpointing as in the configurations of that time. Which A100 is not
  said: both sizes are equally fast. Peak memory is what the allocator handed out.
- Qwen: github.com/QwenLM/Qwen, README.md, "Profiling of Memory and Speed": LoRA of rank 64 with dropout 0.05 on a
  Qwen-72B, DeepSpeed ZeRO-3 on four A100-80GB, batch 1, 8 accumulated, gradient checkpointing, flash attention.
- torchtitan: github.com/pytorch/torchtitan, benchmarks/llama3_h100_202412_torchtitan.md, table 1: all weights of a
  Llama-3.1-8B on eight H100, batch 2, 8,192 tokens, every second product kept (selective checkpointing), no compile.
"""

from dataclasses import dataclass

from contracts.recipe import Train
from jobs.planning.shape import PUBLISHED, ModelShape
from jobs.planning.strategy import Strategy

QWEN_72B = ModelShape(8192, 80, 64, 64, 128, 24576, 152064)
LLAMA_2_7B, LLAMA_2_70B = PUBLISHED["Llama-2-7b-hf"], PUBLISHED["Llama-2-70b-hf"]
LLAMA_3_8B, LLAMA_3_70B = PUBLISHED["Llama-3.1-8B"], PUBLISHED["Llama-3.1-70B"]


@dataclass(frozen=True)
class Run:
    name: str
    shape: ModelShape
    train: Train
    strategy: Strategy
    gpu: str
    tokens_per_second: float | None = None
    memory_gib: float | None = None


def train(**settings) -> Train:
    """A train section as far as arithmetic reads it."""
    common = {"accelerate": "fsdp2_8gpu.yaml", "max_steps": 1, "max_length": 2048, "attention": "flash_attention_2"}
    return Train(**common | settings)


FSDP_QLORA = {
    "rank": 64,
    "dropout": 0.1,
    "target_modules": ("q_proj", "k_proj", "v_proj", "up_proj", "down_proj", "gate_proj"),
}


def fsdp_qlora(gpus: int, gpu: str, batch: int, seconds: float | None = None, shape=LLAMA_2_70B, **more) -> Run:
    quantization, kind = more.pop("quantization", "nf4"), more.pop("kind", "fsdp")
    memory, length = more.pop("memory", None), more.pop("length", 2048)
    settings = train(batch_size=batch, max_length=length, quantization=quantization, packing=False, lora=FSDP_QLORA)
    speed = 1024 * 2048 / seconds if seconds else None
    name = f"fsdp_qlora {shape.layers} layers {quantization} {kind} {gpus} x {gpu} batch {batch} length {length}"
    return Run(name, shape, settings, Strategy(kind, gpus), gpu, speed, memory)


TWO_A100 = fsdp_qlora(2, "A100-40GB", 1, 3277)
FOUR_A100 = fsdp_qlora(4, "A100-40GB", 4, 1266)
EIGHT_A100 = fsdp_qlora(8, "A100-40GB", 4, 672)
FOUR_H100 = fsdp_qlora(4, "H100-80GB", 8, 667)
TWO_4090 = (
    fsdp_qlora(2, "RTX-4090", 4, 437, LLAMA_2_7B, quantization=None, kind="ddp"),
    fsdp_qlora(2, "RTX-4090", 6, 481, LLAMA_2_7B, quantization=None),
    fsdp_qlora(2, "RTX-4090", 8, 450, LLAMA_2_7B, kind="ddp"),
    fsdp_qlora(2, "RTX-4090", 10, 466, LLAMA_2_7B),
)
ALLOCATED = (
    fsdp_qlora(2, "RTX-4090", 1, None, LLAMA_2_7B, quantization=None, length=512, memory=8.28),
    fsdp_qlora(2, "RTX-4090", 1, None, LLAMA_2_7B, quantization=None, memory=9.16),
)
"""Measured on two RTX 3090, whose size does not matter to what the allocator hands out."""

ALL_BUT_KEYS = ("q_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
TORCHTUNE_70B = Run(
    "torchtune Llama-3.1-70B LoRA, 8 x A100",
    LLAMA_3_70B,
    train(batch_size=2, lora={"rank": 16, "dropout": 0, "target_modules": ALL_BUT_KEYS}),
    Strategy("fsdp", 8),
    "A100-80GB",
    tokens_per_second=3497,
    memory_gib=27.6,
)
TORCHTUNE_8B = Run(
    "torchtune Llama-3.1-8B LoRA, 1 x 4090",
    LLAMA_3_8B,
    train(batch_size=2, lora={"rank": 8, "dropout": 0, "target_modules": ALL_BUT_KEYS}),
    Strategy("single", 1),
    "RTX-4090",
    tokens_per_second=3083,
    memory_gib=16.2,
)
TORCHTUNE_8B_NF4 = Run(
    "torchtune Llama-3.1-8B QLoRA, 1 x 4090",
    LLAMA_3_8B,
    train(batch_size=2, quantization="nf4", lora={"rank": 8, "dropout": 0}),
    Strategy("single", 1),
    "RTX-4090",
    tokens_per_second=2413,
    memory_gib=7.4,
)


def qwen(length: int, seconds: float) -> Run:
    lora = {
        "rank": 64,
        "dropout": 0.05,
        "target_modules": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj"),
    }
    settings = train(batch_size=1, gradient_accumulation=8, max_length=length, packing=False, lora=lora)
    speed = 4 * 8 * length / seconds
    return Run(f"Qwen-72B LoRA ZeRO-3 {length} tokens", QWEN_72B, settings, Strategy("zero3", 4), "A100-80GB", speed)


QWEN = (qwen(2048, 45.7), qwen(4096, 83.4), qwen(8192, 161.5))

TORCHTITAN_H100 = Run(
    "torchtitan Llama-3.1-8B, 8 x H100",
    LLAMA_3_8B,
    train(batch_size=2, max_length=8192, packing=False, tuning="full"),
    Strategy("fsdp", 8),
    "H100-80GB",
    tokens_per_second=8 * 5762,
)
