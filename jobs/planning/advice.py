"""What would make a recipe fit, tried with the same arithmetic.

In: a recipe that does not fit. Out: changes that make it fit, as `--set` arguments with what they come to.
"""

from dataclasses import replace

from contracts.recipe import Recipe
from jobs.planning.estimate import estimate
from jobs.planning.gpus import GPUS
from jobs.planning.shape import ModelShape
from jobs.planning.strategy import Strategy

SHORTEST = 512
"""Tokens: shorter samples than these are no advice."""


def advice(recipe: Recipe, shape: ModelShape, strategy: Strategy) -> list[str]:
    """Each single change that makes the recipe fit; when none does, all that the recipe can change together."""
    changes = _changes(recipe)
    found = []
    for change in changes:
        said = _tried(recipe, shape, strategy, change)
        found += [said] if said else []
    together = {key: value for change in changes for key, value in change.items()}
    if not found and len(changes) > 1 and (said := _tried(recipe, shape, strategy, together)):
        found.append(said)
    return found + _hardware(recipe, shape, strategy) or ["a smaller base: nothing else that plan knows is enough"]


def _changes(recipe: Recipe) -> list[dict[str, object]]:
    """Settings of `train` that need less memory, the harmless ones first."""
    train, changes = recipe.train, []
    if not train.gradient_checkpointing:
        changes.append({"gradient_checkpointing": True})
    if train.attention == "eager":
        changes.append({"attention": "sdpa"})
    if train.batch_size > 1:
        accumulated = train.gradient_accumulation * train.batch_size
        changes.append({"batch_size": 1, "gradient_accumulation": accumulated})
    if train.tuning == "full":
        changes.append({"tuning": "lora"})
    elif train.quantization != "nf4" and train.dtype == "bfloat16":
        changes.append({"quantization": "nf4"})
    if train.max_length > SHORTEST:
        changes.append({"max_length": max(SHORTEST, train.max_length // 2)})
    return changes


def _tried(recipe: Recipe, shape: ModelShape, strategy: Strategy, change: dict) -> str | None:
    """What the change comes to, None when the recipe does not fit with it either."""
    changed = recipe.model_copy(update={"train": recipe.train.model_copy(update=change)})
    result = estimate(changed, shape, strategy)
    if not result.fits:
        return None
    words = " ".join(f"--set train.{key}={str(value).lower()}" for key, value in change.items())
    return f"{words} ({result.total:.1f} GiB)"


def _hardware(recipe: Recipe, shape: ModelShape, strategy: Strategy) -> list[str]:
    """The fewest further processes, where the strategy shards, and the smallest other GPU that would do."""
    if strategy.cpu:
        return [f"batch.memory_gib={estimate(recipe, shape, strategy).total:.0f} or more"]
    found = []
    more = replace(strategy, processes=2 * strategy.processes)
    while strategy.sharded and more.processes <= 8 * strategy.processes:
        result = estimate(recipe, shape, more)
        if result.fits:
            found.append(f"{more.processes} GPUs instead of {strategy.processes} ({result.total:.1f} GiB each)")
            break
        more = replace(more, processes=2 * more.processes)
    now = estimate(recipe, shape, strategy)
    needed = max(now.total, now.loading)
    larger = sorted((gpu.memory_gib, name) for name, gpu in GPUS.items() if gpu.memory_gib >= needed)
    return found + ([f"--set batch.gpu={larger[0][1]}"] if larger else [])
