"""What people do on the pages, for tests that are about something else."""


def begin(page, slug: str = "water-rights") -> None:
    """Choose a scene."""
    page.goto("/")
    page.get_by_test_id(f"begin-{slug}").click()
    page.get_by_test_id("comparison").wait_for()


def until_complete(page, turn: int = 1) -> None:
    """Until both replies of the turn are there and can be voted on."""
    page.locator(f"[data-turn='{turn}'] #votes:enabled").wait_for()


def vote(page, choice: str) -> None:
    """Wait for both replies, vote, and be told who was who."""
    page.locator("#votes:enabled").wait_for()
    page.get_by_test_id(f"vote-{choice}").click()
    page.get_by_test_id("show").click()
    page.get_by_test_id("reveal").wait_for()


def log_in(page, site, then: str = "/admin/") -> None:
    """As staff."""
    page.goto(f"/admin/login/?next={then}")
    page.fill("#id_username", "admin")
    page.fill("#id_password", site.password)
    with page.expect_navigation():
        page.click("[type=submit]")
