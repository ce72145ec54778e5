"""The pages in a real browser: streaming, voting by hand and by key, a phone's layout, no model's word as markup."""

import json
import pathlib
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.webapp.scripted_engine import ALIAS, BASE, VERSION, Script

pytestmark = pytest.mark.slow

CASES = json.loads(pathlib.Path(__file__).with_name("prose_cases.json").read_text())
SERIOUS = ("serious", "critical")
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@contextmanager
def opened(browser, site, **options):
    """A page of a new visitor. What the browser complains about (a broken policy, a script's error) fails the test."""
    context = browser.new_context(base_url=site.url, **options)
    context.set_default_timeout(20_000)
    page = context.new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    # Chromium reports an answer of 4xx or 5xx as an error, and those some tests ask for.
    assert [text for text in complaints if "the server responded with a status of" not in text] == []


@pytest.fixture
def page(browser, site, engine):
    """A desktop page."""
    with opened(browser, site) as page:
        yield page


@pytest.fixture
def phone(browser, site, engine):
    """A page on a phone."""
    with opened(browser, site, **PHONE) as page:
        yield page


def begin(page, slug: str = "water-rights") -> None:
    """Choose a scene."""
    page.goto("/")
    page.get_by_test_id(f"begin-{slug}").click()
    page.get_by_test_id("comparison").wait_for()


def serious_faults(page) -> list[tuple[str, str, str]]:
    """What axe-core finds serious or critical: address, rule, and the first place."""
    faults = Axe().run(page).response["violations"]
    return [(page.url, one["id"], one["nodes"][0]["html"]) for one in faults if one["impact"] in SERIOUS]


def vote(page, choice: str) -> None:
    """Wait for both replies, vote, and be told who was who."""
    page.locator("#votes:enabled").wait_for()
    page.get_by_test_id(f"vote-{choice}").click()
    page.get_by_test_id("show").click()
    page.get_by_test_id("reveal").wait_for()


def test_it_works(page, site):
    begin(page)
    vote(page, "left")
    ((left, choice),) = site.rows(
        "SELECT model_left, choice FROM arena_vote JOIN arena_comparison c ON c.id = comparison_id"
    )
    assert choice == "left"
    assert page.get_by_test_id("model-left").inner_text() == left
    assert {page.get_by_test_id(f"model-{side}").inner_text() for side in ("left", "right")} == {BASE, VERSION}
    assert page.get_by_test_id("reply-left").get_attribute("class") == "reply chosen"
    assert page.get_by_test_id("vote").count() == 0
    page.get_by_test_id("next-scene").click()
    page.locator("#votes:enabled").wait_for()


def test_a_scene_of_several_turns_by_key(page, site, engine):
    begin(page)
    page.locator("#votes:enabled").wait_for()
    page.keyboard.press("c")
    page.keyboard.type('*I wait.* "4 more, then?"')  # digits are no votes while somebody writes
    page.keyboard.press("Control+Enter")
    page.locator("[data-turn='2'] #votes:enabled").wait_for()
    assert page.locator("#last-post em").inner_text() == "I wait."
    assert page.get_by_test_id("past-1").count() == 1
    engine.scripts[BASE].reply = "Another try altogether."
    page.keyboard.press("r")
    page.get_by_text("Another try altogether.").wait_for()
    page.locator("#votes:enabled").wait_for()
    page.keyboard.press("e")
    assert page.evaluate("document.activeElement.value") == '*I wait.* "4 more, then?"'
    page.keyboard.press("Control+A")
    page.keyboard.type("*I leave.*")
    page.keyboard.press("Control+Enter")
    page.locator("#last-post em", has_text="I leave.").wait_for()
    page.locator("#votes:enabled").wait_for()
    page.reload()
    page.keyboard.press("2")
    page.get_by_test_id("why").wait_for()
    turns = "SELECT t.number, t.attempt, choice FROM arena_vote JOIN arena_turn t ON t.id = turn_id"
    assert site.rows(turns) == [(2, 3, "right")]


def test_reasons_and_a_comment(page, site):
    begin(page)
    page.locator("#votes:enabled").wait_for()
    page.get_by_test_id("vote-left").click()
    page.get_by_test_id("reason-right.repeats").check()
    page.fill("#comment", "Twice the same.")
    assert not any(name in page.content() for name in (BASE, VERSION))
    page.get_by_test_id("show").click()
    page.get_by_test_id("reveal").wait_for()
    assert site.rows("SELECT reasons, comment FROM arena_vote") == [(["right.repeats"], "Twice the same.")]


def test_a_later_turn_that_fails_is_told_and_can_be_tried_again(page, engine):
    begin(page)
    page.locator("#votes:enabled").wait_for()
    engine.scripts[ALIAS].break_after = 5
    page.fill("#post", "*I wait.*")
    page.get_by_test_id("send").click()
    page.get_by_test_id("turn-failed").wait_for()
    assert page.get_by_test_id("vote-left").is_enabled()
    assert page.locator("#post").input_value() == "*I wait.*"
    engine.reset()
    page.get_by_test_id("retry").click()
    page.locator("[data-turn='2'] #votes:enabled").wait_for()


