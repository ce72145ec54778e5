"""Job `train`: one LoRA adapter from the chat view of the corpus.

    accelerate launch --quiet --config_file config/accelerate/cpu.yaml -m jobs train --recipe recipes/demo.yaml \\
        --run-id try

In: models/<name>/, corpus/<recipe>/latest.json. Out: runs/<recipe>/<run id>/ with adapter/, metrics.jsonl, wandb/.
Killed at any moment and started again, it goes on from its last whole checkpoint; finished, it does nothing.
"""

import argparse
import contextlib
import logging
import os
import pathlib
from dataclasses import asdict

from contracts.recipe import Recipe
from jobs.errors import JobError, Preempted
from jobs.planning.plan import check_fits
from jobs.training.base_model import read_base
from jobs.training.checkpoints import is_over, read_state
from jobs.training.cpu import keep_freed_memory, yield_waiting_cores
from jobs.training.files import full_disk_explained
from jobs.training.launch import check_launch, read_accelerate_config
from jobs.training.methods import load_base, lora_config, parent_folder
from jobs.training.prepared import open_prepared, prepare
from jobs.training.run_folder import Inputs, RunFolder
from jobs.training.tracking import open_rows, wandb_mode
from jobs.training.views import source_digest

log = logging.getLogger(__name__)


def run(recipe: Recipe, home: pathlib.Path, arguments: argparse.Namespace) -> dict:
    """Train, or go on training, or say that this run is done.

    Raises:
        JobError: an input is missing, the run id belongs to another training, the processes that run are not those
            of the Accelerate config, what is asked for cannot fit on the GPUs, or the loss is no number.
        Preempted: SIGTERM came; a checkpoint was written.
    """
    yield_waiting_cores()
    folder = RunFolder(home, recipe, arguments.run_id)
    inputs = _inputs(recipe, home, folder)
    if summary := folder.read_summary():
        return summary | {"unchanged": True}
    mode = wandb_mode(recipe)
    config = read_accelerate_config(recipe)
    check_launch(recipe, config)
    if recipe.batch.gpus:
        check_fits(recipe, home)
    with folder.hold() if _is_main() else contextlib.nullcontext(), full_disk_explained(home):
        last = None
        if _is_main():
            folder.start(recipe, inputs)
            last = folder.rewind(recipe.train.max_steps)
        return _train(recipe, home, folder, inputs, config, mode, last)


def _is_main() -> bool:
    return os.environ.get("RANK", "0") == "0"


def _inputs(recipe: Recipe, home: pathlib.Path, folder: RunFolder) -> Inputs:
    """The digests of what this run trains on. A run that was interrupted keeps the corpus it began with."""
    base = read_base(home / "models" / recipe.model.name)
    before = folder.read_inputs()
    unfinished = before is not None and folder.read_summary() is None
    corpus_digest = before.corpus_digest if unfinished else source_digest(recipe, home)
    inputs = Inputs(recipe.digest("model", "train"), base["digest"], corpus_digest)
    if before is not None and before != inputs:
        changed = ", ".join(key for key, value in asdict(inputs).items() if value != getattr(before, key))
        raise JobError(f"run {folder.run_id} was trained on something else ({changed} differ): take another --run-id")
    return inputs


