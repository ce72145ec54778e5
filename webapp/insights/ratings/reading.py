"""Battle records from a file, as peers keep them.

In: FastChat's cleaned battles as a JSON array or one object a line, or the same columns as CSV or Parquet. Out:
`Battles`. Columns: model_a, model_b, winner (contracts/battle.py); and if there: judge (the voter), question_id (what
was judged), count (so many equal votes), side_shown (the side on which model_a stood; without it model_a stood left).
Where style is asked for: conversation_a and conversation_b. Other columns are ignored.
"""

import json
import pathlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TextIO

import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet

from webapp.insights.ratings.battles import Battles, Outcome
from webapp.insights.ratings.style import FIGURES, difference

COLUMNS = ("model_a", "model_b", "winner", "judge", "question_id", "count", "side_shown")
NEEDED = COLUMNS[:3]
CONVERSATIONS = ("conversation_a", "conversation_b")
BY_MODELS = "assistant"
WINNERS = {"model_a": Outcome.LEFT, "model_b": Outcome.RIGHT, "tie": Outcome.TIE, "tie (bothbad)": Outcome.BOTH_BAD}
LARGEST_COUNT = 2**53
"""Counts are added up as floats, exact so far."""


class BadBattles(ValueError):
    """The file cannot be used. The message says where, what was expected and what to do."""


class _Message(tuple):
    """Of a conversation: the figures of what a model said; of what a person said, zeros."""


class _Row(tuple):
    """Of a JSON file, cut down to the columns that are read."""


