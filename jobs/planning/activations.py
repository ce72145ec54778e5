"""How much memory the forward pass leaves for the backward pass.

In: a model's shape, the recipe's train section. Out: bytes.
"""

from contracts.recipe import Train
from jobs.planning.adapter_size import adapted_modules
from jobs.planning.shape import ModelShape

FLOAT32 = 4


def width(train: Train) -> int:
    """Bytes of one number in the training's dtype."""
    return 2 if train.dtype == "bfloat16" else 4


def batch_tokens(train: Train) -> int:
    """Tokens of one full batch of one process, padding included."""
    return _sequences(train) * train.max_length


def _sequences(train: Train) -> int:
    """Of one batch: a sample is one, a pair two."""
    return train.batch_size * (2 if train.method == "dpo" else 1)


def layer_bytes(shape: ModelShape, train: Train, adapter_width: int, cpu: bool = False) -> float:
    """What one layer keeps for its backward pass, per process. `adapter_width`: bytes of a number of the adapter.

    Counted tensor by tensor for transformers' LlamaDecoderLayer, as Korthikanti et al. 2022 (section 4.1) count GPT's:
    both norms keep their input in float32; attention keeps queries, keys, values and its output; the MLP keeps gate,
    activated gate and up. Beside it, what meets weights that are trained. tests/planning/test_activations.py compares
    it with what autograd keeps.
    """
    one, tokens = width(train), batch_tokens(train)
    queries, keys = shape.heads * shape.head_width, shape.key_value_heads * shape.head_width
    norms = 2 * shape.hidden * FLOAT32
    attention = one * (2 * queries + 2 * keys)
    mlp = 3 * shape.intermediate * one
    per_token = norms + attention + mlp + _inputs(shape, train, adapter_width, cpu)
    return tokens * per_token + _attention_weights(shape, train)


def _inputs(shape: ModelShape, train: Train, adapter_width: int, cpu: bool) -> float:
    """Bytes a token of one layer's inputs to trained weights.

    Modules share an input (both norms' outputs, the gated product) unless adapters work on copies of their own: what
    their dropout left, with its mask (a byte; on CPUs a number), or the input cast to the adapter's dtype and back.
    """
    one, lora = width(train), train.lora
    shared = one * (2 * shape.hidden + shape.intermediate)
    if train.tuning == "full":
        return shared
    modules = [module for module in adapted_modules(shape, lora) if module[0].startswith("model.layers.")]
    columns = sum(columns_in for _, columns_in, _ in modules) / shape.layers
    ranks = one * lora.rank * len(modules) / shape.layers
    if lora.dropout:
        return columns * (one + (adapter_width if cpu else 1)) + ranks
    return (shared if adapter_width == one else columns * one) + ranks


def _attention_weights(shape: ModelShape, train: Train) -> float:
    """Eager attention keeps a weight for each pair of tokens, in float32 and in a narrower dtype again; others none."""
    if train.attention != "eager":
        return 0
    return shape.heads * _pairs(train) * (FLOAT32 if train.dtype == "float32" else FLOAT32 + width(train))


def _pairs(train: Train) -> float:
    """Pairs of tokens that attention looks at. A packed batch is one row (padding-free) of all its samples."""
    if train.packs:
        return batch_tokens(train) ** 2
    return _sequences(train) * train.max_length**2


def activation_bytes(shape: ModelShape, train: Train, adapter_width: int, cpu: bool = False) -> float:
    """Most that is kept at one time, per process.

    With gradient checkpointing, each layer's input and the inside of the layer that is being recomputed (Chen et al.
    2016); without it, the inside of all layers. A packed batch without flash attention has a mask, one byte and, while
    it is used, one number in the training's dtype for each pair of tokens.
    """
    inside = layer_bytes(shape, train, adapter_width, cpu)
    mask = _pairs(train) * (1 + width(train)) if train.packs and train.attention != "flash_attention_2" else 0
    if train.gradient_checkpointing:
        return shape.layers * batch_tokens(train) * shape.hidden * width(train) + inside + mask
    return shape.layers * inside + mask