def test_without_javascript(browser, site, engine):
    with opened(browser, site, java_script_enabled=False) as page:
        begin(page)
        page.get_by_test_id("replies-at-once").click()
        page.fill("#post", "*I wait.*")
        page.get_by_test_id("send").click()
        page.get_by_test_id("replies-at-once").click()
        page.get_by_test_id("vote-tie").click()
        page.get_by_test_id("reason-left.prose").check()
        page.get_by_test_id("show").click()
        assert page.get_by_test_id("reveal").count() == 1
        page.get_by_test_id("nav-mine").click()
        page.get_by_test_id("withdraw").click()
        page.get_by_test_id("confirm").click()
        assert page.get_by_test_id("withdrawn").count() == 1
    assert site.rows("SELECT reasons, withdrawn_at IS NULL FROM arena_vote") == [(["left.prose"], False)]


@pytest.mark.parametrize(
    "options", [{"color_scheme": "light"}, PHONE | {"color_scheme": "dark"}], ids=["desktop, light", "phone, dark"]
)
def test_no_page_is_hard_to_use_for_anybody(browser, site, engine, options):
    """axe-core finds nothing serious. It is put into pages as a script, which the site's own policy would forbid."""
    found = []

    def look() -> None:
        found.extend(serious_faults(page))

    with opened(browser, site, bypass_csp=True, reduced_motion="reduce", **options) as page:
        for address in ("/", "/write/", "/nowhere/", "/account/sign-up/", "/account/log-in/"):
            page.goto(address)
            look()
        begin(page)
        page.locator("#votes:enabled").wait_for()
        page.fill("#post", "*I wait.*")
        page.get_by_test_id("send").click()
        page.locator("[data-turn='2'] #votes:enabled").wait_for()
        page.get_by_test_id("edit").click()
        look()
        engine.scripts[BASE].status = 500
        page.get_by_test_id("regenerate").click()
        page.get_by_test_id("turn-failed").wait_for()
        look()
        page.get_by_test_id("vote-left").click()
        page.get_by_test_id("reason-left.prose").check()
        look()
        page.get_by_test_id("show").click()
        page.get_by_test_id("reveal").wait_for()
        look()
        page.get_by_test_id("nav-mine").click()
        look()
        page.get_by_test_id("withdraw").click()
        look()
        page.goto("/mine/erase/")
        look()
        page.get_by_test_id("confirm").click()
        look()
    assert found == []


def test_buttons_open_when_both_replies_are_complete(page, engine):
    engine.scripts[ALIAS] = Script("word " * 40, delay=0.05)
    begin(page)
    page.locator("[data-side=left] p").first.wait_for()
    assert page.get_by_test_id("status").inner_text() == "They are writing…"
    assert page.get_by_test_id("vote-left").is_disabled()
    page.keyboard.press("1")
    page.locator("#votes:enabled").wait_for()
    assert page.get_by_test_id("status").inner_text() == "Both replies are complete. Which is better?"
    assert page.get_by_test_id("reveal").count() == 0


@pytest.mark.parametrize(("key", "choice"), [("1", "left"), ("2", "right"), ("3", "tie"), ("4", "bothbad")])
def test_votes_by_key(page, site, key, choice):
    begin(page)
    page.locator("#votes:enabled").wait_for()
    page.keyboard.press(key)
    page.get_by_test_id("why").wait_for()
    assert page.evaluate("document.activeElement.id") == "reveal"
    page.locator("#show:enabled").wait_for()
    page.keyboard.press("s")
    page.get_by_test_id("reveal").wait_for()
    assert site.rows("SELECT choice, reasons, comment FROM arena_vote") == [(choice, [], "")]
    assert page.evaluate("document.activeElement.id") == "reveal"
    page.keyboard.press("n")
    page.locator("#votes:disabled").wait_for()


def test_a_double_click_is_one_vote(page, site):
    begin(page)
    page.locator("#votes:enabled").wait_for()
    page.get_by_test_id("vote-tie").dblclick()
    page.get_by_test_id("why").wait_for()
    assert site.rows("SELECT count(*) FROM arena_vote") == [(1,)]


def test_a_second_vote_from_an_old_tab_is_told(page, site):
    begin(page)
    page.locator("#votes:enabled").wait_for()
    old = page.context.new_page()
    old.goto(page.url)
    vote(page, "left")
    old.get_by_test_id("vote-right").click()
    old.get_by_test_id("notice").wait_for()
    assert "has its vote already" in old.get_by_test_id("notice").inner_text()
    assert site.rows("SELECT choice FROM arena_vote") == [("left",)]


