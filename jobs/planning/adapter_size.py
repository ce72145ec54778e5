"""Which modules a LoRA adapter changes, and how many parameters that makes.

In: a model's shape, the recipe's LoRA settings. Out: modules with their sizes, a number of parameters.
"""

import re

from contracts.recipe import Lora
from jobs.errors import JobError
from jobs.planning.shape import ModelShape


def adapted_modules(shape: ModelShape, lora: Lora) -> list[tuple[str, int, int]]:
    """(full name, columns in, columns out) of each module with an adapter, chosen as PEFT chooses.

    `all-linear` leaves the output layer out; another string is a regular expression for the whole name; a list holds
    last parts of names (peft.tuners.tuners_utils.check_target_module_exists).

    Raises:
        JobError: no module has such a name.
    """
    linears = [
        (f"model.layers.{layer}.{name}", columns_in, columns_out)
        for layer in range(shape.layers)
        for name, (columns_in, columns_out) in shape.layer_linears.items()
    ]
    target = lora.target_modules
    if target == "all-linear":
        return linears
    linears.append(("lm_head", shape.hidden, shape.vocabulary))
    if isinstance(target, str):
        chosen = [module for module in linears if re.fullmatch(target, module[0])]
    else:
        chosen = [m for m in linears if any(m[0] == t or m[0].endswith(f".{t}") for t in target)]
    if not chosen:
        known = ", ".join([*(name.rpartition(".")[2] for name in shape.layer_linears), "lm_head"])
        raise JobError(f"train.lora.target_modules {target!r} names no linear module of the base; its modules: {known}")
    return chosen


def adapter_parameters(shape: ModelShape, lora: Lora) -> int:
    """A (rank x in) and B (out x rank) of each module (Hu et al. 2021, section 4.1); DoRA adds a magnitude for each
    column out (Liu et al. 2024, section 4).
    """
    return sum(
        lora.rank * (columns_in + columns_out) + (columns_out if lora.dora else 0)
        for _, columns_in, columns_out in adapted_modules(shape, lora)
    )
