"""A trace of a few training steps, for chrome://tracing or Perfetto."""

import pathlib

import torch
from transformers import TrainerCallback

from contracts.recipe import Profile


class StepProfiler(TrainerCallback):
    """Writes `folder`/trace-rank-<rank>.json after `skip` and `steps` steps."""

    def __init__(self, wanted: Profile, folder: pathlib.Path):
        self.wanted, self.folder = wanted, folder

    def on_train_begin(self, args, state, control, **kwargs):
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"trace-rank-{args.process_index}.json"
        self.profiler = torch.profiler.profile(
            schedule=torch.profiler.schedule(wait=0, warmup=self.wanted.skip, active=self.wanted.steps, repeat=1),
            on_trace_ready=lambda profiler: profiler.export_chrome_trace(str(path)),
            profile_memory=True,
        )
        self.profiler.start()

    def on_step_end(self, args, state, control, **kwargs):
        self.profiler.step()

    def on_train_end(self, args, state, control, **kwargs):
        self.profiler.stop()
