"""The pictures of the README and the docs: `make screenshots`.

In: nothing; starts PostgreSQL, a scripted engine and the site, and puts a month of made-up votes into it. Out:
docs/images/*.png, all of them anew, at most 200 kB each. Whatever page of ours the admin has is among them by its name.
"""

import contextlib
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import yaml
from PIL import Image
from playwright.sync_api import sync_playwright

from demo.postgres import start
from tests.browser import chromium_path
from tests.stack import ROOT
from tests.webapp.browsing import DESKTOP, PHONE, opened
from tests.webapp.conftest import PASSWORD, UNHURRIED
from tests.webapp.in_browser.addresses import addresses
from tests.webapp.in_browser.steps import log_in, until_complete
from tests.webapp.pictures import votes
from tests.webapp.scripted_engine import ALIAS, BASE, KEY, ScriptedEngine
from tests.webapp.site import Site
from tests.webapp.started import running

IMAGES = ROOT / "docs" / "images"
LARGEST = 200_000
"""Bytes of one picture."""
TALLEST = 1800
"""Pixels of a page that is shown whole."""
SAID = yaml.safe_load(pathlib.Path(__file__).with_name("replies.yaml").read_text())
STATISTICS = {f"statistics-{name}": f"/admin/statistics/{name}/" for name in ("ratings", "scenes", "voters", "gate")}
OF_DJANGO = {"index", "login", "logout", "password_change", "password_change_done", "autocomplete", "jsi18n"}
OF_DJANGO |= {"view_on_site", "app_list"}


def main() -> None:
    """Make them all."""
    path = chromium_path()
    with contextlib.ExitStack() as started:
        engine = ScriptedEngine()
        started.callback(engine.stop)
        site, pages = started.enter_context(_site(engine))
        votes.fill(site)
        chromium = started.enter_context(sync_playwright()).chromium
        browser = chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        started.callback(browser.close)
        for old in IMAGES.glob("*.png"):
            old.unlink()
        with opened(browser, site, reduced_motion="reduce", **DESKTOP) as page:
            _a_battle(page, site, engine, "")
            _one_by_night(page, engine)
        with opened(browser, site, reduced_motion="reduce", **PHONE) as page:
            _a_battle(page, site, engine, "phone-")
        with opened(browser, site, reduced_motion="reduce", **DESKTOP) as page:
            log_in(page, site)
            _save(page, "admin")
            for name, address in (pages | STATISTICS).items():
                if page.request.get(address).headers["content-type"].startswith("text/html"):  # and no file to keep
                    page.goto(address)
                    _save(page, f"admin-{name}", whole=True)
    for picture in sorted(IMAGES.glob("*.png")):
        print(f"{picture.relative_to(ROOT)}  {picture.stat().st_size // 1000} kB")


@contextlib.contextmanager
def _site(engine: ScriptedEngine) -> Iterator[tuple[Site, dict[str, str]]]:
    """The site, and our own pages in its admin: name to path."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bardloop-pictures-"))
    postgres = start(folder, databases=["bardloop"])
    try:
        environment = os.environ | {
            "DATABASE_URL": postgres.url("bardloop"),
            "DJANGO_SECRET_KEY": "only for the pictures",
            "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
            "BARDLOOP_INFERENCE_URL": engine.url,
            "BARDLOOP_API_KEY": KEY,
            "BARDLOOP_LIMITS": UNHURRIED,
        }
        subprocess.run([sys.executable, "webapp/manage.py", "setup"], cwd=ROOT, env=environment, check=True)
        found = addresses(environment)
        of_models = tuple(f"{model.name}_" for model in found.models)
        ours = {
            name.removeprefix("admin:"): f"/{route}"
            for name, route in found.routes.items()
            if name.startswith("admin:") and not name.startswith(of_models) and "<" not in route
        }
        with running(environment, PASSWORD) as site:
            yield site, {name: path for name, path in ours.items() if name not in OF_DJANGO}
    finally:
        postgres.stop()
        shutil.rmtree(folder)


def _a_battle(page, site: Site, engine: ScriptedEngine, size: str) -> None:
    """From the start page to the list of one's votes; the trained storyteller stands left."""
    page.goto("/")
    _save(page, f"{size}start")
    _speak(engine, "first")
    page.goto("/?tag=Western")
    with page.expect_navigation():
        page.get_by_test_id("begin-water-rights").click()
    until_complete(page)
    _trained_left(page, site)
    votes.give_some(site, comparison=page.url.split("/")[4])
    page.reload()
    _show(page, "status")
    _save(page, f"{size}blind")
    _speak(engine, "second")
    page.fill("#post", SAID["post"])
    page.get_by_test_id("send").click()
    until_complete(page, turn=2)
    page.reload()
    _show(page, "last-post")
    _save(page, f"{size}second-turn")
    page.get_by_test_id("vote-left").click()
    page.get_by_test_id("why").wait_for()
    for reason in ("left.prose", "left.moves_on", "right.repeats"):
        page.get_by_test_id(f"reason-{reason}").check()
    page.fill("#comment", SAID["comment"])
    page.locator("#comment").blur()
    _show(page, "reveal")
    _save(page, f"{size}reasons")
    page.locator("#show:enabled").click()
    page.get_by_test_id("reveal").wait_for()
    _show(page, "reveal")
    _save(page, f"{size}reveal")
    page.get_by_test_id("nav-mine").click()
    page.get_by_test_id("mine").wait_for()
    _save(page, f"{size}my-votes")


def _one_by_night(page, engine: ScriptedEngine) -> None:
    """The same page in a dark room."""
    _speak(engine, "first")
    page.emulate_media(color_scheme="dark")
    page.goto("/?tag=Western")
    with page.expect_navigation():
        page.get_by_test_id("begin-water-rights").click()
    until_complete(page)
    _show(page, "status")
    _save(page, "night")


def _speak(engine: ScriptedEngine, turn: str) -> None:
    engine.reset()
    engine.scripts[BASE].reply, engine.scripts[ALIAS].reply = SAID[turn]["base"], SAID[turn]["trained"]


def _trained_left(page, site: Site) -> None:
    """Sides are drawn by lot; pictures are to be the same every time."""
    comparison = page.url.split("/")[4]
    site.rows(
        "UPDATE arena_comparison SET asked_left = asked_right, asked_right = asked_left, model_left = model_right,"
        " model_right = model_left WHERE id = %s AND model_left = %s",
        *(comparison, BASE),
    )
    site.rows(
        "UPDATE arena_turn SET reply_left = reply_right, reply_right = reply_left"
        " WHERE comparison_id = %s AND reply_right = %s",
        *(comparison, SAID["first"]["trained"]),
    )


def _show(page, element: str) -> None:
    page.evaluate("id => document.getElementById(id).scrollIntoView({ block: 'start' })", element)
    page.evaluate("window.scrollBy(0, -24)")  # not against the edge


def _save(page, name: str, whole: bool = False) -> None:
    """The window, or the page as far as TALLEST, in 256 colours."""
    page.wait_for_load_state("networkidle")
    page.mouse.move(0, 0)
    size = page.viewport_size
    height = min(page.evaluate("document.documentElement.scrollHeight"), TALLEST) if whole else size["height"]
    page.set_viewport_size({"width": size["width"], "height": max(height, size["height"])})
    picture = Image.open(io.BytesIO(page.screenshot(caret="initial")))
    page.set_viewport_size(size)
    path = IMAGES / f"{name}.png"
    picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    if path.stat().st_size > LARGEST:
        raise SystemExit(f"{path.name} has {path.stat().st_size} bytes, more than {LARGEST}")


if __name__ == "__main__":
    main()
