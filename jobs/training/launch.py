"""Is the training running as its Accelerate config says?

Accelerate takes an impossible wish silently for a possible one (FSDP on CPUs becomes plain data parallelism),
and a job started without `accelerate launch` runs as one process. Both would train, but not what was asked for.
"""

import os
import pathlib

from contracts.recipe import Recipe
from jobs.errors import JobError

SWITCHES = {"FSDP": "ACCELERATE_USE_FSDP", "DEEPSPEED": "ACCELERATE_USE_DEEPSPEED"}
"""What `accelerate launch` sets in the environment of the processes that are to shard."""
ACCELERATE_CONFIGS = pathlib.Path(__file__).parents[2] / "config" / "accelerate"


def read_accelerate_config(recipe: Recipe):
    """The recipe's Accelerate config (`accelerate.commands.config.config_args.ClusterConfig`).

    Raises:
        JobError: no such file, or it asks for another number of processes than the recipe's batch section.
    """
    from accelerate.commands.config.config_args import load_config_from_file

    path = ACCELERATE_CONFIGS / recipe.train.accelerate
    if not path.is_file():
        known = ", ".join(sorted(p.name for p in ACCELERATE_CONFIGS.glob("*.yaml")))
        raise JobError(f"train.accelerate: no file {path.name} in config/accelerate; there are: {known}")
    config = load_config_from_file(str(path))
    if config.use_cpu and config.distributed_type.value in SWITCHES:
        raise JobError(
            f"config/accelerate/{path.name}: on CPUs Accelerate does not shard; choose cpu_2.yaml or cpu.yaml"
        )
    if config.num_processes != recipe.batch.processes:
        raise JobError(
            f"config/accelerate/{path.name} says {config.num_processes} processes, batch.processes of the recipe "
            f"{recipe.batch.processes}: make them agree"
        )
    return config


def check_launch(recipe: Recipe, config, accelerator=None) -> None:
    """Compare the running processes, and the running strategy once there is an accelerator, with `config`.

    Raises:
        JobError: something else runs than was asked for.
    """
    processes, name = int(os.environ.get("WORLD_SIZE", "1")), recipe.train.accelerate
    start = f"start with `accelerate launch --config_file config/accelerate/{name} -m jobs train ...`"
    if processes != config.num_processes:
        raise JobError(f"{processes} training processes run, {name} asks for {config.num_processes}: {start}")
    switch = SWITCHES.get(config.distributed_type.value)
    if switch and os.environ.get(switch) != "true":  # seen before a large model is loaded
        raise JobError(f"{name} asks for {config.distributed_type.value}, {switch} is not set: {start}")
    wanted = config.distributed_type.value
    if config.use_cpu and wanted == "MULTI_GPU":
        wanted = "MULTI_CPU"
    if accelerator is not None and accelerator.distributed_type.value != wanted:
        raise JobError(
            f"{name} asks for {wanted}, Accelerate runs {accelerator.distributed_type.value}: "
            f"{start}, on hardware that can do it"
        )
