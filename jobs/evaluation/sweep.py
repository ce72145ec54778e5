"""Job `sweep`: trainings with other settings, compared by validation loss (Optuna).

    python -m jobs sweep --recipe recipes/demo.yaml --run-id ranks --set 'sweep.parameters={"train.lora.rank": [8, 16]}'

In: recipe.sweep, a base model, a corpus. Out: runs/<recipe>/<run id>/sweep/ with study.db, sweep.json, sweep.csv and a
log for each trial; each trial is a run of its own, <run id>-trial-<number>. Killed and started again, it goes on.
"""

import argparse
import csv
import io
import itertools
import json
import logging
import math
import pathlib

from contracts.recipe import Recipe, RecipeError, load_recipe
from jobs.errors import JobError
from jobs.evaluation.trial import TrialFailed, last_line, train_trial
from jobs.evaluation.wandb_log import LOGGED, demand_logged, log_sweep
from jobs.training.files import write_json, write_text
from jobs.training.run_folder import RunFolder
from jobs.training.threads import latest_corpus
from jobs.training.tracking import wandb_mode

log = logging.getLogger(__name__)

ASKS = 50
"""Settings that were tried before are passed over; after so many in a row the search has nothing new to offer."""


def run(recipe: Recipe, home: pathlib.Path, arguments: argparse.Namespace) -> dict:
    """Run the trials that are not done yet; the summary names the best settings as `--set` arguments.

    Raises:
        RecipeError: a parameter of the sweep is no key of the recipe, or a value does not go there.
        JobError: no sweep in the recipe, the run id belongs to another sweep, no trial gave a validation loss, or the
            recipe wants the table in wandb and wandb does not take it.
        Preempted: SIGTERM came; the trial that was under way goes on next time.
    """
    if recipe.sweep is None:
        raise JobError("the recipe has no section sweep: say there which parameters to try with which values")
    _check_values(recipe, arguments)
    folder = RunFolder(home, recipe, arguments.run_id)
    mode = wandb_mode(recipe)
    with folder.hold():
        sweep = folder.path / "sweep"
        sweep.mkdir(exist_ok=True)
        study = _open_study(recipe, home, folder)
        trained = 0
        while (trial := _next(study, recipe)) is not None:
            _train(study, trial, recipe, home, folder, arguments)
            trained += 1
            _write(sweep, _table(study, recipe, folder))
        table = _table(study, recipe, folder)
        losses = [row for row in table if row["eval_loss"] is not None]
        if not losses:
            raise JobError(f"no trial gave a validation loss; the first ended with: {table[0]['error']}; see {sweep}")
        state = study.user_attrs.get("wandb")
        if trained or state != LOGGED:  # what wandb did not take is offered again
            state = log_sweep(recipe, folder, mode, [_flat(row) for row in table])
            study.set_user_attr("wandb", state)
        demand_logged(recipe, state, sweep / "sweep.csv")
    best = min(losses, key=lambda row: row["eval_loss"])
    return {
        "run_id": folder.run_id,
        "trials": len(table),
        "failed": len(table) - len(losses),
        "best": best,
        "set": [word for setting in _settings(best["parameters"]) for word in ("--set", setting)],
        "table": str(sweep / "sweep.csv"),
        "wandb": state,
        "unchanged": not trained,
    }


def _settings(parameters: dict) -> list[str]:
    """`key=value` of each parameter, as `--set` takes it."""
    return [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in parameters.items()]


def _check_values(recipe: Recipe, arguments: argparse.Namespace) -> None:
    """Read the recipe once with each value, so that a wrong one is found before the first training."""
    for key, values in recipe.sweep.parameters.items():
        if key.partition(".")[0] not in ("train", "model"):
            raise RecipeError(f"sweep.parameters.{key}: a sweep trains, so it tries keys of train and model only")
        for value in values:
            try:
                load_recipe(arguments.recipe, [*arguments.overrides, *_settings({key: value})])
            except RecipeError as error:
                raise RecipeError(f"sweep.parameters, {key}={value}: {error}") from error


def _combinations(recipe: Recipe) -> int:
    return math.prod(map(len, recipe.sweep.parameters.values()))