def test_a_reload_in_mid_stream_starts_again(page, engine):
    engine.scripts[ALIAS] = Script("word " * 40, delay=0.05)
    begin(page)
    page.locator("[data-side=left] p").first.wait_for()
    engine.reset()
    page.reload()
    page.locator("#votes:enabled").wait_for()


def test_a_failing_engine_is_told_and_can_be_tried_again(page, engine):
    engine.scripts[ALIAS].break_after = 5
    begin(page)
    page.get_by_test_id("failed").wait_for()
    assert "before both replies were complete" in page.get_by_test_id("refusal-message").inner_text()
    engine.reset()
    page.get_by_test_id("retry").click()
    vote(page, "bothbad")


def test_an_engine_that_is_down_is_told_and_can_be_tried_again(page, engine):
    engine.down = True
    page.goto("/")
    page.get_by_test_id("surprise").click()
    assert "cannot be reached" in page.get_by_test_id("refusal-message").inner_text()
    engine.down = False
    page.get_by_test_id("retry").click()
    vote(page, "tie")


def test_a_scene_of_ones_own(page, engine):
    page.goto("/write/")
    for name, text in {"title": "Night Ferry", "player": "Sam", "character": "Charon", "post": "*I pay.*"}.items():
        page.fill(f"#id_{name}", text)
    page.get_by_test_id("begin-own").click()
    vote(page, "right")
    assert page.locator(".opening em").inner_text() == "I pay."


def test_tags_narrow_the_library_in_place(page):
    page.goto("/")
    page.get_by_test_id("tag-western").click()
    page.wait_for_url("**/?tag=Western")
    page.locator("[data-testid=tag-western][aria-current=true]").wait_for()
    assert page.locator(".card").count() == 1
    assert page.evaluate("document.querySelectorAll('h1').length") == 1


def test_what_a_model_writes_is_never_markup(page, engine):
    hostile = '<img src=x onerror="document.title=1"> <script>document.title=1</script> *<b>bold</b>* "<i>" ' * 3
    engine.scripts = {BASE: Script(hostile), ALIAS: Script(hostile)}
    begin(page)
    page.locator("#votes:enabled").wait_for()
    for _ in ("as streamed", "as stored"):
        text = page.get_by_test_id("text-left")
        assert text.locator("img, script, b, i").count() == 0
        assert "<b>bold</b>" in text.inner_text()
        assert page.title() == "Water Rights · Bardloop"
        page.reload()


def test_browser_and_server_render_alike(page):
    page.goto("/")
    rendered = page.evaluate(
        """async (cases) => {
            const { render } = await import("/static/arena/prose.js");
            return cases.map(({ text }) => {
                const target = document.createElement("div");
                render(target, text);
                return target.innerHTML;
            });
        }""",
        CASES,
    )
    assert rendered == [case["html"] for case in CASES]


def test_phone(phone, site):
    for address in ("/", "/write/", "/nowhere/"):
        phone.goto(address)
        assert phone.evaluate("document.documentElement.scrollWidth") == 390, address
    begin(phone)
    phone.locator("#votes:enabled").wait_for()
    assert phone.evaluate("document.documentElement.scrollWidth") == 390
    left, right = (phone.get_by_test_id(f"reply-{side}").bounding_box() for side in ("left", "right"))
    assert right["y"] >= left["y"] + left["height"]  # stacked
    for choice in ("left", "right", "tie", "bothbad"):
        box = phone.get_by_test_id(f"vote-{choice}").bounding_box()
        assert box["y"] + box["height"] <= 844 and box["height"] >= 44  # in reach at once, and large enough to hit
    phone.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    phone.get_by_test_id("vote-right").tap()
    phone.get_by_test_id("why").wait_for()
    assert phone.evaluate("document.documentElement.scrollWidth") == 390
    phone.get_by_test_id("reason-right.prose").tap()
    phone.get_by_test_id("show").tap()
    phone.get_by_test_id("reveal").wait_for()
    phone.wait_for_function("document.getElementById('reveal').getBoundingClientRect().top >= 0")  # brought into view
    assert site.rows("SELECT choice, reasons FROM arena_vote") == [("right", ["right.prose"])]


def test_statistics_in_the_admin(page, site):
    begin(page)
    vote(page, "tie")
    page.goto("/admin/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", site.password)
    page.click("[type=submit]")
    page.get_by_test_id("to-statistics").click()
    assert page.get_by_test_id("votes-total").inner_text() == "1"
    assert page.get_by_test_id("win-rate").inner_text() == "50 %"


def test_statistics_fit_a_phone(phone, site):
    begin(phone)
    vote(phone, "left")
    phone.goto("/admin/login/?next=/admin/statistics/")
    phone.fill("#id_username", "admin")
    phone.fill("#id_password", site.password)
    phone.click("[type=submit]")
    phone.get_by_test_id("statistics").wait_for()
    assert phone.evaluate("document.documentElement.scrollWidth") == 390


def test_documentation_of_the_api(page):
    page.goto("/api/docs")
    page.get_by_text("Have two replies written").wait_for()
