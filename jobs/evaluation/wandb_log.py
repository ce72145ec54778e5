"""What an evaluation and a sweep found, in wandb as well.

In: what is on disk already. Out: rows in the run's wandb, or the reason why there are none: no measurement is lost
with the service.
"""

import logging
import pathlib
from collections.abc import Callable, Sequence

from contracts.recipe import Recipe
from jobs.errors import JobError
from jobs.training.run_folder import RunFolder
from jobs.training.tracking import open_wandb

log = logging.getLogger(__name__)

LOGGED, DISABLED = "logged", "disabled"


def log_evaluation(recipe: Recipe, folder: RunFolder, mode: str, evaluation: dict) -> str:
    """In the wandb run of the training: a row a checkpoint, the reported numbers, the page.

    Returns LOGGED, DISABLED as the recipe says, or why wandb has none of it.
    """

    def write(run) -> None:
        import wandb

        run.define_metric("evaluation/step")
        run.define_metric("evaluation/valid/*", step_metric="evaluation/step")
        for row in evaluation["checkpoints"]:
            metrics = {f"evaluation/valid/{metric}": value for metric, value in row.get("metrics", {}).items()}
            run.log({"evaluation/step": row["step"], **metrics})
        run.log({"evaluation/page": wandb.Html(str(folder.path / "evaluation.html"), inject=False)})
        for metric, value in evaluation["metrics"].items():
            run.summary[f"evaluation/{metric}"] = value
        run.summary["evaluation/passed"] = evaluation["verdict"]["passed"]

    return _logged(recipe, folder, mode, write)


def log_sweep(recipe: Recipe, folder: RunFolder, mode: str, rows: Sequence[dict]) -> str:
    """The rows of a sweep, which all have the same keys, as a table. Returns what `log_evaluation` does."""

    def write(run) -> None:
        import wandb

        data = [list(map(str, row.values())) for row in rows]
        run.log({"sweep": wandb.Table(columns=list(rows[0]), data=data)})

    return _logged(recipe, folder, mode, write)


def demand_logged(recipe: Recipe, state: str, kept: pathlib.Path) -> None:
    """To be called when everything is on disk. `state` is what the functions above returned, `kept` where it lies.

    Raises:
        JobError: it is not in wandb, and the recipe says that it has to be. The next run tries that again.
    """
    if state != LOGGED and recipe.train.wandb.mode == "online":
        raise JobError(
            f"train.wandb.mode is online, but wandb has nothing of {kept} ({state}); nothing is lost: run this again "
            f"when wandb can be reached, or choose mode auto"
        )


def _logged(recipe: Recipe, folder: RunFolder, mode: str, write: Callable) -> str:
    if mode == "disabled":
        return DISABLED
    try:
        with open_wandb(recipe, folder.run_id, folder.path, mode) as run:
            write(run)
    except Exception as error:  # noqa: BLE001 - its service, its files and the network fail in many ways
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        log.warning("wandb has nothing of this: %s", reason)
        return reason
    return LOGGED
