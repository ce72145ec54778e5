"""How much memory one training process needs, item by item.

In: shape, train section, strategy. Out: GiB by item. Each process has one GPU.
"""

from dataclasses import replace

from contracts.recipe import Train
from jobs.planning.activations import FLOAT32, activation_bytes, batch_tokens, width
from jobs.planning.adapter_size import adapter_parameters
from jobs.planning.shape import ModelShape
from jobs.planning.strategy import Strategy

GIB = 1 << 30

CONTEXT_GIB = 0.75
"""CUDA context with its kernels, work space of cuBLAS and NCCL: an allowance, between 0.5 and 1 GiB in practice."""
PROCESS_GIB = 0.75
"""A Python process on a CPU: 0.63 GiB were measured with torch, transformers, TRL and PEFT imported; rounded up."""
FRAGMENTATION = 0.05
"""Of what comes and goes, the share that PyTorch's caching allocator cannot hand out again: an allowance."""

LOSS_TOKENS, LOSS_COLUMNS = 4096, 32768
"""Tokens and columns of the vocabulary whose logits exist at one time (trl.kernels.chunked_logprob)."""

NF4_BYTES = 0.5
"""A weight in 4 bits."""
NF4_SCALES = 1 / 64 + FLOAT32 / (64 * 256)
"""A byte for each block of 64, for 256 of those a float32 (double quantisation, Dettmers et al. 2023, section 3)."""


def trainable_parameters(shape: ModelShape, train: Train) -> int:
    """Parameters that get a gradient."""
    return shape.parameters if train.tuning == "full" else adapter_parameters(shape, train.lora)


def memory_items(shape: ModelShape, train: Train, strategy: Strategy) -> dict[str, float]:
    """GiB of one process at the highest point of a step, by item."""
    one = width(train)
    parts = strategy.processes if strategy.sharded else 1
    adapter_width = _trained_width(train, strategy)  # FSDP and ZeRO-3 hand the layers what they compute in
    items = {
        "weights": _weights(shape, train, strategy),
        "layers being computed": _computing(shape, train, strategy),
        **_training_state(trainable_parameters(shape, train), train, strategy, parts),
        "activations": activation_bytes(shape, train, one if strategy.sharded else adapter_width, strategy.cpu),
        "loss": _loss(shape, train, strategy),
    }
    moving = items["layers being computed"] + items["activations"] + items["loss"]
    items["fragmentation"] = FRAGMENTATION * moving
    gib = {name: size / GIB for name, size in items.items() if size}
    return gib | {"process": PROCESS_GIB if strategy.cpu else CONTEXT_GIB}


def loading_gib(shape: ModelShape, train: Train, strategy: Strategy) -> float:
    """GiB of one GPU while the base is loaded. A quantised base is put on it whole before it is sharded (transformers'
    bitsandbytes quantisers choose the device themselves); a plain one comes from the machine's RAM, shard by shard.
    """
    if strategy.cpu or not (strategy.sharded and train.quantization):
        return 0.0
    whole = _weights(shape, train, replace(strategy, kind="ddp", offload=False))
    return whole / GIB + CONTEXT_GIB


def _weights(shape: ModelShape, train: Train, strategy: Strategy) -> float:
    """Bytes of the base's weights that rest in this process. Embeddings, output layer and norms stay in the training's
    dtype when the base is quantised (transformers.integrations.bitsandbytes).
    """
    one, parts = width(train), strategy.processes if strategy.sharded else 1
    if strategy.offload:
        parts, one = 1, 0
    plain = (shape.parameters - shape.linear_parameters) * one / parts
    if train.quantization == "nf4":
        packed = 0 if strategy.offload else shape.linear_parameters * NF4_BYTES / parts
        return plain + packed + shape.linear_parameters * NF4_SCALES  # FSDP and ZeRO shard tensors, not these constants
    if train.quantization == "int8":  # whole numbers cannot be sharded; one float32 scale a row
        rows = shape.layers * sum(columns_out for _, columns_out in shape.layer_linears.values())
        return plain + shape.linear_parameters + FLOAT32 * rows
    if train.tuning == "full":
        return 0  # counted with the training's state
    return plain + shape.linear_parameters * one / parts


def _computing(shape: ModelShape, train: Train, strategy: Strategy) -> float:
    """Bytes of weights in the form in which they are multiplied.

    A sharded layer is gathered while the one before it is being computed, so that two are whole at a time; Accelerate
    keeps the output layer whole from the end of the forward pass on (accelerate.utils.fsdp_utils.fsdp2_prepare_model).
    A quantised matrix is blown up one at a time.
    """
    one, linears = width(train), shape.linear_parameters // shape.layers
    largest = max(i * o for i, o in shape.layer_linears.values()) * one if train.quantization else 0
    if not strategy.sharded:
        return largest
    layer = {
        "nf4": linears * NF4_BYTES,
        "int8": 0,
        None: linears * one,
    }[train.quantization]
    return 2 * layer + shape.head_parameters * one + largest


def _trained_width(train: Train, strategy: Strategy) -> int:
    """Bytes of one trained number at rest.

    PEFT keeps an adapter in float32; TRL makes it bfloat16 on a quantised base and under ZeRO-3. Accelerate's FSDP2
    keeps all that is trained in float32 unless the base is nf4. Full tuning otherwise trains the weights as they are.
    """
    if train.dtype == "float32":
        return FLOAT32
    if strategy.kind == "fsdp":
        return 2 if train.quantization == "nf4" else FLOAT32
    if strategy.kind == "zero3" or train.quantization or train.tuning == "full":
        return 2
    return FLOAT32


def _training_state(trained: int, train: Train, strategy: Strategy, parts: int) -> dict[str, float]:
    """Bytes of what is trained, its gradients and Adam's two moments, and the parent that preferences are held to.

    All of one width; ZeRO-3 in bfloat16 keeps float32 masters and moments beside 2-byte weights and gradients, 16 bytes
    in all (Rajbhandari et al. 2020, section 3.1). DDP copies gradients into buckets.
    """
    one = _trained_width(train, strategy)
    moments = 2 * one
    if strategy.kind == "zero3" and one == 2:
        moments = 3 * FLOAT32
    copies = 2 if strategy.kind == "ddp" else 1
    name = "trained weights" if train.tuning == "full" else "adapter"
    state = {name: trained * one, "gradients": trained * one * copies, "optimizer": trained * moments}
    if train.method == "dpo" and train.parent:
        state["reference"] = trained * one
    return {} if strategy.offload else {item: size / parts for item, size in state.items()}


def _loss(shape: ModelShape, train: Train, strategy: Strategy) -> float:
    """TRL's fused output layer: one tile of logits, the last hidden states of the scored tokens and their gradient in
    float32. Every token is taken as scored. Without Triton, on a CPU, seven float32 tensors stand beside a tile in its
    backward pass (trl.kernels.chunked_logprob._backward_tile).
    """
    tokens, one = batch_tokens(train), width(train)
    tile = min(tokens, LOSS_TOKENS) * min(shape.vocabulary, LOSS_COLUMNS)
    head_gradient = FLOAT32 * shape.head_parameters if train.tuning == "full" else 0
    copies = one + (7 * FLOAT32 if strategy.cpu else 0)
    return tile * copies + tokens * shape.hidden * (one + FLOAT32) + head_gradient
