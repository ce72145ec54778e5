"""What a training tells while it runs: metrics.jsonl, wandb, a progress bar on stderr; and when it must stop."""

import json
import math
import pathlib
import sys
import time

from tqdm import tqdm
from transformers import TrainerCallback

from jobs.errors import JobError

MEASURED = ("loss", "grad_norm", "learning_rate", "entropy", "mean_token_accuracy", "epoch", "eval_loss")
"""What of the trainer's logs is kept. Losses and entropy are nats a token, over reply tokens."""


class TrainingLog(TrainerCallback):
    """One JSON line and one wandb row for each log of the trainer; on the first process only.

    A line: `step`, what was MEASURED, and for training steps `tokens_per_second`: all processes together, context
    included, padding not.
    """

    def __init__(self, path: pathlib.Path, wandb_run):
        self.path, self.wandb_run = path, wandb_run
        self.since, self.tokens = time.monotonic(), 0

    def on_train_begin(self, args, state, control, **kwargs):
        self.since, self.tokens = time.monotonic(), 0

    def on_log(self, args, state, control, logs=None, **kwargs):
        if not {"loss", "eval_loss"} & logs.keys():
            return
        line = {"step": state.global_step, **{key: logs[key] for key in MEASURED if key in logs}}
        if "loss" in logs:
            tokens = logs["num_tokens"]  # since this process began
            line["tokens_per_second"] = round((tokens - self.tokens) / (time.monotonic() - self.since), 1)
            self.since, self.tokens = time.monotonic(), tokens
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        self.wandb_run.log(line, step=state.global_step)

    def on_evaluate(self, args, state, control, **kwargs):
        self.since = time.monotonic()  # the time of an evaluation is not training time


class StopOnNan(TrainerCallback):
    """Ends a training whose loss is no number any more: no later step would mend it."""

    def on_log(self, args, state, control, logs=None, **kwargs):
        for name in ("loss", "grad_norm", "eval_loss"):
            if not math.isfinite(logs.get(name, 0.0)):
                raise JobError(
                    f"{name} is {logs[name]} at step {state.global_step}: the training has diverged; "
                    f"lower train.learning_rate and start a new run"
                )


class ProgressBar(TrainerCallback):
    """Steps done and the last loss; on the first process only.

    (The trainer's own bar writes its logs to stdout, where the summary belongs.)
    """

    bar: tqdm | None = None

    def on_train_begin(self, args, state, control, **kwargs):
        start, end = state.global_step, state.max_steps
        self.bar = tqdm(initial=start, total=end, desc="train", unit="step", file=sys.stderr)

    def on_step_end(self, args, state, control, **kwargs):
        self.bar.update(state.global_step - self.bar.n)

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "loss" in logs:
            self.bar.set_postfix(loss=f"{logs['loss']:.3f}", refresh=False)

    def close(self) -> None:
        """End the bar, so that what is said next stands on a line of its own."""
        if self.bar is not None:
            self.bar.close()
