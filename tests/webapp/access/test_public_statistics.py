"""GET /api/statistics without a key: what a voter may not learn before they were told who was who."""


def test_nobody_learns_from_it_who_was_who_before_they_were_told(visitor, site, make):
    """Who reads it before and after their vote sees whom they preferred, while they may still say why."""
    address = visitor.begin()
    visitor.steps(address)
    before = visitor.get("/api/statistics").json()
    visitor.vote(address, "left")
    assert visitor.get("/api/statistics").json() == before and before["votes"]["total"] == 0
    staff = site.visitor()
    staff.log_in("admin", site.password)
    for all_of_it in (
        visitor.get("/api/statistics", headers=make(statistics=True)),
        staff.get("/api/statistics"),
    ):
        assert all_of_it.json()["votes"]["left"] == 1
    visitor.reasons(address, "left.prose")
    assert visitor.get("/api/statistics").json()["votes"]["left"] == 1


def test_who_never_gives_reasons_is_counted_for_anybody_after_a_day(visitor, site):
    address = visitor.begin()
    visitor.steps(address)
    visitor.vote(address, "tie")
    for hours, total in ((23, 0), (25, 1)):
        site.rows(f"UPDATE arena_vote SET created_at = now() - interval '{hours} hours'")
        assert visitor.get("/api/statistics").json()["votes"]["total"] == total, hours
