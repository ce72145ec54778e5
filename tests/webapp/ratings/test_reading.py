"""Files of battles: four kinds, one meaning; and what is said of a row that is wrong."""

import json

import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest

from contracts.battle import FastChatBattle
from webapp.insights.ratings.battles import Battles, Outcome
from webapp.insights.ratings.fit import fit
from webapp.insights.ratings.reading import BadBattles, read

ROWS = [
    {"model_a": "base", "model_b": "new", "winner": "model_b", "judge": "ann"},
    {"model_a": "new", "model_b": "base", "winner": "model_b", "judge": "bob"},
    {"model_a": "new", "model_b": "old", "winner": "tie", "judge": "ann"},
    {"model_a": "old", "model_b": "base", "winner": "tie (bothbad)", "judge": "cy"},
]


def _write(folder, kind, rows):
    path = folder / f"battles{kind}"
    if kind == ".json":
        path.write_text(json.dumps(rows))
    elif kind == ".jsonl":
        path.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    else:
        table = pyarrow.Table.from_pylist(rows)
        (pyarrow.csv.write_csv if kind == ".csv" else pyarrow.parquet.write_table)(table, path)
    return path


@pytest.mark.parametrize("kind", [".json", ".jsonl", ".csv", ".parquet"])
def test_it_works_for_every_kind(tmp_path, kind):
    found = read(_write(tmp_path, kind, ROWS))
    assert found.models == ("base", "new", "old")
    assert found.left.tolist() == [0, 1, 1, 2] and found.right.tolist() == [1, 0, 2, 0]
    assert found.outcome.tolist() == [Outcome.RIGHT, Outcome.RIGHT, Outcome.TIE, Outcome.BOTH_BAD]
    assert found.voter.tolist() == [0, 1, 0, 2] and found.voters == 3
    assert (found.votes, found.both_bad, found.count) == (4, 1, None)


@pytest.mark.parametrize("kind", [".json", ".jsonl", ".csv", ".parquet"])
def test_counts_are_votes(tmp_path, kind):
    rows = [{key: row[key] for key in ("model_a", "model_b", "winner")} | {"count": 3} for row in ROWS]
    found = read(_write(tmp_path, kind, rows))
    assert (found.votes, found.both_bad, found.voters) == (12, 3, None)
    assert found.count.tolist() == [3, 3, 3, 3]


def test_fastchats_whole_row_is_read_and_our_side_is_followed(tmp_path):
    talk = [{"role": "user", "content": "Hail, traveller!"}]
    beside = {"question_id": "1", "turn": 1, "anony": True, "language": "English", "tstamp": 1.5}
    rows = [row | beside | {"conversation_a": talk, "conversation_b": talk} for row in ROWS]
    for row in rows:
        FastChatBattle.model_validate(row)
    plain = read(_write(tmp_path, ".jsonl", rows))
    turned = read(_write(tmp_path, ".json", [row | {"side_shown": "right"} for row in rows]))
    assert turned.left.tolist() == plain.right.tolist() and turned.right.tolist() == plain.left.tolist()
    assert turned.outcome.tolist() == [Outcome.LEFT, Outcome.LEFT, Outcome.TIE, Outcome.BOTH_BAD]
    assert np.allclose(fit(turned).values, fit(plain).values, equal_nan=True)


@pytest.mark.parametrize("kind", [".json", ".jsonl", ".parquet"])
@pytest.mark.parametrize("wrong", [None, [], [{"role": "assistant", "content": None}]])
def test_style_needs_both_conversations_of_every_row(tmp_path, kind, wrong):
    talk = [{"role": "user", "content": "Hail!"}, {"role": "assistant", "content": "One.\n\nTwo.\n \nThree."}]
    rows = [row | {"conversation_a": talk, "conversation_b": talk[:1] + talk} for row in ROWS]
    found = read(_write(tmp_path, kind, rows), ["paragraphs", "length"])
    assert found.covariate_names == ("paragraphs", "length")
    assert not found.covariates.any()  # what the person wrote does not count
    with pytest.raises(BadBattles, match=r"row 3: conversation_b is .*, expected a list of messages with role"):
        read(_write(tmp_path, kind, [*rows[:2], rows[2] | {"conversation_b": wrong}, rows[3]]), ["length"])


