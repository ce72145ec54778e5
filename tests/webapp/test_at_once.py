"""A vote, a log-in and an erasing at the same time: they wait for one another, and none of them is half done.

The comparison is held from outside until the others wait for it, so that they meet every time.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg2
import pytest

LOCK = 7_201_985
"""`ONE_AT_A_TIME` of webapp/arena/voting.py, under which votes are stored."""
STORE = """
    INSERT INTO arena_vote (comparison_id, turn_id, choice, voter, dwell_ms, created_at)
    SELECT comparison_id, id, 'left', %s, 1, now() FROM arena_turn WHERE comparison_id = %s
"""


SECRET = "correct horse battery"


@pytest.fixture
def written(visitor) -> str:
    """The address of a comparison of the visitor's, ready to be voted on."""
    address = visitor.begin()
    visitor.steps(address)
    return address


@pytest.fixture
def pool():
    """Threads for those who wait."""
    with ThreadPoolExecutor(2) as pool:
        yield pool


@contextmanager
def held(site, address: str) -> Iterator:
    """Inside, the comparison is held as a vote holds it; the cursor is the vote's, which is stored at the end."""
    connection = psycopg2.connect(site.database_url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT FROM arena_comparison WHERE id = %s FOR NO KEY UPDATE", (key(address),))
            yield cursor
    finally:
        connection.close()


def key(address: str) -> str:
    return address.split("/")[2]


def number(visitor) -> str:
    return visitor.cookies["bardloop_voter"].strip('"').split(":")[0]


def wait_for(site, many: int) -> None:
    """Until so many wait for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    until = time.monotonic() + 10
    while site.rows(waiting) != [(many,)]:
        assert time.monotonic() < until, site.rows("SELECT wait_event_type, query FROM pg_stat_activity")
        time.sleep(0.02)


def sign_up(visitor) -> str:
    """The number of the account."""
    visitor.submit("/account/sign-up/", username="mira", password1=SECRET, password2=SECRET)
    return number(visitor)


def store_vote(cursor, address: str, voter: str) -> None:
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    cursor.execute(STORE, (voter, key(address)))


def test_a_vote_that_is_cast_while_all_is_erased_is_erased_too(visitor, site, written, pool):
    who = number(visitor)
    with held(site, written) as vote:
        erased = pool.submit(visitor.submit, "/mine/erase/")
        wait_for(site, 1)
        store_vote(vote, written, who)
    assert "1 vote withdrawn" in erased.result().text
    assert site.rows("SELECT voter::text = %s, withdrawn_at IS NULL FROM arena_vote", who) == [(False, False)]


def test_replies_that_are_complete_while_all_is_erased(visitor, site, pool):
    """Neither waits for the other for ever, and what was written goes too."""
    address = visitor.begin()
    with site.visitor() as reader:
        with held(site, address):
            erased = pool.submit(visitor.submit, "/mine/erase/")
            wait_for(site, 1)
            steps = pool.submit(reader.steps, address)
            wait_for(site, 2)
        assert erased.result().status_code == 200
        assert steps.result()[-1].name == "failed"
    assert site.rows("SELECT state, reply_left, reply_right FROM arena_turn") == [("erased", "", "")]


def test_votes_are_joined_while_one_is_cast(visitor, site, written, pool):
    """Logging in brings the vote along that was being stored: neither waits for the other for ever."""
    who = number(visitor)
    with site.visitor() as elsewhere:
        account = sign_up(elsewhere)
    with held(site, written) as vote:
        logged_in = pool.submit(visitor.submit, "/account/log-in/", username="mira", password=SECRET, bring="on")
        wait_for(site, 1)
        store_vote(vote, written, who)
    assert logged_in.result().headers["Location"] == "/mine/" and number(visitor) == account
    for table in ("arena_vote", "arena_comparison"):
        assert site.rows(f"SELECT voter::text = %s FROM {table}", account) == [(True,)]


def test_another_password_is_set_while_a_vote_is_cast(visitor, site, pool):
    before = sign_up(visitor)
    address = visitor.begin()
    visitor.steps(address)
    new = {"new_password1": "another long secret", "new_password2": "another long secret"}
    with held(site, address) as vote:
        changed = pool.submit(visitor.submit, "/account/password/", old_password=SECRET, **new)
        wait_for(site, 1)
        store_vote(vote, address, before)
    assert changed.result().headers["Location"] == "/mine/" and number(visitor) != before
    for table in ("arena_vote", "arena_comparison"):
        assert site.rows(f"SELECT voter::text = %s FROM {table}", number(visitor)) == [(True,)]
