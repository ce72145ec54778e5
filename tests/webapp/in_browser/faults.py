"""What makes a page hard to use, as far as a machine can tell.

In: a page that is open. Out: one line a fault; none is what we want.
"""

import pathlib
from importlib import resources

SERIOUS = ("serious", "critical")
AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text()
CHECKS = pathlib.Path(__file__).with_name("faults.js").read_text()
RUN = """async (only) => {
    const options = only ? { runOnly: only, resultTypes: ["violations"] } : { resultTypes: ["violations"] };
    return (await axe.run(options)).violations.map(({ id, impact, nodes }) =>
        ({ id, impact, places: nodes.map((node) => node.html) }));
}"""
SETTLE = "document.getAnimations().forEach((one) => { try { one.finish(); } catch { one.cancel(); } })"
"""Colours that fade over are judged as what they become. What never ends cannot be finished."""


def faults_of_use(page) -> list[str]:
    """What stands in the way of people with a keyboard, a narrow window or a screen reader."""
    page.keyboard.press("Tab")  # from now on the browser shows where the focus is
    return page.evaluate(CHECKS)


def faults_at_night(page) -> list[str]:
    """Too little contrast in the dark colours."""
    page.emulate_media(color_scheme="dark")
    found = [f"at night: {fault}" for fault in serious_faults(page, "color-contrast")]
    page.emulate_media(color_scheme="light")
    return found


def serious_faults(page, *only: str) -> list[str]:
    """What axe-core finds serious or critical, by all its rules or those named: the rule and each place.

    The browser's own tools run it, which the page's Content-Security-Policy does not concern.
    """
    page.evaluate(SETTLE)
    page.evaluate(f"window.axe || (() => {{ {AXE} }})()")
    found = page.evaluate(RUN, list(only) or None)
    return [f"{one['id']}: {place[:200]}" for one in found if one["impact"] in SERIOUS for place in one["places"]]