def test_a_csv_holds_no_style(tmp_path):
    with pytest.raises(BadBattles, match=r"style needs the conversations, which \.json, \.jsonl or \.parquet can hold"):
        read(_write(tmp_path, ".csv", ROWS), ["length"])


def test_other_columns_of_a_csv_may_hold_anything(tmp_path):
    path = tmp_path / "battles.csv"
    rows = [f'{number},a,b,"Hail,\n""traveller""!",tie\n' for number in range(100_000)]
    path.write_text("turn,model_a,model_b,said,winner\n" + "".join(rows) + "none,a,b,,model_b\n")
    found = read(path)
    assert found.votes == 100_001 and found.outcome[-2:].tolist() == [Outcome.TIE, Outcome.RIGHT]


@pytest.mark.parametrize("kind", [".json", ".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"winner": "draw"}, r"winner is 'draw', expected one of 'model_a', 'model_b', 'tie', 'tie \(bothbad\)'"),
        ({"winner": None}, "winner is missing"),
        ({"model_a": ""}, "model_a is (missing|''), expected a model's name"),
        ({"model_b": "new"}, "model_b is 'new', expected another model than model_a"),
        ({"judge": None}, "judge is missing, expected who voted, in every row or in none"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, kind, wrong, said):
    rows = [*ROWS[:2], ROWS[2] | wrong, ROWS[3]]
    with pytest.raises(BadBattles, match=rf"battles{kind}, row 3: {said}.*: mend or remove the row"):
        read(_write(tmp_path, kind, rows))


@pytest.mark.parametrize("count", [0, -1, 1.5, "many", True, None])
def test_a_count_is_a_whole_number_from_1(tmp_path, count):
    rows = [ROWS[0] | {"count": 1}, ROWS[1] | {"count": count}]
    with pytest.raises(BadBattles, match=r"row 2: count is .*, expected a whole number from 1"):
        read(_write(tmp_path, ".jsonl", rows))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("battles.txt", "", "expected a file that ends in .json, .jsonl, .csv, .parquet"),
        ("battles.json", "[{]", "no valid JSON array"),
        ("battles.jsonl", '{"model_a": "a"\n', "row 1: no valid JSON"),
        ("battles.jsonl", "\n7\n", "row 2: expected an object with model_a, model_b, winner"),
        ("battles.jsonl", '{"model_a": "a", "winner": ["tie"], "model_b": "b"}', "row 1: winner is"),
        ("battles.csv", "model_a,model_b\na,b\n", "no column winner"),
        ("battles.csv", "x\n1\n", "no column model_a, model_b, winner"),
        ("battles.csv", "", "not a .csv file that can be read"),
        ("battles.parquet", "no parquet", "not a .parquet file that can be read"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(BadBattles, match=said):
        read(tmp_path / name)


def test_no_file_is_refused(tmp_path):
    with pytest.raises(BadBattles, match="No such file"):
        read(tmp_path / "none.json")


def test_an_empty_file_has_no_battles(tmp_path):
    assert read(_write(tmp_path, ".json", [])).votes == 0


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ({"right": np.array([0, 1])}, r"row 0 \(from 0\): left and right are one model"),
        ({"right": np.array([1, 2])}, "row 1 .*right: expected 0 ≤ right < 2"),
        ({"outcome": np.array([0.0, 1.0])}, "outcome: expected whole numbers"),
        ({"voter": np.array([0])}, "voter has 1 rows, left has 2"),
        ({"covariates": np.zeros((2, 1))}, "does not fit 0 names"),
        ({"covariates": np.array([[0.0], [np.nan]]), "covariate_names": ("x",)}, "row 1 .*finite"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(column, said):
    right = {"left": np.array([0, 1]), "right": np.array([1, 0]), "outcome": np.array([0, 1])}
    with pytest.raises(ValueError, match=said):
        Battles(models=("a", "b"), **(right | column))