def _train(
    recipe: Recipe, home: pathlib.Path, folder: RunFolder, inputs: Inputs, config, mode: str, last: pathlib.Path | None
) -> dict:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # TRL reports its use to the hub otherwise
    import torch
    from transformers import PreTrainedTokenizerFast
    from transformers.trainer_callback import PrinterCallback

    from jobs.training.profile import StepProfiler
    from jobs.training.progress_bar import ProgressBar
    from jobs.training.stopping import Preemption, StopOnNan, early_stop
    from jobs.training.throughput import Throughput
    from jobs.training.trainers import TRAINERS
    from jobs.training.training_log import TrainingLog

    if config.use_cpu:  # accelerate launch sets one thread a process; the recipe says what the job may use
        torch.set_num_threads(max(1, recipe.batch.cpus // config.num_processes))
        keep_freed_memory()
    make_settings, make_trainer = TRAINERS[recipe.train.method]
    settings = make_settings(recipe, folder.checkpoints, config)  # also starts the process group: loading looks at it
    if not (config.use_cpu or torch.cuda.is_available()):
        raise JobError(
            f"{recipe.train.accelerate} trains on GPUs, PyTorch sees none here; check the driver (nvidia-smi)"
        )
    last = _for_all(last)
    if last and is_over(last, recipe.train.max_steps):  # killed between its last checkpoint and its result
        state = folder.result_of(last) if _is_main() else read_state(last)
        return _finish(folder, inputs, state)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(home / "models" / recipe.model.name)
    with contextlib.ExitStack() as stack:
        if _is_main():  # wandb first: when it is wanted and not there, nothing was done in vain
            wandb_rows = stack.enter_context(open_rows(recipe, folder.run_id, folder.path, mode))
            prepare(recipe, home, folder, inputs.corpus_digest, tokenizer)
        data = open_prepared(recipe, folder)
        preemption, throughput = Preemption(), Throughput()
        callbacks = [StopOnNan(), preemption, *early_stop(recipe, bool(data["valid"]))]
        if recipe.train.profile:
            callbacks.append(StepProfiler(recipe.train.profile, folder.path / "profile"))
        if _is_main():
            progress = ProgressBar()
            stack.callback(progress.close)
            callbacks += [progress, TrainingLog(folder.metrics, wandb_rows, throughput, config.num_processes)]
        trainer = make_trainer(
            recipe,
            folder.path,
            throughput,
            settings,
            **_model(recipe, home, inputs),
            data=data,
            processing_class=tokenizer,
            callbacks=callbacks,
        )
        trainer.remove_callback(PrinterCallback)
        check_launch(recipe, config, trainer.accelerator)
        if last:
            log.info("going on from %s", last.name)
        trainer.train(resume_from_checkpoint=str(last) if last else None)
        if preemption.stopped:
            raise Preempted(f"ended by SIGTERM after step {trainer.state.global_step}; start it again and it goes on")
        _save(trainer, folder.part)
        return _finish(folder, inputs, asdict(trainer.state))


def _for_all(checkpoint: pathlib.Path | None) -> pathlib.Path | None:
    """The checkpoint to go on from, as the first process sees it: all must go on from the same one."""
    import torch

    chosen = [checkpoint]
    if torch.distributed.is_initialized():
        torch.distributed.broadcast_object_list(chosen)
    return chosen[0]


def _model(recipe: Recipe, home: pathlib.Path, inputs: Inputs) -> dict:
    """The model to train, as arguments of the trainer: with a fresh adapter, the parent's adapter, or none."""
    parent = parent_folder(recipe, home, inputs.base_digest)
    base = load_base(recipe, home / "models" / recipe.model.name)
    if recipe.train.tuning == "full":
        return {"model": base}
    if parent is None:
        return {"model": base, "peft_config": lora_config(recipe)}
    from peft import PeftModel

    model = PeftModel.from_pretrained(base, parent, is_trainable=True)
    model.peft_config["default"].base_model_name_or_path = base.name_or_path  # or PEFT looks for its name on the hub
    return {"model": model}


def _save(trainer, part: pathlib.Path) -> None:
    """What was trained, in the form of a checkpoint. Every process takes part: with FSDP each one holds a shard."""
    if not trainer.save_sharded_adapter(part):
        if trainer.is_fsdp_enabled:
            trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
        trainer.save_model(str(part))
    trainer.accelerator.wait_for_everyone()


def _finish(folder: RunFolder, inputs: Inputs, state: dict) -> dict:
    """Publish what lies in the run's `.result.part`, and the summary by the trainer's state."""
    losses = [entry["loss"] for entry in state["log_history"] if "loss" in entry]
    summary = {
        "run_id": folder.run_id,
        "run": str(folder.path),
        folder.result.name: str(folder.result),
        "steps": state["global_step"],
        "train_loss": round(sum(losses) / len(losses), 4)
        if losses
        else None,  # none when it ended before the first line
        "corpus_digest": inputs.corpus_digest,
        "unchanged": False,
    }
    if _is_main():
        folder.publish_result()
        folder.finish(summary)
    return summary
