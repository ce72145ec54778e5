"""How a training is spread over processes.

In: the recipe and the file of config/accelerate that it names. Out: a Strategy.
"""

import json
from dataclasses import dataclass

from contracts.recipe import Recipe
from jobs.errors import JobError
from jobs.training.launch import ACCELERATE_CONFIGS, read_accelerate_config


@dataclass(frozen=True)
class Strategy:
    """`kind`: `single` (one process), `ddp` (a whole copy each), `fsdp` or `zero3` (weights, gradients and optimizer
    state sharded).
    """

    kind: str
    processes: int
    machines: int = 1
    offload: bool = False
    """Sharded weights wait in the machine's RAM."""
    cpu: bool = False

    @property
    def sharded(self) -> bool:
        return self.kind in ("fsdp", "zero3")


def read_strategy(recipe: Recipe) -> Strategy:
    """The strategy of the recipe's Accelerate config.

    Raises:
        JobError: no such file, or a strategy that plan cannot reckon with.
    """
    config, name = read_accelerate_config(recipe), recipe.train.accelerate
    offload, wanted = False, getattr(config.distributed_type, "value", config.distributed_type)
    if wanted == "FSDP":
        kind, offload = "fsdp", bool(config.fsdp_config.get("fsdp_offload_params"))
    elif wanted == "DEEPSPEED":
        kind, settings = "zero3", config.deepspeed_config
        if file := settings.get("deepspeed_config_file"):
            zero = json.loads((ACCELERATE_CONFIGS.parents[1] / file).read_text())["zero_optimization"]
        else:
            zero = {"stage": settings.get("zero_stage")}
        if zero["stage"] != 3 or "offload_param" in zero or "offload_optimizer" in zero:
            raise JobError(f"config/accelerate/{name}: plan knows DeepSpeed's ZeRO stage 3 without offload only")
    elif config.num_processes > 1:
        kind = "ddp"
    else:
        kind = "single"
    return Strategy(kind, config.num_processes, config.num_machines or 1, offload, bool(config.use_cpu))
