"""Files and folders that a reader sees whole or not at all."""

import contextlib
import json
import pathlib
import shutil
from collections.abc import Iterator


def write_json(path: pathlib.Path, value: dict) -> None:
    """Write `value` as JSON under a temporary name beside `path`, then rename."""
    temporary = path.with_name(path.name + ".partial")
    temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    temporary.rename(path)


@contextlib.contextmanager
def new_folder(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder to fill, renamed to `folder` when the block ends well and removed when it fails.

    What a killed run left under the temporary name goes first.
    """
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    partial.rename(folder)
