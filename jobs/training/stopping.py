"""When a training ends before its last step: it diverged, it learns no more, or the machine is wanted back."""

import math
import signal

import torch
from transformers import EarlyStoppingCallback, TrainerCallback

from contracts.recipe import Recipe
from jobs.errors import JobError


class StopOnNan(TrainerCallback):
    """Ends a training whose figures are no numbers any more: no later step would mend it."""

    def on_log(self, args, state, control, logs=None, **kwargs):
        for name in ("loss", "grad_norm", "eval_loss"):
            if not math.isfinite(logs.get(name, 0.0)):
                raise JobError(
                    f"{name} is {logs[name]} at step {state.global_step}: the training has diverged; "
                    f"lower train.learning_rate and start a new run"
                )


class Preemption(TrainerCallback):
    """On SIGTERM (a batch system that wants its machine back): finish the step, write a checkpoint, end.

    All processes stop after the same step, whichever of them got the signal.
    """

    def __init__(self):
        self.asked, self.stopped = False, False

    def on_train_begin(self, args, state, control, **kwargs):
        self.before = signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, number, frame):
        self.asked = True

    def on_step_end(self, args, state, control, **kwargs):
        asked = self.asked
        if torch.distributed.is_initialized():
            flag = torch.tensor(int(asked), device=args.device)
            torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
            asked = bool(flag.item())
        if asked and state.global_step < state.max_steps:
            self.stopped = True
            control.should_save = control.should_training_stop = True

    def on_train_end(self, args, state, control, **kwargs):
        signal.signal(signal.SIGTERM, self.before)


def early_stop(recipe: Recipe, has_valid: bool) -> list[TrainerCallback]:
    """The callback that ends a run whose validation loss no longer falls, if the recipe wants it.

    Raises:
        JobError: there is nothing to validate on.
    """
    wanted = recipe.train.early_stop
    if wanted is None:
        return []
    if not has_valid:
        raise JobError("train.early_stop: the split valid gives no sample; hold out more, or leave early_stop out")
    return [EarlyStoppingCallback(wanted.patience, wanted.min_improvement)]
