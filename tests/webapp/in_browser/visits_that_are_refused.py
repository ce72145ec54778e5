"""The pages that say no: one for each status that a person can meet."""

from tests.webapp.in_browser.visits import Visits
from tests.webapp.in_browser.visits_of_people import newest_vote

visit = Visits()
TAKEN_AWAY = "ALTER TABLE arena_comparison RENAME TO taken_away"
GIVEN_BACK = "ALTER TABLE taken_away RENAME TO arena_comparison"


@visit("handler400", state="400", status=400)
def _(walker):
    return walker.open("/?tag=%00")


@visit("arena:surprise", state="403", status=403)
def _(walker):
    walker.open("/")
    walker.page.context.clear_cookies(name="csrftoken")
    return walker.click("surprise")


@visit("handler404", state="404", status=404)
def _(walker):
    return walker.open("/nowhere/")


@visit("arena:start", "arena:surprise", state="405", status=405)
def _(walker):
    return walker.open("/surprise/")


@visit("arena:withdraw", state="409", status=409)
def _(walker):
    walker.revealed()
    address = f"/mine/votes/{newest_vote(walker)}/withdraw/"
    walker.open(address)
    walker.visitor.submit(address)
    return walker.click("confirm")


@visit("arena:write", state="413", status=413)
def _(walker):
    walker.open("/write/")
    for name in ("title", "player", "character"):
        walker.page.fill(f"#id_{name}", name)
    walker.page.evaluate("""() => {
        const post = document.getElementById("id_post");
        post.removeAttribute("maxlength");
        post.value = "x".repeat(300000);
    }""")
    return walker.click("begin-own")


@visit("arena:surprise", state="429", status=429)
def _(walker):
    walker.visitor.begin()
    walker.site.rows("UPDATE access_allowance SET full_at = now() + interval '1 hour' WHERE subject LIKE 'start/%%'")
    walker.open("/")
    try:
        return walker.click("surprise")
    finally:
        walker.site.rows("DELETE FROM access_allowance")


@visit("handler500", state="500", status=500)
def _(walker):
    address = walker.visitor.begin()
    walker.site.rows(TAKEN_AWAY)
    try:
        return walker.open(address)
    finally:
        walker.site.rows(GIVEN_BACK)


@visit("arena:surprise", state="503", status=503)
def _(walker):
    walker.engine.down = True
    walker.open("/")
    return walker.click("surprise")
