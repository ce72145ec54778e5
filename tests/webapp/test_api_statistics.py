"""GET /api/statistics: exactly what was voted."""

import datetime

import pytest

from tests.webapp.scripted_engine import ALIAS, BASE, VERSION
from webapp.insights.win_rate import wilson


def vote_for(visitor, site, who: str) -> None:
    """One comparison over the API, voted for `who`: adapter, base, tie or bothbad."""
    compared = visitor.post("/api/compare", json={}).json()
    ((left,),) = site.rows("SELECT model_left FROM arena_comparison WHERE id = %s", compared["id"])
    sides = {"base": "left", "adapter": "right"} if left == BASE else {"base": "right", "adapter": "left"}
    assert visitor.post(f"/api/vote/{compared['id']}/{sides.get(who, who)}").status_code == 200


def test_it_works(visitor, site, engine):
    for who in ["adapter"] * 3 + ["base", "tie", "bothbad"]:
        vote_for(visitor, site, who)
    visitor.post("/api/compare", json={})
    engine.scripts[ALIAS].status = 500
    visitor.post("/api/compare", json={})
    numbers = visitor.get("/api/statistics").json()
    assert numbers["comparisons"] == {"total": 8, "waiting": 0, "writing": 0, "complete": 7, "failed": 1}
    assert numbers["failures"] == {"engine_error": 1}
    votes = numbers["votes"]
    assert (votes["total"], votes["tie"], votes["bothbad"]) == (6, 1, 1)
    assert votes["left"] + votes["right"] == 4
    assert (votes["for_adapter"], votes["for_base"]) == (3, 1)
    (version,) = numbers["versions"]
    assert (version["adapter"], version["base"]) == (VERSION, BASE)
    assert (version["wins"], version["losses"], version["ties"], version["bothbad"]) == (3, 1, 1, 1)
    assert version["win_rate"] == pytest.approx(0.7)
    assert (version["low"], version["high"]) == pytest.approx((wilson(3.5, 5).low, wilson(3.5, 5).high))


def test_versions_are_kept_apart(visitor, site, engine):
    vote_for(visitor, site, "adapter")
    engine.version = "demo@ba9876543210"
    vote_for(visitor, site, "base")
    versions = visitor.get("/api/statistics").json()["versions"]
    assert [(v["adapter"], v["wins"], v["losses"]) for v in versions] == [(VERSION, 1, 0), ("demo@ba9876543210", 0, 1)]


def test_days(visitor, site):
    vote_for(visitor, site, "tie")
    vote_for(visitor, site, "tie")
    one = "SELECT comparison_id FROM arena_vote LIMIT 1"
    site.rows(f"UPDATE arena_vote SET created_at = created_at - interval '2 days' WHERE comparison_id IN ({one})")
    days = visitor.get("/api/statistics").json()["days"]
    today = datetime.datetime.now(datetime.UTC).date()
    assert len(days) == 30 and days[-1]["day"] == today.isoformat()
    assert [day["votes"] for day in days[-3:]] == [1, 0, 1]


def test_nothing_yet(visitor):
    numbers = visitor.get("/api/statistics").json()
    assert numbers["votes"]["total"] == 0 and numbers["versions"] == []
