"""Which threads are held out: a hash of the thread, so that no new part ever moves one."""

import hashlib

from contracts.recipe import Split

SPLITS = ("train", "valid", "test")
SALT = "bardloop-1"
"""Part of the hash. Changing it deals all threads anew: test threads of old corpora would become training data."""


def split_of(thread_id: str, shares: Split) -> str:
    """`train`, `valid` or `test` for a thread. The shares hold on average, not exactly."""
    digest = hashlib.sha256(f"{SALT}:{thread_id}".encode()).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    if position < shares.test:
        return "test"
    return "valid" if position < shares.test + shares.valid else "train"
