"""Every page of the site, in a window and on a phone, by day and by night: nothing is in anybody's way."""

from itertools import chain

import pytest
from playwright.sync_api import Error

from tests.webapp.browsing import ASKED_FOR, DESKTOP, PHONE, listened
from tests.webapp.in_browser import visits_of_people, visits_of_staff, visits_that_are_refused
from tests.webapp.in_browser.addresses import addresses
from tests.webapp.in_browser.faults import faults_at_night, faults_of_use, serious_faults
from tests.webapp.in_browser.visits import NO_PAGE, Walker
from tests.webapp.rows import insert_votes
from tests.webapp.scripted_engine import BASE, VERSION

pytestmark = pytest.mark.slow

OF_OTHERS = {
    'aria-prohibited-attr: <span class="help-tooltip search-label-icon"': "Django's script for choosing from two lists",
    'label: <input type="text" name="last_login_': "Django's date and time, each under one label for both",
    'label: <input type="text" name="date_joined_': "the same",
    'nested-interactive: <button aria-expanded="false" class="opblock-summary-control">': "Swagger UI's own",
    'class="opblock-control-arrow"': "Swagger UI's arrows, not reached by Tab: the line before each does the same",
}
"""What other people's scripts write into a page, whom we cannot mend; each is the exact place. Nothing of ours."""
BY_NIGHT = DESKTOP | {"color_scheme": "dark"}
"""Contrast takes most of axe-core's time: Django's fifty pages are looked at by night here and by day there."""
WINDOWS = pytest.mark.parametrize("window", [DESKTOP, PHONE], ids=["desktop", "phone"])


@pytest.fixture(scope="module")
def of_the_site(site_environment):
    """Every address."""
    return addresses(site_environment)


@pytest.fixture
def walk(browser, site, engine, strict_site):
    """Walks through visits in a window of that size; fails with one line for each fault, the page's name before it."""

    def walk(visits, window, visitor=None) -> None:
        found, refusals = [], set()
        with listened(browser, site, reduced_motion="reduce", **window) as (page, complaints):
            page.on("response", lambda answer: complaints.extend(_missing(answer)))
            for visit in visits:
                engine.reset()
                found += [f"{visit}: {fault}" for fault in _faults_of(visit, page, complaints, visitor, refusals)]
                if window is DESKTOP:
                    found += [f"{visit}: {fault}" for fault in faults_at_night(page)]
                    complaints.clear()
        assert not found, "\n".join(["pages that are hard to use:", *found])

    def _faults_of(visit, page, complaints, visitor, refusals) -> list[str]:
        walker = Walker(site, engine, page, visitor or site.visitor(), strict_site)
        if visitor is None:
            page.context.clear_cookies()
        try:
            answer = visit.go(walker)
        except Error as error:
            return [f"cannot be visited; is it a page? {error.message}"]
        page.wait_for_load_state("load")
        status = [] if answer.status == visit.status else [f"answered {answer.status}, expected {visit.status}"]
        refusal = page.evaluate("document.querySelector('[data-testid=refused]')?.dataset.code")
        if refusal in refusals:  # the same page again, word for word
            complaints.clear()
            return status
        if refusal:
            refusals.add(refusal)
        found = status + faults_of_use(page)
        found += [f"the browser says: {text}" for text in complaints if ASKED_FOR not in text]
        found += serious_faults(page)
        complaints.clear()  # axe-core puts styles into the page, which the policy stops
        return [fault for fault in found if not any(known in fault for known in OF_OTHERS)]

    return walk


def _missing(answer) -> list[str]:
    """What a page could not load. Its own status is looked at elsewhere."""
    failed = answer.status >= 400 and answer.request.resource_type != "document"
    return [f"{answer.url} answered {answer.status}"] if failed else []


def test_no_page_is_left_out(of_the_site):
    """A new address needs a visit, or a reason why it is no page."""
    visits = [
        *visits_of_people.visit.all,
        *visits_that_are_refused.visit.all,
        *visits_of_staff.visits(of_the_site),
    ]
    visited = set(chain.from_iterable(visit.shows for visit in visits))
    handlers = {name for name in visited if name.startswith("handler")}
    pages = {name for name in of_the_site.routes if not name.startswith("api:")} | {"api:openapi-view"}
    missing = sorted(pages - visited - set(NO_PAGE))
    assert missing == [], (
        f"Nobody has visited {', '.join(missing)}. Add a visit to tests/webapp/in_browser/visits_of_people.py (pages"
        " for people), visits_of_staff.py (the admin) or visits_that_are_refused.py (errors); or, where no person ever"
        " sees a page there, add it to NO_PAGE of visits.py with the reason."
    )
    gone = sorted((visited | set(NO_PAGE)) - set(of_the_site.routes) - handlers)
    assert gone == [], f"There is no such address any more: {', '.join(gone)}. Take its visit out."


@WINDOWS
def test_pages_for_people(walk, window):
    walk(visits_of_people.visit.all, window)


@WINDOWS
def test_pages_that_say_no(walk, window):
    walk(visits_that_are_refused.visit.all, window)


@pytest.mark.parametrize("window", [BY_NIGHT, PHONE], ids=["desktop by night", "phone by day"])
def test_pages_for_staff(walk, site, visitor, of_the_site, window):
    for statement in visits_of_staff.ROWS:
        site.rows(statement)
    try:
        visitor.submit("/admin/login/", username="nobody", password="mistyped")
        visitor.log_in("admin", site.password)
        for choice in ("left", "right", "tie", "bothbad"):
            insert_votes(site, BASE, VERSION, choice, "anybody", ["Western", "Drama"], 30, copies=10)
        insert_votes(site, VERSION, BASE, "left", "11111111-1111-4111-8111-111111111111", ["Western"], 3, copies=40)
        walk(visits_of_staff.visits(of_the_site), window, visitor)
    finally:
        site.rows(visits_of_staff.ROWS[0])
