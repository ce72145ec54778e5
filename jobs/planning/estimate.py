"""What one recipe needs and gives, all arithmetic together.

In: a recipe and its model's shape. Out: an Estimate, which says whether it fits.
"""

from dataclasses import dataclass

from contracts.recipe import Recipe
from jobs.planning.activations import batch_tokens
from jobs.planning.gpus import GPUS
from jobs.planning.memory import loading_gib, memory_items, trainable_parameters
from jobs.planning.shape import ModelShape
from jobs.planning.speed import step_seconds
from jobs.planning.strategy import Strategy

POWER_SHARE = 0.85
"""Of its power limit, what a GPU draws while it trains: two RTX 4090 drew 375 to 400 of 450 W (fsdp_qlora's report)."""
HOST_WATTS = 200
"""For each GPU, what the rest of its machine draws: half of a DGX A100's most (6.5 kW) without its GPUs (8 x 400 W)."""


@dataclass(frozen=True)
class Estimate:
    """Memory is GiB of one GPU, or of the whole machine when `strategy.cpu`."""

    parameters: int
    trainable: int
    memory: dict[str, float]
    loading: float
    """At the highest point before the first step."""
    capacity: float
    tokens_per_step: int
    step_seconds: float | None

    @property
    def total(self) -> float:
        return sum(self.memory.values())

    @property
    def fits(self) -> bool:
        return max(self.total, self.loading) <= self.capacity

    @property
    def tokens_per_second(self) -> float | None:
        return self.tokens_per_step / self.step_seconds if self.step_seconds else None


def estimate(recipe: Recipe, shape: ModelShape, strategy: Strategy) -> Estimate:
    """The estimate of a recipe; on CPUs all processes share the machine's memory."""
    train, gpu = recipe.train, GPUS[recipe.batch.gpu]
    memory = memory_items(shape, train, strategy)
    if strategy.cpu:
        memory = {item: gib * strategy.processes for item, gib in memory.items()}
    return Estimate(
        parameters=shape.parameters,
        trainable=trainable_parameters(shape, train),
        memory=memory,
        loading=loading_gib(shape, train, strategy),
        capacity=recipe.batch.memory_gib if strategy.cpu else gpu.memory_gib,
        tokens_per_step=strategy.processes * train.gradient_accumulation * batch_tokens(train),
        step_seconds=step_seconds(shape, train, strategy, gpu),
    )


def energy_kwh(recipe: Recipe, processes: int, hours: float) -> float:
    """Energy of the GPUs and their share of the machine."""
    return processes * (GPUS[recipe.batch.gpu].watts * POWER_SHARE + HOST_WATTS) / 1000 * hours
