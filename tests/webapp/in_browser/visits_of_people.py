"""The pages for people, in each of their states."""

from tests.webapp.in_browser.visits import Visits, Walker
from tests.webapp.scripted_engine import ALIAS, BASE, Script

visit = Visits()


@visit("arena:home")
def the_library(walker: Walker):
    return walker.open("/")


@visit("arena:home")
def scenes_with_a_tag(walker):
    return walker.open("/?tag=Western")


@visit("arena:write")
def an_empty_form(walker):
    return walker.open("/write/")


@visit("arena:write", status=400)
def a_form_with_mistakes(walker):
    walker.open("/write/")
    for name, text in {"title": "Night Ferry", "player": "Sam", "character": "sam", "post": "*I pay.*"}.items():
        walker.page.fill(f"#id_{name}", text)
    return walker.click("begin-own")


@visit("arena:comparison")
def waiting(walker):
    walker.engine.scripts = {name: Script("word " * 40, first_delay=4) for name in (BASE, ALIAS)}
    answer = walker.open(walker.visitor.begin())
    walker.page.get_by_text("are reading your post").wait_for()
    return answer


@visit("arena:comparison")
def streaming(walker):
    walker.engine.scripts = {name: Script("word " * 200, delay=0.05) for name in (BASE, ALIAS)}
    answer = walker.open(walker.visitor.begin())
    walker.page.locator("[data-side=left] p").first.wait_for()
    return answer


@visit("arena:comparison", "arena:stream")
def complete(walker):
    answer = walker.open(walker.visitor.begin())
    walker.page.locator("#votes:enabled").wait_for()
    return answer


@visit("arena:comparison", "arena:continue")
def a_second_turn(walker):
    address = walker.complete()
    walker.visitor.move(address, "continue", post='*I wait.* "Well?"', seen="1.1")
    walker.write(address)
    answer = walker.open(address)
    walker.page.get_by_test_id("edit").click()
    return answer


@visit("arena:comparison", "arena:again")
def a_first_turn_that_failed(walker):
    walker.engine.scripts[ALIAS].break_after = 5
    address = walker.visitor.begin()
    walker.write(address)
    return walker.open(address)


@visit("arena:comparison", "arena:regenerate", "arena:edit", "arena:retry")
def a_later_turn_that_failed(walker):
    address = walker.complete()
    walker.engine.scripts[BASE].status = 500
    walker.visitor.move(address, "continue", post="*I wait.*", seen="1.1")
    walker.write(address)
    return walker.open(address)


@visit("arena:comparison", "arena:vote")
def why(walker):
    answer = walker.open(walker.voted())
    walker.page.get_by_test_id("reason-left.prose").check()
    return answer


@visit("arena:comparison", "arena:reasons")
def revealed(walker):
    return walker.open(walker.revealed())


@visit("arena:comparison")
def somebody_elses(walker):
    return walker.open(walker.somebody_else().revealed())


@visit("arena:comparison", "arena:surprise")
def invited(walker):
    address = walker.somebody_else().revealed()
    walker.visitor.begin()  # there is a cookie, and with it a number to be invited by
    ((voter,),) = walker.site.rows("SELECT voter FROM arena_comparison ORDER BY created_at DESC LIMIT 1")
    comparison = address.split("/")[2]
    walker.site.rows(
        "INSERT INTO arena_invitation (comparison_id, voter, created_at) VALUES (%s, %s, now())", comparison, voter
    )
    return walker.open(address)


@visit("arena:comparison")
def erased(walker):
    other = walker.somebody_else()
    address = other.revealed()
    other.visitor.submit("/mine/erase/")
    return walker.open(address)


@visit("arena:mine")
def without_votes(walker):
    return walker.open("/mine/")


@visit("arena:mine")
def with_votes(walker):
    walker.voted()
    for _ in range(21):
        walker.revealed()
    walker.visitor.submit(f"/mine/votes/{newest_vote(walker)}/withdraw/")
    return walker.open("/mine/")


@visit("arena:withdraw")
def the_question_whether(walker):
    walker.revealed()
    return walker.open(f"/mine/votes/{newest_vote(walker)}/withdraw/")


@visit("arena:erase", state="the question whether")
def _(walker):
    return walker.open("/mine/erase/")


@visit("arena:erase")
def done(walker):
    walker.revealed()
    walker.open("/mine/erase/")
    return walker.click("confirm")


@visit("arena:sign-up")
def who_has_votes_to_bring(walker):
    walker.voted()
    return walker.open("/account/sign-up/")


@visit("arena:sign-up", status=400)
def too_easy_a_password(walker):
    walker.open("/account/sign-up/")
    for name, text in {"username": "edda", "password1": "edda", "password2": "eda"}.items():
        walker.page.fill(f"#id_{name}", text)
    return walker.click("send")


@visit("arena:log-in")
def an_empty_log_in(walker):
    return walker.open("/account/log-in/")


@visit("arena:password")
def another_password(walker):
    walker.signed_up()
    return walker.open("/account/password/")


@visit("arena:mine")
def with_an_account(walker):
    walker.voted()
    walker.signed_up()
    return walker.open("/mine/")


@visit("arena:welcome")
def the_operators_terms(walker):
    return walker.page.goto(f"{walker.strict.url}/")


@visit("arena:welcome", status=400)
def terms_half_agreed_to(walker):
    walker.page.goto(f"{walker.strict.url}/")
    walker.page.evaluate("document.querySelector('.terms').noValidate = true")
    walker.page.get_by_test_id("age").check()
    return walker.click("enter")


@visit("api:openapi-view", "api:openapi-json")
def documentation(walker):
    answer = walker.open("/api/docs")
    walker.page.get_by_text("Have two replies written").wait_for()
    return answer


def newest_vote(walker: Walker) -> int:
    """Of all; tests run one after another."""
    ((vote,),) = walker.site.rows("SELECT max(id) FROM arena_vote")
    return vote
