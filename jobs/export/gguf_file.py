"""A GGUF file read again: the types of its tensors, and how well it predicts held-out text.

In: a .gguf file. Out: counts and a perplexity.
"""

import math
import pathlib
from collections import Counter
from collections.abc import Sequence

from jobs.errors import JobError
from jobs.training.views.sample import IGNORED, Sample

K_TYPES = {"Q4_K", "Q5_K", "Q6_K"}


def tensor_types(path: pathlib.Path) -> dict[str, int]:
    """ggml type (`Q4_K`, `F32`, ...) to number of tensors.

    Raises:
        JobError: the file cannot be read.
    """
    import gguf

    try:
        tensors = gguf.GGUFReader(path).tensors
    except (ValueError, OSError, IndexError) as error:
        raise JobError(f"{path}: cannot be read as GGUF: {error}") from error
    return dict(sorted(Counter(tensor.tensor_type.name for tensor in tensors).items()))


def fell_back(types: dict[str, int], kind: str) -> int:
    """Matrices in a K kind that are in no K type, since their rows do not divide into blocks of 256."""
    plain = K_TYPES | {"F32"}
    return sum(count for name, count in types.items() if name not in plain) if "_K_" in kind else 0


def load_gguf(path: pathlib.Path, dtype: str):
    """The model in `path`, dequantised to `dtype`; on the GPUs where there are some.

    Raises:
        JobError: transformers cannot read the file.
    """
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    placement = {"device_map": "auto"} if torch.cuda.is_available() else {}
    try:
        return AutoModelForCausalLM.from_pretrained(
            path.parent,
            gguf_file=path.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=getattr(torch, dtype),
            **placement,
        ).eval()
    except (ValueError, KeyError, IndexError, OSError, NotImplementedError) as error:
        raise JobError(f"{path}: this file cannot be loaded again: {error!r}") from error


def perplexity(model, samples: Sequence[Sample], batch_size: int, title: str) -> float:
    """exp of the mean loss over the trained tokens of `samples`; every token weighs the same."""
    from jobs.evaluation.log_likelihood import sample_losses

    tokens = sum(sum(label != IGNORED for label in sample.labels[1:]) for sample in samples)
    return math.exp(min(sum(sample_losses(model, samples, batch_size, title)) / tokens, 700.0))
