"""The run in wandb, beside metrics.jsonl.

The files stay under the run's folder (wandb/); `wandb sync` uploads an offline run later.
"""

import contextlib
import logging
import os
import pathlib
from collections.abc import Callable, Iterator

from contracts.recipe import Recipe
from jobs.errors import JobError

log = logging.getLogger(__name__)

INIT_TIMEOUT_S = 60
"""For wandb's answer when a run begins. Later troubles are wandb's own: it keeps everything on disk and tries again."""


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
    """A wandb run named after ours, marked as failed when the block fails. Opened again with the same id it goes on.

    Raises:
        JobError: wandb cannot be reached or refuses the key, and the recipe says `online`. With `auto` the run is kept
            on disk instead, and the log says so.
    """
    with _opened(recipe, run_id, folder, mode) as run:
        yield run


@contextlib.contextmanager
def open_rows(recipe: Recipe, run_id: str, folder: pathlib.Path, mode: str) -> Iterator["Rows"]:
    """The rows of a training in such a run. Once it is open, no trouble of wandb's ends the training.

    Raises:
        JobError: as open_wandb.
    """
    rows = Rows(_opened(recipe, run_id, folder, mode))
    try:
        yield rows
    except BaseException:
        rows.close(exit_code=1)
        raise
    rows.close(exit_code=0)


class Rows:
    """Rows of a wandb run. When its service has died they are left out, and the log says so once."""

    def __init__(self, run):
        self._run, self._silent = run, False

    def log(self, line: dict, step: int) -> None:
        """One row."""
        self._do(f"at step {step}", lambda: self._run.log(line, step=step))

    def close(self, exit_code: int) -> None:
        """The end of the training, with the exit code that wandb shows."""
        self._do("at the end", lambda: self._run.finish(exit_code=exit_code))

    def _do(self, when: str, act: Callable[[], None]) -> None:
        import wandb

        if self._silent:
            return
        try:
            act()
        except (wandb.errors.Error, OSError) as error:
            self._silent = True
            log.warning("wandb failed %s (%s): metrics.jsonl has every row, wandb those before", when, error)


def _opened(recipe: Recipe, run_id: str, folder: pathlib.Path, mode: str):
    import wandb

    try:
        return _init(recipe, run_id, folder, mode)
    except wandb.errors.Error as error:
        reason = " ".join(str(error).split())[:300]
        if recipe.train.wandb.mode != "auto":
            raise JobError(f"wandb: {reason}; check the network and WANDB_API_KEY, or choose mode auto") from error
        log.warning("no wandb (%s): the run is kept in %s, `wandb sync` uploads it", reason, folder / "wandb")
        wandb.teardown()  # its service still holds the run's id
        return _init(recipe, run_id, folder, "offline")


def _init(recipe: Recipe, run_id: str, folder: pathlib.Path, mode: str):
    import wandb

    run = wandb.init(
        project=recipe.train.wandb.project,
        id=f"{recipe.name}-{run_id}",  # runs of several recipes may lie in one project
        name=run_id,
        group=recipe.name,
        dir=folder,
        mode=mode,
        resume="allow",
        config=recipe.model_dump(mode="json"),
        settings=wandb.Settings(silent=True, console="off", init_timeout=INIT_TIMEOUT_S),
    )
    if mode == "online":
        log.info("wandb run: %s", run.url)  # Airflow's task makes a button of this line
    return run
