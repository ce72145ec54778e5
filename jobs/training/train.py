"""Job `train`: one LoRA adapter from the chat view of the corpus.

    accelerate launch --quiet --config_file config/accelerate/cpu.yaml -m jobs train --recipe recipes/demo.yaml \\
        --run-id try

In: models/<name>/, corpus/<recipe>/latest.json. Out: runs/<recipe>/<run id>/ with adapter/, metrics.jsonl, wandb/.
Killed at any moment and started again, it goes on from its last checkpoint; finished, it does nothing.
"""

import argparse
import contextlib
import logging
import os
import pathlib
from dataclasses import asdict

from contracts.recipe import Recipe
from jobs.errors import JobError
from jobs.training.base_model import read_base
from jobs.training.cpu import yield_waiting_cores
from jobs.training.files import full_disk_explained, write_json
from jobs.training.launch import check_launch, read_accelerate_config
from jobs.training.run_folder import Inputs, RunFolder
from jobs.training.threads import latest_corpus, read_threads
from jobs.training.tracking import open_wandb, wandb_mode

log = logging.getLogger(__name__)


def run(recipe: Recipe, home: pathlib.Path, arguments: argparse.Namespace) -> dict:
    """Train, or go on training, or say that this run is done.

    Raises:
        JobError: an input is missing, the run id belongs to another training, the processes that run are not those
            of the Accelerate config, or the loss is no number.
    """
    yield_waiting_cores()
    folder = RunFolder(home, recipe, arguments.run_id)
    inputs = _inputs(recipe, home, folder)
    if summary := folder.read_summary():
        return summary | {"unchanged": True}
    mode = wandb_mode(recipe)
    config = read_accelerate_config(recipe)
    check_launch(recipe, config)
    with folder.hold() if _is_main() else contextlib.nullcontext(), full_disk_explained(home):
        if _is_main():
            folder.start(recipe, inputs)
            folder.rewind(recipe.train.max_steps)
        return _train(recipe, home, folder, inputs, config, mode)


def _is_main() -> bool:
    return os.environ.get("RANK", "0") == "0"


def _inputs(recipe: Recipe, home: pathlib.Path, folder: RunFolder) -> Inputs:
    """The digests of what this run trains on. A run that was interrupted keeps the corpus it began with."""
    base = read_base(home / "models" / recipe.model.name)
    before = folder.read_inputs()
    unfinished = before is not None and folder.read_summary() is None
    corpus_digest = before.corpus_digest if unfinished else latest_corpus(home, recipe.name)
    inputs = Inputs(recipe.digest("model", "train"), base["digest"], corpus_digest)
    if before is not None and before != inputs:
        changed = ", ".join(key for key, value in asdict(inputs).items() if value != getattr(before, key))
        raise JobError(f"run {folder.run_id} was trained on something else ({changed} differ): take another --run-id")
    return inputs


