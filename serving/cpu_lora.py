"""LoRA on a CPU, right and fast: replaces vLLM 0.32's CPU kernels inside the engine's worker processes.

vLLM's own (lora/punica_wrapper/punica_cpu.py) index the adapters' stacked weights by each token's slot. For rows of
the base that slot is -1, and index -1 is the *last* slot: in a batch that mixes base and adapter, the base replies
with that adapter's voice. They also copy the weights once per token, which halves the speed. Here, rows are grouped
by adapter, each group costs two matrix products, and rows of the base are not touched.

How it gets in: vLLM imports the class named by `worker_extension_cls` in every worker process before the model is
built, and importing this module is what installs the kernels. vLLM's plug-in entry points would need this project
to be an installed package; `worker_cls` would replace vLLM's own choice among its CPU workers.
"""

import torch
import vllm
from torch.nn import functional
from vllm.lora.punica_wrapper.punica_cpu import PunicaWrapperCPU
from vllm.platforms.cpu import CpuPlatform

KNOWN_VERSION = "0.32.0"
"""The vLLM whose kernels these replace. Another one may have moved, renamed or repaired them."""

Rows = slice | torch.Tensor
Groups = tuple[tuple[int, Rows], ...]


def group_rows(slots: torch.Tensor) -> Groups:
    """(slot, its rows) for every adapter slot in `slots` (n,); rows with slot -1, the base's, are in none.

    Rows that lie together come as a slice, so that reading and adding need no copy.
    """
    groups = []
    for slot in slots.unique().tolist():
        if slot < 0:
            continue
        rows = (slots == slot).nonzero().flatten()
        first, last = int(rows[0]), int(rows[-1])
        groups.append((slot, slice(first, last + 1) if last - first + 1 == len(rows) else rows))
    return tuple(groups)


class GroupedLoraCPU(PunicaWrapperCPU):
    """vLLM's CPU wrapper with the kernel of linear layers replaced."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._groups: Groups = ()
        self._matrices: dict[tuple[int, int], tuple] = {}

    def update_metadata(self, *args, **kwargs) -> None:
        """Called once a step, before the layers: group this batch's rows."""
        super().update_metadata(*args, **kwargs)
        self._groups = group_rows(self.token_lora_indices)

    def add_lora_linear(self, y, x, lora_a_stacked, lora_b_stacked, scale, output_slices, *, buffer=None, **kwargs):
        """y (n, out) += (x (n, in) A^T) B^T * scale, in place; the slices of a merged layer (q, k, v) lie side by side.

        `lora_a_stacked`, `lora_b_stacked`: one tensor a slice, (slots, 1, rank, in) and (slots, 1, width, rank).
        """
        for slot, rows in self._groups:
            inputs, outputs = x[rows], y[rows]
            slices = outputs.split(output_slices, dim=1)
            for (a, b), columns in zip(self._of(slot, lora_a_stacked, lora_b_stacked), slices, strict=True):
                columns.addmm_(functional.linear(inputs, a), b, alpha=scale)
            if not isinstance(rows, slice):  # then `outputs` is a copy
                y.index_copy_(0, rows, outputs)

    def _of(self, slot: int, lora_a_stacked, lora_b_stacked) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """(A, B^T) of each slice. Views of tensors that live as long as their layer, so they are made once."""
        key = (id(lora_a_stacked), slot)
        if key not in self._matrices:
            pairs = zip(lora_a_stacked, lora_b_stacked, strict=True)
            views = [(a[slot, 0], b[slot, 0].t()) for a, b in pairs]
            self._matrices[key] = (lora_a_stacked, views)  # holding the tuple keeps its id from being used again
        return self._matrices[key][1]

    def _not_served(self, *args, **kwargs):
        raise NotImplementedError("GroupedLoraCPU serves linear layers only, see serving/cpu_lora.py")

    # The same mistake stands in these. `lora_target_modules` keeps vLLM from calling them.
    add_shrink = add_expand = add_lora_embedding = add_lora_logits = apply_lora_full_linear = _not_served


class CpuLoraWorker:
    """What vLLM adds to its worker class; see the module's docstring for why."""

    def lora_kernels(self) -> list[str]:
        """Names of the kernels that this worker's model uses, for the engine to check from outside."""
        wrappers = self.model_runner.lora_manager._adapter_manager.punica_wrapper_mapping.values()
        return [type(wrapper).__name__ for wrapper in wrappers]


def install() -> None:
    """Make vLLM's CPU platform use `GroupedLoraCPU`.

    Raises:
        RuntimeError: another vLLM than the one these kernels were written for.
    """
    if vllm.__version__.split("+")[0] != KNOWN_VERSION:
        raise RuntimeError(
            f"serving/cpu_lora.py replaces kernels of vLLM {KNOWN_VERSION}, this is {vllm.__version__}: see whether "
            f"tests/serving/test_mixed_batches.py passes without it, then remove it or raise KNOWN_VERSION"
        )
    CpuPlatform.get_punica_wrapper = classmethod(lambda cls: f"{__name__}.{GroupedLoraCPU.__name__}")


install()
