"""The site's copy of the votes: whatever happens in PostgreSQL, the next look has it."""

from contextlib import closing

import psycopg2

from tests.webapp.rows import insert_votes
from tests.webapp.scripted_engine import BASE, VERSION
from tests.webapp.site import Site

COPY_VOTE = """
    INSERT INTO arena_vote (comparison_id, turn_id, choice, voter, dwell_ms, created_at, revealed_at)
    SELECT comparison_id, turn_id, 'right', gen_random_uuid(), 1, now(), now() FROM arena_vote LIMIT 1
"""


def seen(visitor) -> tuple[int, int, int]:
    """Votes in all, for the left, for the right."""
    votes = visitor.get("/api/statistics").json()["votes"]
    return votes["total"], votes["left"], votes["right"]


def some(site: Site, copies: int = 3) -> None:
    insert_votes(site, BASE, VERSION, "left", "anybody", [], 1, copies)


def test_it_works(visitor, site):
    assert seen(visitor) == (0, 0, 0)
    some(site)
    assert seen(visitor) == (3, 3, 0)
    some(site)
    assert seen(visitor) == (6, 6, 0)


def test_changes_are_seen(visitor, site):
    some(site)
    assert seen(visitor) == (3, 3, 0)
    one = "id = (SELECT min(id) FROM arena_vote)"
    for change, expected in (
        ("choice = 'right'", (3, 2, 1)),
        ("left_out = 'a friend of ours'", (2, 2, 0)),
        ("left_out = ''", (3, 2, 1)),
        ("withdrawn_at = now()", (2, 2, 0)),
    ):
        site.rows(f"UPDATE arena_vote SET {change} WHERE {one}")
        assert seen(visitor) == expected, change


def test_a_transaction_that_ends_after_later_ones_is_not_missed(visitor, site):
    some(site)
    with closing(psycopg2.connect(site.database_url)) as slow, slow.cursor() as cursor:
        cursor.execute(COPY_VOTE)
        cursor.execute("UPDATE arena_vote SET left_out = 'slow' WHERE id = (SELECT min(id) FROM arena_vote)")
        for copies in (4, 5, 6):
            some(site, copies=1)
            assert seen(visitor) == (copies, copies, 0)
        slow.commit()
    assert seen(visitor) == (6, 5, 1)


def test_a_transaction_that_fails_leaves_nothing(visitor, site):
    some(site)
    with closing(psycopg2.connect(site.database_url)) as failing, failing.cursor() as cursor:
        cursor.execute(COPY_VOTE)
        cursor.execute("DELETE FROM arena_vote WHERE choice = 'left'")
        assert seen(visitor) == (3, 3, 0)
        failing.rollback()
    assert seen(visitor) == (3, 3, 0)


def test_deleted_votes_are_gone(visitor, site):
    some(site, copies=5)
    assert seen(visitor) == (5, 5, 0)
    site.rows("DELETE FROM arena_vote WHERE id = (SELECT min(id) FROM arena_vote)")
    assert seen(visitor) == (4, 4, 0)
    site.rows("TRUNCATE arena_vote")
    assert seen(visitor) == (0, 0, 0)
    some(site, copies=2)
    assert seen(visitor) == (2, 2, 0)


def test_votes_deleted_by_a_transaction_that_ends_late(visitor, site):
    some(site, copies=5)
    with closing(psycopg2.connect(site.database_url)) as slow, slow.cursor() as cursor:
        cursor.execute("DELETE FROM arena_vote WHERE id = (SELECT min(id) FROM arena_vote)")
        some(site, copies=1)
        assert seen(visitor) == (6, 6, 0)
        slow.commit()
    assert seen(visitor) == (5, 5, 0)


def test_rows_of_a_restored_copy(visitor, site):
    """They bear numbers of another server's transactions, which may be ahead of ours; changes to them still show."""
    some(site)
    site.rows(
        "ALTER TABLE arena_vote DISABLE TRIGGER arena_vote_changed;"
        " UPDATE arena_vote SET changed_in = 1000000000000;"
        " ALTER TABLE arena_vote ENABLE TRIGGER arena_vote_changed"
    )
    assert seen(visitor)[0] == 3
    some(site, copies=1)
    site.rows("UPDATE arena_vote SET choice = 'right' WHERE id = (SELECT min(id) FROM arena_vote)")
    assert seen(visitor) == (4, 3, 1)