def _open_study(recipe: Recipe, home: pathlib.Path, folder: RunFolder):
    """The study on disk, a new one or the one to go on with. Few enough combinations are tried one and all."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    place = {"study_name": folder.run_id, "storage": f"sqlite:///{folder.path / 'sweep' / 'study.db'}"}
    study = optuna.create_study(**place, direction="minimize", load_if_exists=True)
    # a sampler that begins again with the same seed would repeat itself
    study.sampler = optuna.samplers.TPESampler(seed=recipe.train.seed + len(study.trials))
    inputs = {
        "recipe_digest": recipe.digest("model", "train", "sweep"),
        "corpus_digest": None if recipe.train.dataset else latest_corpus(home, recipe.name),
    }
    before = study.user_attrs.get("inputs", inputs)
    if before != inputs:
        changed = ", ".join(key for key, value in inputs.items() if value != before[key])
        raise JobError(f"sweep {folder.run_id} began with something else ({changed} differ): take another --run-id")
    study.set_user_attr("inputs", inputs)
    if _combinations(recipe) <= recipe.sweep.trials:
        for values in itertools.product(*recipe.sweep.parameters.values()):
            study.enqueue_trial(dict(zip(recipe.sweep.parameters, values, strict=True)), skip_if_exists=True)
    return study


def _done(study, recipe: Recipe) -> list:
    """Trials that ended, well or not, without those that repeat others or were killed before they had settings."""
    whole = (trial for trial in study.trials if len(trial.params) == len(recipe.sweep.parameters))
    return [trial for trial in whole if trial.state.is_finished() and "repeats" not in trial.user_attrs]


def _next(study, recipe: Recipe) -> tuple[int, dict] | None:
    """Number and settings of the next trial: the one that a killed sweep left behind, or a new one. None: enough."""
    from optuna.trial import TrialState

    for left in study.get_trials(states=(TrialState.RUNNING,)):
        if len(left.params) == len(recipe.sweep.parameters):
            return left.number, left.params
        study.tell(left.number, state=TrialState.FAIL)  # it was killed while its settings were drawn
    done = _done(study, recipe)
    if len(done) >= min(recipe.sweep.trials, _combinations(recipe)):
        return None
    for _ in range(ASKS):
        trial = study.ask()
        for key, values in recipe.sweep.parameters.items():
            trial.suggest_categorical(key, values)
        same = next((old for old in done if old.params == trial.params), None)
        if same is None:
            return trial.number, trial.params
        trial.set_user_attr("repeats", same.number)
        study.tell(trial, same.value, state=same.state)
    log.info("the search proposes nothing new any more: it ends after %d trials", len(done))
    return None


def _train(study, trial: tuple[int, dict], recipe: Recipe, home, folder: RunFolder, arguments) -> None:
    """Train with a trial's settings and write down what came of it."""
    from optuna.trial import TrialState

    number, parameters = trial
    settings = _settings(parameters)
    steps = [f"train.max_steps={recipe.sweep.max_steps}"] if recipe.sweep.max_steps else []
    overrides = [*arguments.overrides, *settings, *steps]
    output = _log_of(folder, number)
    log.info("trial %d: %s", number, " ".join(settings))
    try:
        changed = load_recipe(arguments.recipe, overrides)
        run_folder = RunFolder(home, changed, _run_id(folder, number))
        loss = train_trial(changed, arguments.recipe, overrides, run_folder, home, output)
    except RecipeError as error:  # each value was sound, but not with the others
        write_text(output, f"{error}\n")
        study.tell(number, state=TrialState.FAIL)
        log.warning("trial %d failed: %s", number, error)
    except TrialFailed as error:
        study.tell(number, state=TrialState.FAIL)
        log.warning("trial %d failed: %s", number, error)
    else:
        study.tell(number, loss)
        log.info("trial %d: validation loss %.4f", number, loss)


def _run_id(folder: RunFolder, number: int) -> str:
    return f"{folder.run_id}-trial-{number:03}"


def _log_of(folder: RunFolder, number: int) -> pathlib.Path:
    return folder.path / "sweep" / f"trial-{number:03}.log"


def _table(study, recipe: Recipe, folder: RunFolder) -> list[dict]:
    """One row a trial: number, run id, settings, validation loss (None: failed) and the error."""
    return [
        {
            "trial": trial.number,
            "run_id": _run_id(folder, trial.number),
            "parameters": trial.params,
            "eval_loss": trial.value,
            "error": None if trial.value is not None else last_line(_log_of(folder, trial.number)),
        }
        for trial in _done(study, recipe)
    ]


def _flat(row: dict) -> dict:
    """A row with a column for each parameter."""
    return {"trial": row["trial"], **row["parameters"], "eval_loss": row["eval_loss"], "error": row["error"]}


def _write(sweep: pathlib.Path, table: list[dict]) -> None:
    """sweep.json and sweep.csv, the same rows."""
    write_json(sweep / "sweep.json", {"trials": table})
    text = io.StringIO()
    writer = csv.DictWriter(text, list(_flat(table[0])), lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(_flat, table))
    write_text(sweep / "sweep.csv", text.getvalue())
