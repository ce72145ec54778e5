"""GET /api/battles as CSV and Parquet."""

import csv
import io
import time

import pyarrow.csv
import pyarrow.parquet
import pytest

from tests.webapp.rows import insert_votes
from tests.webapp.scripted_engine import ADAPTER_REPLY, BASE, BASE_REPLY, VERSION
from webapp.arena.battle_table import PARQUET_BLOCK, as_parquet

COLUMNS = ["number", "question_id", "model_a", "model_b", "winner", "judge", "turn", "anony", "language", "tstamp"]
COLUMNS += ["side_shown", "tags", "pair", "names_maker", "dwell_ms", "reasons", "characters_a", "characters_b"]
COLUMNS += ["seconds_a", "seconds_b"]


@pytest.fixture
def staff(visitor, site):
    """The visitor, logged in as staff."""
    visitor.log_in("admin", site.password)
    return visitor


def table(staff, form: str) -> pyarrow.Table:
    answer = staff.get("/api/battles", params={"format": form})
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == f'attachment; filename="battles.{form}"'
    read = {"csv": pyarrow.csv.read_csv, "parquet": pyarrow.parquet.read_table}[form]
    return read(pyarrow.BufferReader(answer.content))


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_it_works(staff, site, form):
    address = staff.begin()
    staff.steps(address)
    staff.vote(address, "left")
    staff.reasons(address, "left.prose", "right.repeats")
    found = table(staff, form)
    assert found.column_names == COLUMNS
    (battle,) = found.to_pylist()
    said = {BASE: len(BASE_REPLY), VERSION: len(ADAPTER_REPLY)}
    assert {battle["model_a"], battle["model_b"]} == {BASE, VERSION}
    assert (battle["characters_a"], battle["characters_b"]) == (said[battle["model_a"]], said[battle["model_b"]])
    assert (battle["winner"], battle["turn"], battle["pair"]) == ("model_a", 1, "base-stable")
    assert (battle["tags"], battle["reasons"]) == ("Western|Drama", "left.prose|right.repeats")
    assert battle["dwell_ms"] >= 0 and 0 < battle["seconds_a"] < 30 and abs(battle["tstamp"] - time.time()) < 60


def test_csv_has_quotes_where_they_are_needed(staff, site):
    insert_votes(site, BASE, VERSION, "tie", None, ['a "quoted", tag', "two\nlines"], 0)
    text = staff.get("/api/battles?format=csv").text
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["tags"] == 'a "quoted", tag|two\nlines'
    assert (row["winner"], row["judge"]) == ("tie", "program")


@pytest.mark.parametrize("tag", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1", "\r=1"])
def test_spreadsheets_work_nothing_out(staff, site, tag):
    insert_votes(site, BASE, VERSION, "tie", None, [tag, "=2"], 0)
    (row,) = csv.DictReader(io.StringIO(staff.get("/api/battles?format=csv").text, newline=""))
    assert row["tags"] == f"'{tag}|=2"
    assert table(staff, "parquet")["tags"].to_pylist() == [f"{tag}|=2"]  # no spreadsheet reads it: as it is
    assert staff.get("/api/battles").json()["tags"] == [tag, "=2"]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_many_rows_come_in_order_and_whole(staff, site, form):
    insert_votes(site, BASE, VERSION, "left", "anybody", ["Noir"], 0, copies=60_000)
    found = table(staff, form)
    numbers = found["number"].to_pylist()
    assert len(numbers) == 60_000 and numbers == sorted(numbers)


def test_parquet_has_few_row_groups(staff, site):
    """Of each the writer keeps a description until the end: with thousands of them memory grows with the rows."""
    insert_votes(site, BASE, VERSION, "left", "anybody", ["Noir"], 0, copies=20_000)
    file = staff.get("/api/battles?format=parquet").content
    assert pyarrow.parquet.ParquetFile(pyarrow.BufferReader(file)).num_row_groups < 10


def test_what_is_read_may_end_in_the_midst_of_a_tag():
    """A block of the file may end there, and tags may have several lines."""
    row = [1, "id", BASE, VERSION, "tie", "program", 1, "t", "unknown", 0.5, "left", "two\nlines", "", "f", 0, ""]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([COLUMNS, *[[*row, 1, 1, 1, 1]] * 20_000])
    assert len(text.getvalue()) > PARQUET_BLOCK
    file = pyarrow.BufferReader(b"".join(as_parquet(io.BytesIO(text.getvalue().encode()))))
    assert pyarrow.parquet.read_table(file)["tags"].to_pylist() == ["two\nlines"] * 20_000


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_no_votes(staff, form):
    assert (table(staff, form).num_rows, table(staff, form).column_names) == (0, COLUMNS)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_who_leaves_early_leaves_nothing_behind(staff, site, form):
    insert_votes(site, BASE, VERSION, "left", "anybody", ["Noir"], 0, copies=60_000)
    for _ in range(20):  # more than there are connections in the pool
        with staff.stream("GET", "/api/battles", params={"format": form}) as answer:
            next(answer.iter_bytes(1000))
    assert table(staff, form).num_rows == 60_000
    copying = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%%' AND state <> 'idle'"
    deadline = time.monotonic() + 10
    while site.rows(copying) != [(0,)] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert site.rows(copying) == [(0,)]


def test_votes_that_do_not_count_are_not_in_it(staff, site):
    insert_votes(site, BASE, VERSION, "left", "anybody", [], 0, copies=3)
    site.rows("UPDATE arena_vote SET left_out = 'a test' WHERE id = (SELECT min(id) FROM arena_vote)")
    site.rows("UPDATE arena_vote SET withdrawn_at = now() WHERE id = (SELECT max(id) FROM arena_vote)")
    assert table(staff, "csv").num_rows == 1


def test_another_format_is_refused(staff):
    answer = staff.get("/api/battles?format=xml")
    assert answer.status_code == 422 and "parquet" in answer.json()["error"]["message"]


def test_not_for_everybody(visitor):
    assert visitor.get("/api/battles?format=csv").status_code == 401
