"""The run in wandb, beside metrics.jsonl.

The files stay under the run's folder (wandb/); `wandb sync` uploads an offline run later.
"""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from contracts.recipe import Recipe
from jobs.errors import JobError


def wandb_mode(recipe: Recipe) -> str:
    """`online`, `offline` or `disabled`.

    Raises:
        JobError: the recipe wants `online` and there is no key.
    """
    mode, key = recipe.train.wandb.mode, os.environ.get("WANDB_API_KEY")
    if mode == "online" and not key:
        raise JobError("train.wandb.mode is online, but WANDB_API_KEY is not set: set it, or choose offline")
    if mode == "auto":
        return "online" if key else "offline"
    return mode


@contextlib.contextmanager
def open_wandb(recipe: Recipe, run_id: str, folder: pathlib.Path, mode: str) -> Iterator:
    """A wandb run named after ours, marked as failed when the block fails. Opened again with the same id it goes on."""
    import wandb

    with wandb.init(
        project=recipe.train.wandb.project,
        id=run_id,
        name=run_id,
        group=recipe.name,
        dir=folder,
        mode=mode,
        resume="allow",
        config=recipe.model_dump(mode="json"),
        settings=wandb.Settings(silent=True, console="off"),
    ) as run:
        yield run
