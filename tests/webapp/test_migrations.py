"""`manage.py migrate` on a database of the site as it was when a comparison had one pair of replies and one vote."""

import json
import subprocess
import sys

import pytest

from tests.webapp.conftest import ROOT
from tests.webapp.scripted_engine import BASE, VERSION
from tests.webapp.site import Site

VOTED, FAILED = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
VOTER = "33333333-3333-4333-8333-333333333333"
POSTS = json.dumps([{"author": "Sam", "text": "*I pay.*"}])
OLD_ROWS = f"""
    INSERT INTO arena_comparison (id, scene, title, tags, player, character, posts, messages, asked_left, asked_right,
        model_left, model_right, reply_left, reply_right, state, failure, voter, created_at, claimed_at, completed_at)
    VALUES
        ('{VOTED}', '', 'Night Ferry', '{{Fantasy}}', 'Sam', 'Charon', '{POSTS}', '[]', '{BASE}', 'demo',
         '{BASE}', '{VERSION}', 'One.', 'Two.', 'complete', '', '{VOTER}', '2026-01-01', '2026-01-01', '2026-01-02'),
        ('{FAILED}', '', 'Night Ferry', '{{}}', 'Sam', 'Charon', '{POSTS}', '[]', '{BASE}', 'demo',
         '', '', '', '', 'failed', 'busy', NULL, '2026-01-03', '2026-01-03', NULL);
    INSERT INTO arena_vote (comparison_id, choice, voter, dwell_ms, created_at, number)
    VALUES ('{VOTED}', 'tie', '{VOTER}', 1234, '2026-01-04', 17);
"""


@pytest.fixture
def old_site(postgres, site_environment):
    """A database as migration 0002 left it, with rows; `migrate` brings it to where it is told."""
    postgres.create_database("bardloop_old")
    environment = site_environment | {"DATABASE_URL": postgres.url("bardloop_old")}

    def migrate(*to: str) -> None:
        command = [sys.executable, "webapp/manage.py", "migrate", "--verbosity=0", *to]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    migrate("arena", "0002")
    site = Site("", environment["DATABASE_URL"], "")
    site.rows(OLD_ROWS)
    return site, migrate


def test_what_was_there_is_carried_over(old_site):
    site, migrate = old_site
    migrate()
    turns = site.rows(
        "SELECT comparison_id::text, number, attempt, post, state, failure, reply_left, reply_right,"
        " to_char(completed_at, 'YYYY-MM-DD') FROM arena_turn ORDER BY id"
    )
    assert turns == [
        (VOTED, 1, 1, "", "complete", "", "One.", "Two.", "2026-01-02"),
        (FAILED, 1, 1, "", "failed", "busy", "", "", None),
    ]
    (vote,) = site.rows(
        "SELECT v.number, to_char(v.created_at, 'YYYY-MM-DD'), choice, dwell_ms, voter::text, reasons, comment,"
        " left_out, withdrawn_at, revealed_at = v.created_at, t.comparison_id = v.comparison_id"
        " FROM arena_vote v JOIN arena_turn t ON t.id = turn_id"
    )
    assert vote == (17, "2026-01-04", "tie", 1234, VOTER, [], "", "", None, True, True)
    comparisons = site.rows("SELECT pair, names_maker, model_right FROM arena_comparison ORDER BY created_at")
    assert comparisons == [("base-stable", False, VERSION), ("base-stable", False, "")]
    weights = dict(site.rows("SELECT kind, weight FROM arena_pairweight WHERE weight > 0"))
    assert weights == {"base-stable": 1, "stable-candidate": 3, "shared": 0.4}
