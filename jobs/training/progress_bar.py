"""The bar on stderr while a training runs: steps, time that remains, last loss."""

import sys

from tqdm import tqdm
from transformers import TrainerCallback


class ProgressBar(TrainerCallback):
    """On the first process only. (The trainer's own bar writes its logs to stdout, where the summary belongs.)"""

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
