"""Files that appear whole or not at all, and the digests that name them."""

import hashlib
import json
import os
import pathlib
from collections.abc import Iterable


def write_json(path: pathlib.Path, value: object) -> None:
    """Write `value` under a temporary name, then rename: a reader never sees half a file."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_text(path: pathlib.Path, text: str) -> None:
    """Write `text` under a temporary name, then rename."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.rename(path)


def sha12(paths: Iterable[pathlib.Path]) -> str:
    """First 12 hex digits of the sha256 over the bytes of `paths`, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:12]
