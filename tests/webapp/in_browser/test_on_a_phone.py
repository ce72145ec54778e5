"""The whole way by touch."""

import re

import pytest

from tests.webapp.in_browser.steps import begin

pytestmark = pytest.mark.slow


def test_it_works(phone, site):
    begin(phone)
    phone.locator("#votes:enabled").wait_for()
    left, right = (phone.get_by_test_id(f"reply-{side}").bounding_box() for side in ("left", "right"))
    assert right["y"] >= left["y"] + left["height"]  # stacked
    for choice in ("left", "right", "tie", "bothbad"):
        box = phone.get_by_test_id(f"vote-{choice}").bounding_box()
        assert box["y"] + box["height"] <= 844 and box["height"] >= 44  # in reach at once, and large enough to hit
    phone.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    phone.get_by_test_id("vote-right").tap()
    phone.get_by_test_id("why").wait_for()
    phone.get_by_test_id("reason-right.prose").tap()
    phone.get_by_test_id("show").tap()
    phone.get_by_test_id("reveal").wait_for()
    phone.wait_for_function("document.getElementById('reveal').getBoundingClientRect().top >= 0")  # brought into view
    assert site.rows("SELECT choice, reasons FROM arena_vote") == [("right", ["right.prose"])]


def test_what_is_tapped_is_large_enough_to_hit(phone):
    """44 pixels, as Apple's guidelines and WCAG 2.5.5 ask for, for whatever stands by itself."""
    phone.goto("/")
    assert small(phone) == []
    begin(phone)
    phone.locator("#votes:enabled").wait_for()
    assert small(phone) == []


def small(phone) -> list[str]:
    """Buttons that are too small, and links in no sentence that are."""
    return phone.evaluate("""() => [...document.querySelectorAll("button, summary, nav a, .button")]
        .filter((one) => one.checkVisibility({ visibilityProperty: true }))
        .map((one) => [one.textContent.trim(), one.getBoundingClientRect()])
        .filter(([, { width, height }]) => width < 44 || height < 44)
        .map(([text, { width, height }]) => `${text}: ${Math.round(width)} x ${Math.round(height)}`)""")


def test_it_is_dark_at_night(phone):
    phone.emulate_media(color_scheme="dark")
    phone.goto("/")
    colours = phone.evaluate("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
    ground, ink = (sum(int(part) for part in re.findall(r"\d+", colour)) for colour in colours)
    assert ground < 150 < 450 < ink
