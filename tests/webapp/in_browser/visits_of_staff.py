"""The pages of the admin: ours by their names, Django's for every model that there is."""

from tests.webapp.in_browser.addresses import Addresses, Model
from tests.webapp.in_browser.visits import NO_PAGE, Visit, Visits, Walker

visit = Visits()
REFUSED = {
    *("admin:arena_comparison_add", "admin:arena_comparison_delete"),
    *("admin:arena_vote_add", "admin:arena_vote_delete"),
    *("admin:arena_pairweight_add", "admin:arena_pairweight_delete"),
    "admin:access_programkey_delete",
    *("admin:axes_accessattempt_add", "admin:axes_accesslog_add", "admin:axes_accessfailurelog_add"),
}
"""Pages of Django's that nobody is let to: what voters said stands, keys are revoked, axes writes its own rows."""
ROWS = (
    "DELETE FROM auth_group; DELETE FROM access_programkey; DELETE FROM axes_accesslog;"
    " DELETE FROM axes_accessfailurelog; DELETE FROM axes_accessattempt",
    "INSERT INTO auth_group (name) VALUES ('Readers')",
    "INSERT INTO access_programkey (name, digest, voter, per_minute, may_vote, may_read_statistics, may_export,"
    " created_at) VALUES ('A judge', 'none', gen_random_uuid(), 120, true, true, false, now())",
    "INSERT INTO axes_accesslog (user_agent, ip_address, username, http_accept, path_info, attempt_time, session_hash)"
    " VALUES ('A browser', '192.0.2.1', 'admin', '*/*', '/admin/login/', now(), '')",
    "INSERT INTO axes_accessfailurelog (user_agent, ip_address, username, http_accept, path_info, attempt_time,"
    " locked_out) VALUES ('A browser', '192.0.2.1', 'admin', '*/*', '/admin/login/', now(), false)",
)
"""What the admin shows beside votes: one row at least of each model."""


def visits(addresses: Addresses) -> list[Visit]:
    """Those below, our own pages that have no visit of their own, and five pages for each model."""
    elsewhere = {name for one in visit.all for name in one.shows} | set(NO_PAGE)
    of_models = tuple(f"{model.name}_" for model in addresses.models)
    ours = [
        Visit((name,), "as it is", lambda walker, route=route: walker.open(f"/{route}"))
        for name, route in addresses.routes.items()
        if name.startswith("admin:") and not name.startswith(of_models) and name not in elsewhere and "<" not in route
    ]
    return [*visit.all, *ours, *(page for model in addresses.models for page in _pages(model))]


def _pages(model: Model) -> list[Visit]:
    def to(page: str, path: str) -> Visit:
        def go(walker: Walker):
            rows = walker.site.rows(f"SELECT {model.key}::text FROM {model.table} LIMIT 1")
            assert rows or "%s" not in path, f"{model.table} is empty: put a row into ROWS of visits_of_staff.py"
            return walker.open(model.folder + (path % rows[0] if "%s" in path else path))

        name = f"{model.name}_{page}"
        return Visit((name,), "as staff see it", go, 403 if name in REFUSED else 200)

    paths = {"changelist": "", "add": "add/", "change": "%s/change/", "delete": "%s/delete/", "history": "%s/history/"}
    return [to(page, path) for page, path in paths.items()]


@visit("admin:login")
def a_wrong_password(walker):
    walker.page.context.clear_cookies()
    walker.page.goto("/admin/login/")
    walker.page.fill("#id_username", "admin")
    walker.page.fill("#id_password", "mistyped")
    with walker.page.expect_navigation() as navigation:
        walker.page.click("[type=submit]")
    return navigation.value


@visit("admin:logout")
def logged_out(walker):
    walker.open("/admin/")
    with walker.page.expect_navigation() as navigation:
        walker.page.click("#logout-form button")
    walker.visitor.log_in("admin", walker.site.password)
    return navigation.value


@visit("admin:statistics_page")
def ratings(walker):
    return walker.open("/admin/statistics/ratings/")


@visit("admin:statistics_page")
def scenes_reasons_and_replies(walker):
    return walker.open("/admin/statistics/scenes/")


@visit("admin:statistics_page")
def voters(walker):
    return walker.open("/admin/statistics/voters/")


@visit("admin:statistics_page")
def the_gate(walker):
    return walker.open("/admin/statistics/gate/")


@visit("admin:statistics", state="filters that are wrong", status=400)
def _(walker):
    return walker.open("/admin/statistics/?from=2026-11-05&to=2026-11-01&version=nobody")


@visit("admin:app_list")
def models_of_one_app(walker):
    return walker.open("/admin/arena/")


@visit("admin:auth_user_password_change")
def somebody_elses_password(walker):
    ((user,),) = walker.site.rows("SELECT max(id) FROM auth_user")
    return walker.open(f"/admin/auth/user/{user}/password/")


@visit("admin:access_programkey_add")
def a_new_key(walker):
    walker.open("/admin/access/programkey/add/")
    walker.page.fill("#id_name", "Another judge")
    with walker.page.expect_navigation() as navigation:
        walker.page.click("[name=_save]")
    return navigation.value


@visit("admin:arena_vote_changelist")
def votes_that_are_filtered(walker):
    return walker.open("/admin/arena/vote/?choice__exact=left&q=nowhere")


@visit("handler404", state="404 in the admin", status=404)
def _(walker):
    return walker.open("/admin/nowhere/")
