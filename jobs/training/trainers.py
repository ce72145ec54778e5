"""The trainer of each method. A new method (KTO) is an entry in TRAINERS and a trainer class of TRL.

In: recipe, model, data. Out: a trainer that counts tokens, keeps whole checkpoints and stops at a loss that is no
number.
"""

import functools
import math
import pathlib
import shutil

import torch
from peft import PeftModel
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from contracts.recipe import Recipe
from jobs.errors import JobError
from jobs.training.checkpoint_writer import WholeCheckpoints
from jobs.training.files import write_json
from jobs.training.methods import loraplus_optimizer
from jobs.training.throughput import Throughput

SCHEDULER_SETTINGS = {
    "cosine_with_min_lr": lambda steps: {"min_lr_rate": 0.1},
    "warmup_stable_decay": lambda steps: {"num_decay_steps": max(1, steps // 10)},
}
"""What schedules want to know beside their warm-up, by the number of steps."""
OF_A_BATCH = ("input_ids", "labels", "completion_mask")
"""What is written of a batch with a loss that is no number."""
REFERENCE = "ref"
"""TRL's name for the copy of the adapter that it starts from."""


class LongRun(WholeCheckpoints):
    """Mixin for a trainer of TRL: what a long run needs around each step."""

    def __init__(self, recipe: Recipe, folder: pathlib.Path, throughput: Throughput, **kwargs):
        self.recipe, self.folder, self.throughput = recipe, folder, throughput
        self.keep_checkpoints = recipe.train.keep_checkpoints
        super().__init__(**kwargs)
        if recipe.train.quantization and recipe.train.dtype == "float32":
            _to_float32(self.model)

    def create_optimizer(self, model=None):
        ratio = self.recipe.train.lora.plus_ratio
        if self.optimizer is None and ratio is not None and self.recipe.train.tuning == "lora":
            self.optimizer = loraplus_optimizer(self, ratio)
        return super().create_optimizer(model)

    def training_step(self, model, inputs, num_items_in_batch=None):
        self.throughput.count(inputs)
        batch = {name: inputs[name] for name in OF_A_BATCH if name in inputs}  # the trainer takes labels out
        loss = super().training_step(model, inputs, num_items_in_batch)
        if not math.isfinite(loss.item()):
            self._stop_at(batch, loss.item())
        return loss

    def _stop_at(self, batch: dict[str, torch.Tensor], loss: float) -> None:
        step, rank = self.state.global_step + 1, self.args.process_index
        path = self.folder / f"bad_batch-step-{step}-rank-{rank}.json"
        texts = self.processing_class.batch_decode(batch["input_ids"])
        ids = {name: tensor.tolist() for name, tensor in batch.items()}
        write_json(path, {"step": step, "loss": str(loss), "texts": texts, **ids})
        raise JobError(
            f"loss is {loss} at step {step}: the training has diverged; the batch is in {path}; look for odd data "
            f"there, or lower train.learning_rate, and start a new run"
        )


class SupervisedTrainer(LongRun, SFTTrainer):
    """TRL's trainer for samples with labels."""


class PreferenceTrainer(LongRun, DPOTrainer):
    """TRL's trainer for pairs. The reference is the parent, of which TRL keeps a copy beside the adapter that is
    trained, or the base where there is none."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if REFERENCE in self.model.peft_config:
            _copy_to_reference(self.model)

    def _prepare_dataset(self, dataset, *args):
        """Pairs come as tokens (jobs/training/pairs.py). TRL would tokenise texts, and let each post end there."""
        return dataset

    def _save(self, output_dir=None, state_dict=None):
        super()._save(output_dir, state_dict)
        shutil.rmtree(pathlib.Path(output_dir or self.args.output_dir) / REFERENCE, ignore_errors=True)  # the parent


def _settings(recipe: Recipe, checkpoints: pathlib.Path, config) -> dict:
    """The recipe's train section as transformers' settings; `config` is the Accelerate config. What TRL would otherwise
    choose itself is named here.
    """
    train = recipe.train
    schedule = SCHEDULER_SETTINGS.get(train.lr_scheduler, lambda steps: {})
    return {
        "output_dir": str(checkpoints),
        "max_steps": train.max_steps,
        "learning_rate": train.learning_rate,
        "lr_scheduler_type": train.lr_scheduler,
        "lr_scheduler_kwargs": schedule(train.max_steps),
        "warmup_steps": round(train.warmup_ratio * train.max_steps),
        "weight_decay": train.weight_decay,
        "max_grad_norm": train.max_grad_norm,
        "per_device_train_batch_size": train.batch_size,
        "per_device_eval_batch_size": train.batch_size,
        "gradient_accumulation_steps": train.gradient_accumulation,
        "gradient_checkpointing": train.gradient_checkpointing,
        "bf16": train.dtype == "bfloat16",  # TRL's default is True, on CPUs too
        "use_cpu": config.use_cpu,
        "dataloader_pin_memory": not config.use_cpu,
        "seed": train.seed,
        "logging_steps": min(train.logging_steps, train.max_steps),  # at least one line, however short the run
        "logging_nan_inf_filter": False,  # the default would hide a loss that is no number behind an older one
        "save_steps": train.save_steps,
        "eval_strategy": "steps",
        "eval_steps": train.save_steps,
        "restore_callback_states_from_checkpoint": True,  # early stopping counts on
        "metric_for_best_model": "eval_loss",
        "greater_is_better": False,
        "disable_tqdm": True,
        "report_to": "none",  # training_log.py writes to wandb
    }


def sft_settings(recipe: Recipe, checkpoints: pathlib.Path, config) -> SFTConfig:
    """For samples."""
    train = recipe.train
    settings = _settings(recipe, checkpoints, config)
    return SFTConfig(max_length=train.max_length, packing=train.packing, **settings)


def dpo_settings(recipe: Recipe, checkpoints: pathlib.Path, config) -> DPOConfig:
    """For pairs, none of which is longer than train.max_length."""
    dpo = recipe.train.dpo
    weights = {"sigmoid": 1.0} | ({"sft": dpo.sft_weight} if dpo.sft_weight else {})
    return DPOConfig(
        max_length=None,
        disable_dropout=True,  # the recipe has none: likelihoods of two models are compared
        beta=dpo.beta,
        loss_type=list(weights),
        loss_weights=list(weights.values()),
        **_settings(recipe, checkpoints, config),
    )


def _trainer(kind, recipe: Recipe, folder: pathlib.Path, throughput: Throughput, settings, model, data, **kwargs):
    """A trainer for `data` ({"train", "valid"}: datasets or None). `kwargs` go to TRL's trainer."""
    if not data["valid"]:
        settings.eval_strategy, settings.metric_for_best_model = "no", None
    datasets = {"train_dataset": data["train"], "eval_dataset": data["valid"]}
    return kind(recipe, folder, throughput, model=model, args=settings, **datasets, **kwargs)


def _to_float32(model: PeftModel) -> None:
    """Adapter weights in the training dtype: on a quantised base TRL makes them bfloat16, which CPUs are slow at."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def _copy_to_reference(model: PeftModel) -> None:
    """Make the reference what is trained, to the bit: TRL copies before it changes the dtype of a quantised base's
    adapter, and leaves adapters of embeddings out.
    """
    weights = dict(model.named_parameters())
    for name, weight in weights.items():
        if ".default" in name:
            weights[name.replace(".default", f".{REFERENCE}")].data = weight.data.clone()


TRAINERS = {
    "sft": (sft_settings, functools.partial(_trainer, SupervisedTrainer)),
    "dpo": (dpo_settings, functools.partial(_trainer, PreferenceTrainer)),
}
"""Of each method: its settings and its trainer."""
