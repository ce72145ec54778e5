"""Rows of a dataset that somebody else made: JSONL, checked line by line.

In: `train.dataset`, a folder with train.jsonl and valid.jsonl (test.jsonl where the evaluation asks for it), or one
file. Out: the rows of a split with their place. The split of a row of a single file is drawn by a hash of what the row
says, with the shares of corpus.split, so that equal rows never stand on both sides.
"""

import hashlib
import json
import pathlib
from collections.abc import Iterator
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, StringConstraints, ValidationError, model_validator

from contracts.recipe.corpus import Split
from jobs.errors import JobError
from jobs.training.files import sha12

SPLITS = ("train", "valid", "test")

Text = Annotated[str, StringConstraints(strict=True, pattern=r"\S")]


Row = TypeVar("Row", bound=BaseModel)


class Message(BaseModel):
    """One turn of a row."""

    role: Literal["system", "user", "assistant"]
    content: Text


class MessagesRow(BaseModel):
    """A conversation. Other keys of a row have no meaning here."""

    messages: list[Message]

    @model_validator(mode="after")
    def system_comes_first(self):
        roles = [message.role for message in self.messages]
        if not roles:
            raise ValueError("expected at least one message")
        if "system" in roles[1:]:
            raise ValueError("expected a system message as the first or not at all")
        return self


class ContentRow(BaseModel):
    """Running text. Other keys of a row have no meaning here."""

    content: Text


def dataset_digest(dataset: str) -> str:
    """First 12 hex digits of the sha256 over a dataset's files.

    Raises:
        JobError: there is no such file or folder, or no train.jsonl in the folder.
    """
    path = pathlib.Path(dataset)
    if path.is_dir():
        _split_file(path, "train")
        return sha12(sorted(file for split in SPLITS if (file := path / f"{split}.jsonl").is_file()))
    return sha12([_split_file(path, "train")])


def read_rows(dataset: str, split: str, shares: Split, kind: type[Row]) -> Iterator[tuple[str, Row]]:
    """(file:line, row) of one split, in the order of the file.

    Raises:
        JobError: a file is missing or empty, or a line is not such a row: file, line and what was expected.
    """
    path = pathlib.Path(dataset)
    file = _split_file(path, split)
    lines = 0
    with file.open("rb") as lines_of_file:
        for number, line in enumerate(lines_of_file, start=1):
            if not line.strip():
                continue
            lines += 1
            place = f"{file.name}:{number}"
            row = _row(line, f"{file}:{number}", kind)
            if path.is_dir() or _drawn(row, shares) == split:
                yield place, row
    if not lines:
        raise JobError(f"{file}: no rows in it; expected one JSON object with {_keys(kind)} a line")


def _split_file(path: pathlib.Path, split: str) -> pathlib.Path:
    file = path / f"{split}.jsonl" if path.is_dir() else path
    if not file.is_file():
        raise JobError(
            f"{file}: no such file; train.dataset is a JSONL file, or a folder with train.jsonl, valid.jsonl and, "
            f"for evaluate.split test, test.jsonl"
        )
    return file


def _keys(kind: type[BaseModel]) -> str:
    return " and ".join(repr(name) for name in kind.model_fields)


def _row(line: bytes, place: str, kind: type[Row]) -> Row:
    try:
        return kind.model_validate(json.loads(line))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise JobError(f"{place}: not JSON ({error}); expected one object with {_keys(kind)} a line") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "row"
        raise JobError(f"{place}: {key}: {first['msg']}; expected an object with {_keys(kind)}") from error


def _drawn(row: BaseModel, shares: Split) -> str:
    """The split that a row falls into, by a number in [0, 1) that only depends on what it says."""
    number = int.from_bytes(hashlib.sha256(row.model_dump_json().encode()).digest()[:8]) / 2**64
    if number < shares.test:
        return "test"
    return "valid" if number < shares.test + shares.valid else "train"
