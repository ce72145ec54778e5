"""GET and POST /admin/suspicion/, and the same by hand in the list of votes: left out, logged, taken in again."""

import re
import uuid

import pytest

from tests.webapp.rows import insert_votes
from tests.webapp.scripted_engine import BASE, VERSION
from webapp.insights.suspicion import RULES

HONEST, ONE_SIDED = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))


@pytest.fixture
def staff(visitor, site):
    """The visitor, logged in as staff, on a site where one voter always takes the left side and one does not."""
    site.rows("DELETE FROM django_admin_log")
    for left, right in ((BASE, VERSION), (VERSION, BASE)):
        insert_votes(site, left, right, "left", ONE_SIDED, [], 1, copies=20)
        insert_votes(site, left, right, "left", HONEST, [], 1, copies=15)
        insert_votes(site, left, right, "right", HONEST, [], 1, copies=15)
    visitor.log_in("admin", site.password)
    return visitor


def act(staff, do: str, **changed):
    """Send the only form of the page with the button `do`."""
    page = staff.get("/admin/suspicion/").text
    fields = {name: re.search(rf'name="{name}" value="([^"]*)"', page)[1] for name in ("rule", "votes")}
    return staff.submit("/admin/suspicion/", do=do, **(fields | changed))


def left_out(site) -> list[tuple]:
    return site.rows("SELECT left_out, voter, count(*) FROM arena_vote GROUP BY 1, 2 ORDER BY 2")


def test_it_works(staff, site):
    page = staff.get("/admin/suspicion/")
    assert page.status_code == 200
    assert re.findall(r'data-rule="(\w+)"', page.text) == ["one_sided"]
    assert "40 of 40 votes for a side went to the left." in page.text
    assert staff.get("/api/statistics").json()["votes"]["total"] == 100
    assert act(staff, "leave_out").headers["Location"] == "/admin/suspicion/"
    assert left_out(site) == [("", HONEST, 60), ("one_sided", ONE_SIDED, 40)]
    assert staff.get("/api/statistics").json()["votes"]["total"] == 60
    assert site.rows("SELECT DISTINCT change_message, count(*) FROM django_admin_log GROUP BY 1") == [
        ("Left out: one_sided", 40)
    ]


def test_what_is_left_out_stays_on_the_page_and_can_count_again(staff, site):
    act(staff, "leave_out")
    page = staff.get("/admin/suspicion/")
    assert re.search(r'data-testid="counting">(\d+)<', page.text)[1] == "0"
    act(staff, "count_again")
    assert left_out(site) == [("", HONEST, 60), ("", ONE_SIDED, 40)]
    assert site.rows("SELECT count(*) FROM django_admin_log WHERE change_message = 'Counts again'") == [(40,)]


def test_nothing_happens_for_a_rule_that_is_none(staff, site):
    assert act(staff, "leave_out", rule="<script>").status_code == 302
    assert "none of the rules" in staff.get("/admin/suspicion/").text
    assert left_out(site) == [("", HONEST, 60), ("", ONE_SIDED, 40)]


def test_votes_that_are_left_out_already_keep_their_reason(staff, site):
    site.rows("UPDATE arena_vote SET left_out = 'a friend of ours' WHERE voter = %s", ONE_SIDED)
    act(staff, "leave_out")
    assert left_out(site)[1] == ("a friend of ours", ONE_SIDED, 40)


def test_by_hand_in_the_list_of_votes(staff, site):
    chosen = [vote for (vote,) in site.rows("SELECT id FROM arena_vote WHERE voter = %s LIMIT 3", HONEST)]
    for action, expected in (("leave_out", ("by admin", 3)), ("count_again", ("", 60))):
        answer = staff.submit("/admin/arena/vote/", action=action, _selected_action=chosen)
        assert answer.status_code == 302, answer.text
        assert expected in [(why, count) for why, voter, count in left_out(site) if voter == HONEST]


def test_who_may_only_look_cannot_leave_out(staff, site):
    site.rows("UPDATE auth_user SET is_superuser = false WHERE username = 'admin'")
    try:
        page = staff.get("/admin/suspicion/")
        assert page.status_code == 200 and "leave-out" not in page.text
        assert staff.submit("/admin/suspicion/", rule="one_sided", votes="1", do="leave_out").status_code == 403
    finally:
        site.rows("UPDATE auth_user SET is_superuser = true WHERE username = 'admin'")


def test_only_for_staff(visitor):
    answer = visitor.get("/admin/suspicion/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/login/?next=/admin/suspicion/")


def test_every_rule_is_explained(staff):
    page = staff.get("/admin/suspicion/").text
    assert re.findall(r"<dt><code>(\w+)</code></dt>", page) == [rule.__name__ for rule in RULES]


def test_nothing_suspicious(visitor, site):
    visitor.log_in("admin", site.password)
    assert "Nothing looks dishonest" in visitor.get("/admin/suspicion/").text
