"""Job `plan`: what a training needs and how long it takes, before money is spent.

    python -m jobs plan --recipe recipes/roleplay_guild.yaml

In: the recipe, its Accelerate config; model and corpus where they are there. Out: a table in the log, and the summary.
"""

import argparse
import logging
import pathlib

from contracts.recipe import Recipe
from jobs.errors import JobError
from jobs.planning.advice import advice
from jobs.planning.corpus_tokens import CorpusTokens, corpus_tokens
from jobs.planning.estimate import Estimate, energy_kwh, estimate
from jobs.planning.shape import ModelShape, UnknownShape, read_shape
from jobs.planning.strategy import Strategy, read_strategy

log = logging.getLogger(__name__)

CERTAIN = 1.15
"""Published runs took up to this much less memory than is reckoned for them, allowances included: what needs more than
the capacity, but not by this factor, may still fit.
"""


def run(recipe: Recipe, home: pathlib.Path, arguments: argparse.Namespace) -> dict:
    """The plan; `ok` is false when it does not fit.

    Raises:
        JobError: there is no shape to reckon with, or the Accelerate config is none that plan knows.
    """
    shape, strategy = read_shape(home, recipe.model.name), _strategy(recipe)
    result, corpus = estimate(recipe, shape, strategy), corpus_tokens(recipe, home)
    steps, hours = recipe.train.max_steps, None
    if result.step_seconds:
        hours = steps * result.step_seconds / 3600
    speed = result.tokens_per_second
    warnings = _warnings(recipe, strategy, result, corpus, hours)
    if not result.fits:
        warnings.append(_does_not_fit(recipe, shape, strategy, result))
    summary = {
        "ok": result.fits,
        "parameters": result.parameters,
        "trainable_parameters": result.trainable,
        "trainable_share": round(result.trainable / result.parameters, 6),
        "gpu_memory_gib": round(result.total, 2),
        "memory_gib": {item: round(gib, 2) for item, gib in result.memory.items()},
        "loading_gib": round(result.loading, 2),
        "gpu_gib": result.capacity,
        "fits": result.fits,
        "tokens_per_step": result.tokens_per_step,
        "steps": steps,
        "corpus_tokens": corpus.tokens if corpus else None,
        "epochs": round(steps * result.tokens_per_step / corpus.tokens, 2) if corpus and corpus.tokens else None,
        "tokens_per_second": round(speed, 1) if speed else None,
        "hours": round(hours, 2) if hours else None,
        "energy_kwh": round(energy_kwh(recipe, strategy.processes, hours), 1) if hours else None,
        "warnings": warnings,
    }
    log.info("plan of %s\n%s", recipe.name, table(summary, recipe, strategy))
    return summary


def check_fits(recipe: Recipe, home: pathlib.Path) -> None:
    """Refuse a training that cannot fit, before it loads anything.

    What may fit after all, or has an unknown shape, is let through with a warning.

    Raises:
        JobError: it does not fit; the message says what would.
    """
    try:
        shape = read_shape(home, recipe.model.name)
    except UnknownShape as error:
        log.warning("not checked whether it fits: %s", error)
        return
    strategy = _strategy(recipe)
    result = estimate(recipe, shape, strategy)
    if max(result.total, result.loading) > CERTAIN * result.capacity:
        raise JobError(_does_not_fit(recipe, shape, strategy, result))
    if not result.fits:
        log.warning("perhaps too large: %s", _does_not_fit(recipe, shape, strategy, result))


def _strategy(recipe: Recipe) -> Strategy:
    strategy = read_strategy(recipe)
    if strategy.cpu != (recipe.batch.gpus == 0):
        where = "CPUs" if strategy.cpu else "GPUs"
        raise JobError(
            f"batch.gpus is {recipe.batch.gpus}, but {recipe.train.accelerate} trains on {where}: make them agree"
        )
    if strategy.sharded and recipe.train.quantization == "int8":
        raise JobError(
            f"{recipe.train.accelerate} shards the weights, and int8 weights cannot be sharded (bitsandbytes): set "
            f"train.quantization=nf4, or choose an Accelerate config that does not shard"
        )
    return strategy


def _does_not_fit(recipe: Recipe, shape: ModelShape, strategy: Strategy, result: Estimate) -> str:
    where = f"{recipe.batch.gpu} has" if recipe.batch.gpus else "batch.memory_gib is"
    would = ", or ".join(advice(recipe, shape, strategy))
    largest = max(result.memory, key=result.memory.get)
    if result.total <= result.capacity:
        return (
            f"training needs {result.total:.1f} GiB, but while it loads each GPU holds the whole quantised base, "
            f"{result.loading:.1f} GiB, and {where} {result.capacity:.1f}; it would fit with {would}"
        )
    return (
        f"the training needs {result.total:.1f} GiB ({largest}: {result.memory[largest]:.1f}), "
        f"{where} {result.capacity:.1f}; it would fit with {would}"
    )


def _warnings(
    recipe: Recipe, strategy: Strategy, result: Estimate, corpus: CorpusTokens | None, hours: float | None
) -> list[str]:
    train, found = recipe.train, []
    if result.step_seconds is None:
        found.append("speed is not reckoned: nothing was measured for CPUs, float32, int8 or offloaded weights")
    elif hours > recipe.batch.time_limit_hours:
        found.append(
            f"{hours:.1f} hours, batch.time_limit_hours is {recipe.batch.time_limit_hours:g}: it will be cut off"
        )
    if strategy.machines > 1:
        found.append("between machines 200 Gb/s for each GPU are taken for granted")
    if train.method == "dpo":
        found.append("pairs are not counted: tokens of an epoch are those of the posts, each once, without its story")
    if not train.packs:
        found.append("without packing batches hold padding: tokens and their speed are upper bounds")
    if corpus is None:
        found.append("no corpus yet: tokens and epochs are not reckoned; run `python -m jobs corpus`")
    elif not corpus.measured:
        found.append(f"{corpus.characters_per_token} characters a token, until the base model's tokenizer is there")
    return found


def table(summary: dict, recipe: Recipe, strategy: Strategy) -> str:
    """The summary for people, a line a figure."""

    def number(value, digits: int = 0, unit: str = "") -> str:
        return "not reckoned" if value is None else f"{value:,.{digits}f}{unit}"

    device = (
        f"{strategy.processes} x {recipe.batch.gpu}" if recipe.batch.gpus else f"{strategy.processes} CPU process(es)"
    )
    rows = [
        ("device", f"{device}, {strategy.kind}"),
        ("parameters", number(summary["parameters"])),
        ("trainable", f"{summary['trainable_parameters']:,} ({summary['trainable_share']:.3%})"),
        *((f"  {item}", number(gib, 2, " GiB")) for item, gib in summary["memory_gib"].items()),
        ("memory", f"{summary['gpu_memory_gib']:.2f} of {summary['gpu_gib']:.1f} GiB"),
        ("memory while loading", f"{summary['loading_gib']:.2f} GiB"),
        ("tokens a step", number(summary["tokens_per_step"])),
        ("steps", number(summary["steps"])),
        ("corpus tokens", number(summary["corpus_tokens"])),
        ("epochs", number(summary["epochs"], 2)),
        ("tokens/s in all", number(summary["tokens_per_second"], 1)),
        ("hours", number(summary["hours"], 2)),
        ("energy", number(summary["energy_kwh"], 1, " kWh")),
        *(("warning", warning) for warning in summary["warnings"]),
    ]
    return "\n".join(f"{name:<24} {value}" for name, value in rows)