def read(path: pathlib.Path, style: Sequence[str] = ()) -> Battles:
    """Read a file of any size that fits in memory, by its ending: .json, .jsonl, .csv or .parquet.

    Args:
        path: the file.
        style: names of `style.FIGURES` that become covariates, taken of the conversations.

    Raises:
        BadBattles: it cannot be read, or a row is wrong.
    """
    readers: dict[str, Callable] = {".json": _json, ".jsonl": _json, ".csv": _csv, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise BadBattles(f"{path}: expected a file that ends in {', '.join(readers)}")
    if style and reader is _csv:
        raise BadBattles(f"{path}: style needs the conversations, which .json, .jsonl or .parquet can hold")
    try:
        columns, rows = reader(path, style)
    except OSError as error:
        raise BadBattles(f"{path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, pyarrow.ArrowInvalid) as error:
        raise BadBattles(f"{path}: not a {path.suffix} file that can be read: {error}") from error
    battles = _battles(path, columns, rows)
    return replace(battles, covariates=_styles(path, columns, rows), covariate_names=tuple(style)) if style else battles


def _json(path: pathlib.Path, style: Sequence[str]) -> tuple[dict[str, list], Sequence[int]]:
    """Columns and the number of each row: place in the array, or line. Absent values are None."""
    names = COLUMNS + CONVERSATIONS * bool(style)

    def cut(value: dict) -> tuple:
        # An object is cut down as soon as it is parsed, so that a million conversations do not fill the memory.
        return _message(value, style) if style and "role" in value else _Row(map(value.get, names))

    with path.open(encoding="utf-8") as file:
        first = next((character for character in iter(lambda: file.read(1), "") if not character.isspace()), "")
        file.seek(0)
        found = (_array if first == "[" else _lines)(path, file, cut)
    for number, row in found:
        if type(row) is not _Row:
            raise BadBattles(f"{path}, row {number}: expected an object with {', '.join(NEEDED)}")
    columns = zip(*(row for _, row in found), strict=True) if found else ((),) * len(names)
    named = {name: list(column) for name, column in zip(names, columns, strict=True)}
    return named, [number for number, _ in found]


def _array(path: pathlib.Path, file: TextIO, cut: Callable) -> list[tuple[int, object]]:
    try:
        return list(enumerate(json.load(file, object_hook=cut), 1))
    except json.JSONDecodeError as error:
        raise BadBattles(f"{path}: no valid JSON array: {error}") from error


def _lines(path: pathlib.Path, file: TextIO, cut: Callable) -> list[tuple[int, object]]:
    found: list[tuple[int, object]] = []
    for number, line in enumerate(file, 1):
        try:
            found.append((number, json.loads(line, object_hook=cut)))
        except json.JSONDecodeError as error:
            if line.isspace():
                continue
            raise BadBattles(f"{path}, row {number}: no valid JSON ({error}): mend or remove the line") from error
    return found


def _csv(path: pathlib.Path, style: Sequence[str]) -> tuple[dict[str, list], Sequence[int]]:
    """Row 1 is the one after the heading."""
    lines = pyarrow.csv.ParseOptions(newlines_in_values=True)  # in columns that are ignored: conversations
    with pyarrow.csv.open_csv(path, parse_options=lines) as file:
        there = [name for name in COLUMNS if name in file.schema.names]
    kept = pyarrow.csv.ConvertOptions(
        include_columns=there,
        column_types={name: pyarrow.string() for name in there},
        null_values=[""],
        strings_can_be_null=True,
    )
    return _table(path, pyarrow.csv.read_csv(path, parse_options=lines, convert_options=kept))


def _parquet(path: pathlib.Path, style: Sequence[str]) -> tuple[dict[str, list], Sequence[int]]:
    there = set(pyarrow.parquet.read_schema(path).names)
    columns, rows = _table(path, pyarrow.parquet.read_table(path, columns=[name for name in COLUMNS if name in there]))
    for name in CONVERSATIONS * bool(style):
        with pyarrow.parquet.ParquetFile(path) as file:
            batches = file.iter_batches(1000, columns=[name]) if name in there else ()
            talks = [talk for batch in batches for talk in _talks(batch.column(0), style)]
        columns[name] = talks or [None] * len(rows)
    return columns, rows


def _talks(column: pyarrow.Array, style: Sequence[str]) -> list:
    return [
        [_message(message, style) if type(message) is dict else message for message in talk] if talk else talk
        for talk in column.to_pylist()
    ]


def _message(message: dict, style: Sequence[str]) -> _Message | None:
    """None for a message that is none."""
    text = message.get("content")
    if type(text) is not str:
        return None
    return _Message(FIGURES[name](text) if message.get("role") == BY_MODELS else 0 for name in style)


def _table(path: pathlib.Path, table: pyarrow.Table) -> tuple[dict[str, list], Sequence[int]]:
    missing = [name for name in NEEDED if name not in table.column_names]
    if missing:
        raise BadBattles(f"{path}: no column {', '.join(missing)}: expected {', '.join(NEEDED)}")
    rows = table.num_rows
    there = {name: table[name].to_pylist() if name in table.column_names else [None] * rows for name in COLUMNS}
    return there, range(1, rows + 1)


def _battles(path: pathlib.Path, columns: dict[str, list], rows: Sequence[int]) -> Battles:
    numbers: dict[str, int] = {}
    sides = []
    for name in ("model_a", "model_b"):
        for row, value in zip(rows, columns[name], strict=True):
            if type(value) is not str or not value:
                _refuse(path, row, name, value, "a model's name")
            numbers.setdefault(value, len(numbers))
        sides.append(np.fromiter(map(numbers.__getitem__, columns[name]), np.intp, len(rows)))
    first, second = sides
    if (same := first == second).any():
        row = int(same.argmax())
        _refuse(path, rows[row], "model_b", columns["model_b"][row], "another model than model_a")
    outcome = _coded(path, rows, "winner", columns["winner"], WINNERS)
    stood = _coded(path, rows, "side_shown", columns["side_shown"], {None: 0, "left": 0, "right": 1}).astype(bool)
    mirrored = np.where(stood & (outcome != Outcome.TIE) & (outcome != Outcome.BOTH_BAD), 2 - outcome, outcome)
    return Battles(
        models=tuple(numbers),
        left=np.where(stood, second, first),
        right=np.where(stood, first, second),
        outcome=mirrored,
        count=_counts(path, rows, columns["count"]),
        voter=_numbered(path, rows, "judge", columns["judge"], "who voted"),
        battle=_numbered(path, rows, "question_id", columns["question_id"], "what was judged"),
    )


def _styles(path: pathlib.Path, columns: dict[str, list], rows: Sequence[int]) -> np.ndarray:
    """(n, figures) covariates: by how much the left model's replies have more of it."""
    sides = []
    for name in CONVERSATIONS:
        for row, talk in zip(rows, columns[name], strict=True):
            if type(talk) is not list or not talk or any(type(message) is not _Message for message in talk):
                _refuse(
                    path, row, name, talk and "…", "a list of messages with role and content, as style is asked for"
                )
        sides.append(np.array([np.sum(talk, axis=0) for talk in columns[name]]))
    stood = np.array([side == "right" for side in columns["side_shown"]])[:, None]
    left, right = np.where(stood, sides[::-1], sides)
    return np.stack([difference(*figure) for figure in zip(left.T, right.T, strict=True)], axis=1)


def _coded(path: pathlib.Path, rows: Sequence[int], name: str, values: list, codes: dict) -> np.ndarray:
    try:
        return np.fromiter(map(codes.__getitem__, values), np.int8, len(rows))
    except (KeyError, TypeError):
        expected = ", ".join(repr(code) for code in codes if code)
        for row, value in zip(rows, values, strict=True):
            if not isinstance(value, str | None) or value not in codes:
                _refuse(path, row, name, value, f"one of {expected}")
        raise


def _counts(path: pathlib.Path, rows: Sequence[int], values: list) -> np.ndarray | None:
    if all(value is None for value in values):
        return None
    counts = np.empty(len(rows), dtype=np.int64)
    for position, (row, value) in enumerate(zip(rows, values, strict=True)):
        number = int(value) if type(value) is str and value.isdecimal() and len(value) < 17 else value
        if type(number) is float and number.is_integer():  # a whole number as a table with gaps keeps it
            number = int(number)
        if type(number) is not int or not 1 <= number <= LARGEST_COUNT:
            _refuse(path, row, "count", value, "a whole number from 1")
        counts[position] = number
    return counts


def _numbered(path: pathlib.Path, rows: Sequence[int], name: str, values: list, what: str) -> np.ndarray | None:
    if all(value is None for value in values):
        return None
    numbers: dict = {}
    for row, value in zip(rows, values, strict=True):
        if type(value) not in (str, int) or value == "":
            _refuse(path, row, name, value, f"{what}, in every row or in none")
        numbers.setdefault(value, len(numbers))
    return np.fromiter(map(numbers.__getitem__, values), np.intp, len(rows))


def _refuse(path: pathlib.Path, row: int, column: str, value: object, expected: str) -> None:
    shown = "missing" if value is None else repr(value)
    raise BadBattles(f"{path}, row {row}: {column} is {shown}, expected {expected}: mend or remove the row")
