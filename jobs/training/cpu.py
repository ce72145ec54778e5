"""How a job shares the processor and the memory of a machine without a GPU with what else runs there."""

import ctypes
import logging
import os
import sys

log = logging.getLogger(__name__)

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
"""Settings of glibc's allocator, by the numbers in malloc.h (mallopt(3))."""

PADDING = 64 * 2**20
"""Bytes by which the heap grows at least."""


def yield_waiting_cores() -> None:
    """Let OpenMP threads sleep while they wait for one another. Call before torch is imported, or it has no effect.

    By default they spin, which costs nothing on an idle machine and everything on a busy one: two threads beside
    a load of 8 took 3 times as long, and twice the processor time, as with sleeping.
    """
    if "torch" not in sys.modules:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def keep_freed_memory() -> None:
    """Let the process use the memory of a freed tensor for the next one, in pages of 2 MiB. Call it where tensors are
    computed on the CPU, before the first large one is made.

    glibc gives large blocks back to the system as soon as they are free, and the system clears every 4 KiB of the next
    one anew, while the cores wait: with LoRA on a small model that was a third of a step (docs/training.md). What is
    kept is what the job needs again; the price is that a job's memory never becomes less.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # read by PyTorch at its first tensor of that size
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        log.info("this system's C library has no mallopt: memory of freed tensors goes back to the system")
        return
    for setting, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1), (M_TOP_PAD, PADDING)):
        if not mallopt(setting, value):
            log.warning("mallopt(%d, %d) was refused: tensors may be slower to make", setting, value)
