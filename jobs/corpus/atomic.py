"""Write a small file so that a reader sees all of it or none."""

import json
import pathlib


def write_json(path: pathlib.Path, value: dict) -> None:
    """Write `value` as JSON under a temporary name beside `path`, then rename."""
    temporary = path.with_name(path.name + ".partial")
    temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    temporary.rename(path)
