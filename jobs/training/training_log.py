"""The figures of a run while it goes on: metrics.jsonl and wandb, the same in both."""

import json
import pathlib
import time

from transformers import TrainerCallback

from jobs.training.throughput import Throughput, flops_per_token, matrix_rate, peak_memory_gib
from jobs.training.tracking import Rows

MEASURED = (
    *("loss", "grad_norm", "learning_rate", "entropy", "mean_token_accuracy", "epoch", "eval_loss"),
    *("rewards/accuracies", "rewards/margins", "eval_rewards/accuracies", "eval_rewards/margins"),
)
"""What of the trainer's logs is kept. Losses and entropy are nats a token, over the tokens that are trained. Of
preferences: `loss` is -log sigmoid of the margin, and what supervised training adds; `accuracies` is the share of pairs
whose written post has gained more against the reference than the other, the margin by how much, in nats times beta."""


class TrainingLog(TrainerCallback):
    """One JSON line and one wandb row for each log of the trainer; on the first process only.

    A line: `step`, what was MEASURED, and for training steps `tokens_per_second` (all processes together, context
    included, padding not), `mfu` (share of the speed at which this hardware multiplies matrices, measured as the run
    begins), `memory_gib` (peak of this process), `padding_share` (of this process).
    """

    def __init__(self, path: pathlib.Path, wandb_rows: Rows, throughput: Throughput, processes: int):
        self.path, self.wandb_rows, self.throughput, self.processes = path, wandb_rows, throughput, processes
        self.seconds, self.tokens = 0.0, 0
        self.step_began = 0.0

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        parameter = next(model.parameters())
        dtype = parameter.dtype if parameter.dtype.is_floating_point else next(_trained(model)).dtype
        self.device = args.device
        self.flops, self.rate = flops_per_token(model), matrix_rate(args.device, dtype) * self.processes
        self.seconds, self.tokens = 0.0, 0

    def on_step_begin(self, args, state, control, **kwargs):
        self.step_began = time.monotonic()

    def on_step_end(self, args, state, control, **kwargs):
        self.seconds += time.monotonic() - self.step_began  # evaluations and checkpoints are not training time

    def on_log(self, args, state, control, logs=None, **kwargs):
        if not {"loss", "eval_loss"} & logs.keys():
            return
        line = {"step": state.global_step, **{key: logs[key] for key in MEASURED if key in logs}}
        if "loss" in logs:
            tokens = logs["num_tokens"]  # since this process began
            speed = (tokens - self.tokens) / self.seconds
            line |= {
                "tokens_per_second": round(speed, 1),
                "mfu": round(speed * self.flops / self.rate, 4),
                "memory_gib": round(peak_memory_gib(self.device), 3),
                "padding_share": round(self.throughput.padding_share(), 4),
            }
            self.seconds, self.tokens = 0.0, tokens
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        self.wandb_rows.log(line, state.global_step)


def _trained(model):
    return (parameter for parameter in model.parameters() if parameter.requires_grad)
