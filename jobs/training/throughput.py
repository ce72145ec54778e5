"""How fast and how full a training runs: tokens, padding, memory, and the share of the hardware's speed (MFU).

In: the batches of this process. Out: figures for one line of metrics.jsonl.
"""

import resource
import time

import torch

GIB = 1 << 30


class Throughput:
    """Counts the batches of this process since the last line."""

    def __init__(self):
        self.positions, self.tokens = 0, 0

    def count(self, inputs: dict[str, torch.Tensor]) -> None:
        """Take in one batch. A packed one has no padding and no attention mask."""
        self.positions += inputs["input_ids"].numel()
        mask = inputs.get("attention_mask")
        self.tokens += inputs["input_ids"].numel() if mask is None else int(mask.sum())

    def padding_share(self) -> float:
        """Share of padding in what was counted since the last call."""
        share = 1 - self.tokens / self.positions if self.positions else 0.0
        self.positions, self.tokens = 0, 0
        return share


def flops_per_token(model) -> int:
    """FLOPs that a training step needs for one token, attention scores left out.

    2 for each weight that the token meets going forward, 2 for the gradient going back through it, and 2 for the
    gradient of each weight that is trained (Kaplan et al. 2020, section 2.1, for all weights trained: 6N). Input
    embeddings are looked up, not multiplied. Recomputed activations are not counted: they are no progress; nor is the
    pass of the reference that preferences are held to.
    """
    embeddings = model.get_input_embeddings()
    tied = model.get_output_embeddings() is not None and model.get_output_embeddings().weight is embeddings.weight
    looked_up = 0 if tied else embeddings.num_embeddings * embeddings.embedding_dim
    return 4 * (_parameters(model) - looked_up) + 2 * _parameters(model, only_trainable=True)


def _parameters(model, only_trainable: bool = False) -> int:
    """How many numbers: ZeRO-3 leaves an empty tensor in each process and notes the size of the whole one on it."""
    sharded = [each for each in model.parameters() if hasattr(each, "ds_numel")]
    if sharded:
        return sum(each.ds_numel for each in sharded if each.requires_grad or not only_trainable)
    return model.num_parameters(only_trainable=only_trainable)


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """FLOP/s of a large matrix product on this device, the best of five: what the hardware does for a program."""
    size = 8192 if device.type == "cuda" else 1024
    one, other = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(6):
        begin = time.perf_counter()
        one @ other
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - begin)
    return 2 * size**3 / best


def peak_memory_gib(device: torch.device) -> float:
    """Most memory that this process has held: on the GPU, or in RAM when it trains on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / GIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB
