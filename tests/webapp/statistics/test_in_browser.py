"""The statistics in a real browser: no serious fault for axe-core, nothing wider than a phone, filters by hand."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.webapp.rows import insert_votes
from tests.webapp.scripted_engine import BASE, VERSION

pytestmark = pytest.mark.slow

PAGES = ("", "?from=wrong", "ratings/", "scenes/", "voters/", "gate/", f"gate/?candidate={VERSION}&stable={BASE}")
OPTIONS = [
    {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
]


@pytest.fixture(params=OPTIONS, ids=["desktop, light", "phone, dark"])
def page(request, browser, site):
    """A page of staff, on a site with votes. axe-core is put into it as a script, which the site's policy forbids."""
    for choice, tag in (
        ("left", "Western"),
        ("right", "Horror"),
        ("right", "Horror"),
        ("tie", "A tag of many letters"),
    ):
        insert_votes(site, BASE, VERSION, choice, "anybody", [tag], 30, copies=8)
    site.rows("UPDATE arena_vote SET reasons = '{left.prose,right.refuses}' WHERE mod(id, 2) = 0")
    context = browser.new_context(base_url=site.url, bypass_csp=True, reduced_motion="reduce", **request.param)
    page = context.new_page()
    page.goto("/admin/login/?next=/admin/statistics/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", site.password)
    page.click("[type=submit]")
    page.get_by_test_id("statistics").wait_for()
    yield page
    context.close()


def test_no_page_is_hard_to_use_for_anybody(page):
    found = []
    for address in PAGES:
        page.goto(f"/admin/statistics/{address}")
        for summary in page.locator("#statistics summary").all():
            summary.click()
        faults = Axe().run(page, "#statistics").response["violations"]
        found += [(address, one["id"], one["nodes"][0]["html"]) for one in faults if one["impact"] != "minor"]
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], address
    assert found == []


@pytest.mark.parametrize("page", OPTIONS[:1], ids=["desktop"], indirect=True)
def test_tables_that_stand_side_by_side_are_whole(page, site):
    """On desktops of any width, with the admin's own list of models at the left, when numbers are long."""
    for choice in ("left", "right", "tie"):
        insert_votes(site, BASE, VERSION, choice, "anybody", [], 30, copies=4000)
    hidden = "all => all.map(one => [one.scrollWidth - one.clientWidth, one.innerText.slice(0, 40)])"
    cut = []
    for address in ("", "voters/"):
        page.goto(f"/admin/statistics/{address}")
        for width in range(1024, 1921, 64):
            page.set_viewport_size({"width": width, "height": 900})
            found = page.locator(".half .scroll").evaluate_all(hidden)
            assert found
            cut += [(address, width, *one) for one in found if one[0] > 0]
    assert cut == []


def test_filters_by_hand(page):
    page.get_by_label("Tag").select_option("Horror")
    page.get_by_test_id("show").click()
    page.wait_for_url("**/admin/statistics/?*tag=Horror*")
    assert page.get_by_test_id("votes-total").inner_text() == "16"
    page.get_by_test_id("tab-ratings").click()
    page.wait_for_url("**/ratings/?*tag=Horror*")
    assert page.get_by_label("Tag").input_value() == "Horror"
    page.get_by_test_id("no-filters").click()
    page.wait_for_url("**/ratings/")
