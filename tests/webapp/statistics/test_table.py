"""VoteTable: rows come, change and go on standing in their order; selections find what was asked for."""

import dataclasses

import numpy as np
import pytest

from tests.webapp.conftest import ROOT
from tests.webapp.statistics.made import BASE, FIRST_DAY, VERSIONS, Made, Row, by_lot, columns
from webapp.insights.votes.selection import Selection, Wanted, select
from webapp.insights.votes.table import VoteTable


def ids(votes: Selection) -> list[int]:
    return votes["id"].tolist()


def test_it_works():
    table = Made([Row(2, voter="bob"), Row(1, left=VERSIONS[1], choice="tie")]).table
    assert table.columns["id"].tolist() == [1, 2]
    assert [table.models[place] for place in table.columns["left"]] == [VERSIONS[1], BASE]
    assert [table.voters[place] for place in table.columns["voter"]] == ["ann", "bob"]


def test_a_vote_takes_as_many_bytes_as_the_documents_say():
    table = by_lot(100).table
    assert table.nbytes == 75 * len(table)
    for place in ("webapp/insights/votes/table.py", "docs/decisions/0013-votes-in-memory.md"):
        assert "75 bytes a vote" in (ROOT / place).read_text()


def test_a_row_that_changed_takes_the_place_of_the_one_before():
    table = by_lot(50).table
    again = table.with_rows(columns([Row(7, choice="tie", voter="somebody new")]))
    assert len(again) == 50 and again.columns["id"].tolist() == list(range(1, 51))
    assert again.voters[again.columns["voter"][6]] == "somebody new"
    others = np.arange(50) != 6
    for name, column in table.columns.items():
        np.testing.assert_array_equal(again.columns[name][others], column[others])
    assert again.state != table.state


def test_a_table_that_was_given_out_stays_as_it_was():
    table = by_lot(50).table
    before = {name: column.copy() for name, column in table.columns.items()}
    table.with_rows(columns([Row(7, choice="tie"), Row(51)]))
    for name, column in table.columns.items():
        np.testing.assert_array_equal(column, before[name])


def test_in_whatever_pieces_rows_come_the_table_is_the_same():
    """A vote may become visible after others with a larger id."""
    rows, table = by_lot(60).rows, VoteTable.empty()
    for piece in (rows[30:40], rows[:10], rows[40:], rows[5:35]):
        table = table.with_rows(columns(piece))
    whole = Made(rows).table
    for name, column in whole.columns.items():
        if name not in ("voter", "left", "right", "tags"):
            np.testing.assert_array_equal(table.columns[name], column)
    for name, book in (("voter", "voters"), ("left", "models"), ("right", "models"), ("tags", "tag_sets")):
        words = [getattr(table, book)[place] for place in table.columns[name]]
        assert words == [getattr(whole, book)[place] for place in whole.columns[name]]


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Wanted(), lambda row: True),
        (Wanted(first_day=FIRST_DAY + 3), lambda row: row.at >= FIRST_DAY + 3),
        (Wanted(last_day=FIRST_DAY + 3), lambda row: row.at < FIRST_DAY + 4),
        (Wanted(version=VERSIONS[0]), lambda row: VERSIONS[0] in (row.left, row.right)),
        (Wanted(version="nobody"), lambda row: False),
        (Wanted(tag="HORROR"), lambda row: {"horror", "Horror"} & set(row.tags)),
        (
            Wanted(first_day=FIRST_DAY + 1, last_day=FIRST_DAY + 30, version=BASE, tag="western"),
            lambda row: FIRST_DAY + 1 <= row.at < FIRST_DAY + 31 and row.left != row.right
            and BASE in (row.left, row.right) and "Western" in row.tags,
        ),
    ],
    ids=["all", "from", "to", "version", "unknown version", "tag", "everything"],
)  # fmt: skip
def test_a_selection_has_what_counts_and_fits(wanted, fits):
    made = by_lot(400)
    assert ids(select(made.table, wanted)) == [row.id for row in made.counting if fits(row)]


def test_without_flagged_voters():
    made = by_lot(400)
    flagged = np.array([made.table.voters.index("voter-0")])
    found = select(made.table, Wanted(without_flagged=True), flagged)
    assert ids(found) == [row.id for row in made.counting if row.voter != "voter-0"]
    with pytest.raises(ValueError, match="nobody says who they are"):
        select(made.table, Wanted(without_flagged=True))


def test_battles_know_only_the_models_that_took_part():
    made = by_lot(200)
    battles = select(made.table, Wanted(version=VERSIONS[0])).battles()
    assert set(battles.models) == {BASE, *VERSIONS}
    rows = [row for row in made.counting if VERSIONS[0] in (row.left, row.right)]
    assert [battles.models[place] for place in battles.left] == [row.left for row in rows]


def test_a_made_row_is_what_it_says():
    """The oracle of the other tests, by hand."""
    won = dataclasses.replace(Row(1), left=VERSIONS[0], right=BASE, choice="left")
    assert (won.points, Row(1, choice="tie").points, Row(1).points, Row(1, choice="bothbad").points) == (
        1,
        0.5,
        0,
        None,
    )