def _train(recipe: Recipe, home: pathlib.Path, folder: RunFolder, inputs: Inputs, config, mode: str) -> dict:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # TRL reports its use to the hub otherwise
    import torch
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
    from transformers.trainer_callback import PrinterCallback
    from trl import SFTTrainer

    from jobs.training.progress import ProgressBar, StopOnNan, TrainingLog

    if config.use_cpu:  # accelerate launch sets one thread a process; the recipe says what the job may use
        torch.set_num_threads(max(1, recipe.batch.cpus // config.num_processes))
    settings = _settings(recipe, folder, config)  # also starts the process group, which loading the model looks at
    model_folder = home / "models" / recipe.model.name
    tokenizer = PreTrainedTokenizerFast.from_pretrained(model_folder)
    train_data, valid_data, view = _datasets(recipe, home, inputs, tokenizer)
    if not valid_data:
        settings.eval_strategy = "no"
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=getattr(torch, recipe.train.dtype))
    progress = ProgressBar()
    trainer = SFTTrainer(
        model=model,
        args=settings,
        train_dataset=train_data,
        eval_dataset=valid_data,
        processing_class=tokenizer,
        peft_config=lora_config(recipe),
        callbacks=[StopOnNan()],
    )
    trainer.remove_callback(PrinterCallback)
    check_launch(recipe, config, trainer.accelerator)

    last = folder.last_checkpoint(recipe.train.max_steps)
    if last:
        log.info("going on from %s", last.name)
    with contextlib.ExitStack() as stack:
        if _is_main():
            write_json(folder.path / "view.json", view)
            stack.callback(progress.close)
            wandb_run = stack.enter_context(open_wandb(recipe, folder.run_id, folder.path, mode))
            trainer.add_callback(progress)
            trainer.add_callback(TrainingLog(folder.metrics, wandb_run))
        trainer.train(resume_from_checkpoint=str(last) if last else None)
        return _finish(trainer, folder, inputs)


def _settings(recipe: Recipe, folder: RunFolder, config):
    """The recipe's train section as TRL's settings. What TRL would otherwise choose itself is named here."""
    from trl import SFTConfig

    train = recipe.train
    return SFTConfig(
        output_dir=str(folder.checkpoints),
        max_steps=train.max_steps,
        learning_rate=train.learning_rate,
        lr_scheduler_type=train.lr_scheduler,
        warmup_steps=round(train.warmup_ratio * train.max_steps),
        per_device_train_batch_size=train.batch_size,
        per_device_eval_batch_size=train.batch_size,
        gradient_accumulation_steps=train.gradient_accumulation,
        gradient_checkpointing=train.gradient_checkpointing,
        max_length=train.max_length,
        packing=train.packing,
        bf16=train.dtype == "bfloat16",  # TRL's default is True, on CPUs too
        use_cpu=config.use_cpu,
        dataloader_pin_memory=not config.use_cpu,
        seed=train.seed,
        logging_steps=min(train.logging_steps, train.max_steps),  # at least one line, however short the run
        logging_nan_inf_filter=False,  # the default would hide a loss that is no number behind an older one
        save_steps=train.save_steps,
        save_total_limit=2,
        eval_strategy="steps",
        eval_steps=train.save_steps,
        disable_tqdm=True,
        report_to="none",  # progress.py writes to wandb
    )


def lora_config(recipe: Recipe):
    """The recipe's LoRA settings as PEFT's."""
    from peft import LoraConfig

    lora, modules = recipe.train.lora, recipe.train.lora.target_modules
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=modules if isinstance(modules, str) else list(modules),
        task_type="CAUSAL_LM",
    )


def _datasets(recipe: Recipe, home: pathlib.Path, inputs: Inputs, tokenizer):
    """(training data, at most evaluate.max_samples of validation data or None, report of the view by split)."""
    from datasets import Dataset

    from jobs.training.chat_view import chat_view

    data, reports = {}, {}
    for split in ("train", "valid"):
        threads = read_threads(home, recipe.name, inputs.corpus_digest, split)
        samples, report = chat_view(threads, tokenizer, recipe.train.max_length)
        reports[split] = asdict(report)
        log.info("chat view of %s: %s", split, report)
        if split == "valid":
            samples = samples[: recipe.evaluate.max_samples]
        rows = [{"input_ids": sample.input_ids, "labels": sample.labels} for sample in samples]
        data[split] = Dataset.from_list(rows) if rows else None
    if data["train"] is None:
        raise JobError(f"corpus {inputs.corpus_digest} gives no training samples: {reports['train']}")
    return data["train"], data["valid"], reports


def _finish(trainer, folder: RunFolder, inputs: Inputs) -> dict:
    """Save the adapter and the summary. Every process takes part: with FSDP each one holds a shard."""
    if trainer.is_fsdp_enabled:
        trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
    part = folder.path / ".adapter.part"
    trainer.save_model(str(part))
    trainer.accelerator.wait_for_everyone()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    summary = {
        "run_id": folder.run_id,
        "run": str(folder.path),
        "adapter": str(folder.adapter),
        "steps": trainer.state.global_step,
        "train_loss": round(sum(losses) / len(losses), 4),
        "corpus_digest": inputs.corpus_digest,
        "unchanged": False,
    }
    if _is_main():
        folder.publish_adapter(part)
        folder.finish(summary)
    return summary
