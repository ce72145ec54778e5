"""The evaluation in the wandb run of the training: a row a checkpoint, the reported numbers, the page.

In: evaluation.json as a dict. Out: rows under `evaluation/` in wandb.
"""

import logging

from contracts.recipe import Recipe
from jobs.errors import JobError
from jobs.training.run_folder import RunFolder
from jobs.training.tracking import open_wandb

log = logging.getLogger(__name__)


def log_evaluation(recipe: Recipe, folder: RunFolder, mode: str, evaluation: dict) -> None:
    """Nothing depends on the service: when it fails, that is logged and the files beside the run have all of it."""
    import wandb

    try:
        with open_wandb(recipe, folder.run_id, folder.path, mode) as run:
            run.define_metric("evaluation/step")
            run.define_metric("evaluation/valid/*", step_metric="evaluation/step")
            for row in evaluation["checkpoints"]:
                metrics = {f"evaluation/valid/{metric}": value for metric, value in row.get("metrics", {}).items()}
                run.log({"evaluation/step": row["step"], **metrics})
            run.log({"evaluation/page": wandb.Html(str(folder.path / "evaluation.html"), inject=False)})
            for metric, value in evaluation["metrics"].items():
                run.summary[f"evaluation/{metric}"] = value
            run.summary["evaluation/passed"] = evaluation["verdict"]["passed"]
    except (wandb.Error, JobError) as error:
        log.error("wandb did not take the evaluation: %s; it is in %s", error, folder.path / "evaluation.json")
