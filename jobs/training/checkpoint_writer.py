"""The trainer's side of checkpoints: written under a temporary name, renamed when every process is done.

In: a trainer at work. Out: checkpoints/checkpoint-<step>/, whole or not there.
"""

import pathlib
import shutil

import torch
from accelerate.utils import is_peft_model
from peft import get_peft_model_state_dict
from safetensors.torch import save_file
from torch.distributed.tensor import DTensor

from jobs.training.checkpoints import prune, seal

STAGE = ".part"


class WholeCheckpoints:
    """Mixin for a `transformers.Trainer`. Of the checkpoints, the best by validation loss and the last always stay."""

    keep_checkpoints: int
    _is_saving = False

    def _get_output_dir(self, trial):
        folder = super()._get_output_dir(trial)
        return str(pathlib.Path(folder) / STAGE) if self._is_saving else folder

    def _save_checkpoint(self, model, trial):
        folder, name = pathlib.Path(self.args.output_dir), f"checkpoint-{self.state.global_step}"
        if self.args.should_save:
            shutil.rmtree(folder / STAGE, ignore_errors=True)  # of a process that was killed
        self.accelerator.wait_for_everyone()
        self._is_saving = True
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self._is_saving = False
        self.accelerator.wait_for_everyone()
        self.save_sharded_adapter(folder / STAGE / name)
        if self.args.should_save:
            seal(folder / STAGE / name)
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / STAGE / name).rename(folder / name)
            prune(folder, self.keep_checkpoints, self.state.best_global_step)
        self.accelerator.wait_for_everyone()

    def save_sharded_adapter(self, folder: pathlib.Path) -> bool:
        """With FSDP: gather the adapter alone, not the base, and write it to `folder` in one file. False, and nothing
        done, where the trainer's own way is right: no FSDP, or all weights are trained.
        """
        model = self.accelerator.unwrap_model(self.model)
        if not (self.is_fsdp_enabled and is_peft_model(model)):
            return False
        state = gathered_adapter(model)
        if self.args.should_save:
            folder.mkdir(parents=True, exist_ok=True)
            save_file(state, folder / "adapter_model.safetensors", metadata={"format": "pt"})
            model.peft_config[model.active_adapter].save_pretrained(folder)
        return True


def gathered_adapter(model) -> dict[str, torch.Tensor]:
    """The adapter of a PEFT model under PEFT's names, on the CPU. A sharded one is gathered, one weight after the
    other: every process has to take part.
    """
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    whole = {name: _whole(weight).detach().cpu().contiguous() for name, weight in trained.items()}
    return get_peft_model_state_dict(model, state_dict=whole)


def _whole(weight: torch.Tensor) -> torch.Tensor:
    return weight.full_tensor() if isinstance(weight, DTensor) else weight
