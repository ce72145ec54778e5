"""What each kind of GPU can do, from its maker's data sheet.

In: recipe.batch.gpu. Out: its memory, speed and power.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """One GPU. Rates are peaks; bytes are decimal, memory is binary."""

    memory_gib: float
    """What a program finds on an otherwise empty GPU."""
    bf16_flops: float
    """FLOP/s of dense bfloat16 matrix products with float32 sums."""
    memory_bytes: float
    """Bytes/s from its own memory."""
    link_bytes: float
    """Bytes/s that it can receive from the other GPUs of its machine."""
    watts: float
    """Its power limit."""
    generation: str


GPUS = {
    # NVIDIA A100 Tensor Core GPU data sheet (2022), SXM: NVLink 600 GB/s both ways together
    "A100-40GB": Gpu(39.4, 312e12, 1.555e12, 300e9, 400, "ampere"),
    "A100-80GB": Gpu(79.2, 312e12, 2.039e12, 300e9, 400, "ampere"),
    # NVIDIA H100 and H200 data sheets (2024), SXM, without sparsity: NVLink 900 GB/s both ways together
    "H100-80GB": Gpu(79.2, 989e12, 3.35e12, 450e9, 700, "hopper"),
    "H200-141GB": Gpu(139.8, 989e12, 4.8e12, 450e9, 700, "hopper"),
    # NVIDIA Ada GPU architecture white paper (2023), RTX 4090: no NVLink, PCIe 4.0 x16
    "RTX-4090": Gpu(23.5, 165.2e12, 1.008e12, 32e9, 450, "ada"),
}
