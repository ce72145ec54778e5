"""/account/: votes that follow a person to another browser. Nothing of it is needed to vote."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.webapp.conftest import PASSWORD
from tests.webapp.scripted_engine import BASE
from tests.webapp.started import running

SECRET = "correct horse battery"


@pytest.fixture
def site(site):
    """The site without locks of log-ins."""
    site.rows("DELETE FROM axes_accessattempt")
    return site


def voted(visitor, choice: str = "left", slug: str = "water-rights") -> str:
    """The address of a comparison that the visitor voted on."""
    address = visitor.begin(slug)
    visitor.steps(address)
    assert visitor.vote(address, choice).status_code == 302
    visitor.reasons(address, comment="A remark.")
    return address


def sign_up(visitor, name: str = "mira", **fields):
    return visitor.submit(
        "/account/sign-up/", **({"username": name, "password1": SECRET, "password2": SECRET} | fields)
    )


def log_in(visitor, name: str = "mira", password: str = SECRET, **fields):
    return visitor.submit("/account/log-in/", username=name, password=password, **fields)


def notices(page) -> list[str]:
    return re.findall(r'data-testid="notice">([^<]*)', page.text)


def errors(page) -> list[str]:
    return re.findall(r'data-testid="error-(\w+)">([^<]*)', page.text)


def votes_shown(visitor) -> int:
    return visitor.get("/mine/").text.count('data-testid="my-vote"')


def voter(visitor) -> str:
    return visitor.cookies["bardloop_voter"].strip('"').split(":")[0]


def test_it_works(visitor, site):
    voted(visitor)
    assert 'name="bring"' in visitor.get("/account/sign-up/").text
    assert sign_up(visitor, bring="on").headers["Location"] == "/mine/"
    page = visitor.get("/mine/").text
    assert "You are logged in as" in page and "mira" in page and votes_shown(visitor) == 1
    with site.visitor() as elsewhere:
        assert votes_shown(elsewhere) == 0
        assert log_in(elsewhere).headers["Location"] == "/mine/"
        assert votes_shown(elsewhere) == 1
        voted(elsewhere, slug="berth-forty-one")
    assert votes_shown(visitor) == 2
    assert site.rows("SELECT count(DISTINCT voter) FROM arena_vote") == [(1,)]
    assert site.rows("SELECT is_staff, is_superuser FROM auth_user WHERE username = 'mira'") == [(False, False)]


def test_votes_of_another_browser_are_joined_where_the_person_wants_it(visitor, site):
    sign_up(visitor)
    mine = voter(visitor)
    with site.visitor() as elsewhere:
        voted(elsewhere)
        log_in(elsewhere)  # the box is not ticked
        assert votes_shown(elsewhere) == 0 and voter(elsewhere) == mine
    with site.visitor() as third:
        voted(third)
        log_in(third, bring="on")
        assert votes_shown(third) == 1
    joined = site.rows("SELECT voter::text = %s, count(*) FROM arena_vote GROUP BY 1 ORDER BY 1", mine)
    assert joined == [(False, 1), (True, 1)]
    owners = site.rows("SELECT voter::text = %s, count(*) FROM arena_comparison GROUP BY 1 ORDER BY 1", mine)
    assert owners == [(False, 1), (True, 1)]


def test_one_vote_a_battle_stays(visitor, site):
    """The same person voted on the same replies as two voters: the account's vote counts, the other one no more."""
    sign_up(visitor)
    mine = voter(visitor)
    with site.visitor() as elsewhere:
        address = voted(elsewhere, "right")
        site.rows(
            "INSERT INTO arena_vote (comparison_id, turn_id, voter, choice, dwell_ms, created_at)"
            " SELECT comparison_id, turn_id, %s, 'left', 1, now() FROM arena_vote",
            mine,
        )
        log_in(elsewhere, bring="on")
        assert votes_shown(elsewhere) == 1 and elsewhere.get(address).status_code == 200
    rows = site.rows(
        "SELECT choice, voter::text = %s, withdrawn_at IS NULL, comment FROM arena_vote ORDER BY number", mine
    )
    assert rows == [("right", False, False, ""), ("left", True, True, "")]


def test_another_account_s_votes_are_not_taken(visitor, site):
    voted(visitor)
    sign_up(visitor, bring="on")
    sign_up(visitor, "lorn", bring="on")  # in the same browser, still logged in as mira
    assert votes_shown(visitor) == 0
    log_in(visitor, bring="on")
    assert votes_shown(visitor) == 1
    log_in(visitor, "lorn", bring="on")
    assert votes_shown(visitor) == 0


def test_a_cookie_from_before_leads_to_nothing_of_the_account(visitor, site):
    """Whoever planted it in the browser, or read it there, has nobody's number when the account is made."""
    voted(visitor)
    planted = visitor.cookies["bardloop_voter"]
    sign_up(visitor, bring="on")
    assert votes_shown(visitor) == 1
    with site.visitor() as thief:
        thief.cookies.set("bardloop_voter", planted)
        stored = thief.get("/mine/data.json").json()
        assert stored["account"] is None and stored["votes"] == stored["comparisons"] == []
        assert "0 votes withdrawn" in thief.submit("/mine/erase/").text
    assert votes_shown(visitor) == 1 and "logged in as" in visitor.get("/mine/").text


def test_an_account_s_cookie_alone_neither_reads_nor_erases_it(visitor, site):
    voted(visitor)
    sign_up(visitor, bring="on")
    with site.visitor() as thief:
        thief.cookies.set("bardloop_voter", visitor.cookies["bardloop_voter"])
        for answer in (thief.get("/mine/data.json"), thief.get("/mine/erase/"), thief.submit("/mine/erase/")):
            assert answer.status_code == 403 and 'data-code="log_in_first"' in answer.text
            assert 'href="/account/log-in/"' in answer.text and "mira" not in answer.text
    assert votes_shown(visitor) == 1 and visitor.get("/mine/data.json").json()["account"]["name"] == "mira"


def test_log_out(visitor, site):
    voted(visitor)
    sign_up(visitor, bring="on")
    assert visitor.get("/account/log-out/").status_code == 405
    assert visitor.submit("/account/log-out/").headers["Location"] == "/"
    assert "bardloop_voter" not in visitor.cookies and votes_shown(visitor) == 0


def test_another_password_shuts_other_browsers_out(visitor, site):
    voted(visitor)
    sign_up(visitor, bring="on")
    new = {"new_password1": "another long secret", "new_password2": "another long secret"}
    with site.visitor() as elsewhere:
        log_in(elsewhere)
        wrong = visitor.submit("/account/password/", old_password="wrong", **new)
        assert wrong.status_code == 400 and 'data-testid="error-old_password"' in wrong.text
        assert visitor.submit("/account/password/", old_password=SECRET, **new).headers["Location"] == "/mine/"
        assert votes_shown(elsewhere) == 0 and "logged in as" not in elsewhere.get("/mine/").text
        assert log_in(elsewhere).status_code == 400
        assert log_in(elsewhere, password="another long secret").status_code == 302
        assert votes_shown(elsewhere) == 1
    assert votes_shown(visitor) == 1


def test_nobody_gets_there_without_logging_in(visitor):
    assert visitor.get("/account/password/").headers["Location"] == "/account/log-in/"


def test_a_cookie_that_is_gone_comes_back(visitor, site):
    voted(visitor)
    sign_up(visitor, bring="on")
    del visitor.cookies["bardloop_voter"]
    assert votes_shown(visitor) == 1 and "bardloop_voter" in visitor.cookies


def test_erasing_takes_the_account_along(visitor, site):
    voted(visitor)
    sign_up(visitor, bring="on")
    stored = visitor.get("/mine/data.json").json()
    assert stored["account"]["name"] == "mira" and len(stored["votes"]) == 1
    with site.visitor() as elsewhere:
        log_in(elsewhere)
        page = visitor.submit("/mine/erase/").text
        assert "1 vote withdrawn" in page and "staff-stays" not in page
        assert "logged in as" not in elsewhere.get("/mine/").text and votes_shown(elsewhere) == 0
    assert site.rows("SELECT count(*) FROM auth_user WHERE NOT is_staff") == [(0,)]
    assert votes_shown(visitor) == 0 and log_in(visitor).status_code == 400


def test_who_became_staff_keeps_the_log_in_only(visitor, site):
    voted(visitor)
    sign_up(visitor, bring="on")
    site.rows("UPDATE auth_user SET is_staff = true WHERE username = 'mira'")
    try:
        page = visitor.submit("/mine/erase/").text
        assert "1 vote withdrawn" in page and 'data-testid="staff-stays"' in page
        assert site.rows("SELECT count(*) FROM arena_account") == [(0,)]
        assert visitor.get("/admin/").status_code == 200
        assert visitor.get("/mine/data.json").json()["account"] is None
    finally:
        site.rows("DELETE FROM arena_account; DELETE FROM auth_user WHERE username = 'mira'")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"password1": "short", "password2": "short"}, "password2"),
        ({"password1": "password1234", "password2": "password1234"}, "password2"),
        ({"password2": "another horse battery"}, "password2"),
        ({"username": "admin"}, "username"),
        ({"username": "a b"}, "username"),
        ({"username": "correct horse", "password1": "correct-horse", "password2": "correct-horse"}, "username"),
        ({"username": ""}, "username"),
    ],
)
def test_what_is_wrong_is_said(visitor, site, fields, field):
    page = sign_up(visitor, **fields)
    assert page.status_code == 400 and f'data-testid="error-{field}"' in page.text
    assert SECRET not in page.text
    assert site.rows("SELECT count(*) FROM auth_user WHERE NOT is_staff") == [(0,)]


def test_a_double_click_makes_one_account(visitor, site):
    token = visitor.token()
    form = {"csrfmiddlewaretoken": token, "username": "mira", "password1": SECRET, "password2": SECRET}
    headers = {"Cookie": f"csrftoken={visitor.cookies['csrftoken']}"}
    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(
            lambda _: visitor.post("/account/sign-up/", data=form, headers=headers).status_code, range(2)
        )
    assert sorted(answers) == [302, 400]
    assert site.rows("SELECT count(*) FROM auth_user WHERE NOT is_staff") == [(1,)]


def test_wrong_passwords_are_counted(visitor, site):
    sign_up(visitor)
    with site.visitor() as thief:
        assert [log_in(thief, password="wrong").status_code for _ in range(5)] == [400] * 4 + [429]
        assert log_in(thief).status_code == 429


def test_it_leads_nowhere_else(visitor, site):
    sign_up(visitor)
    for address in ("https://elsewhere.example/", "//elsewhere.example", "/admin/"):
        answer = visitor.submit(f"/account/log-in/?next={address}", username="mira", password=SECRET, next=address)
        assert answer.headers["Location"] == "/mine/"


def test_operators_have_a_door_of_their_own(visitor, site):
    page = log_in(visitor, "admin", PASSWORD)
    assert page.status_code == 400 and "sessionid" not in visitor.cookies
    sign_up(visitor)
    assert visitor.get("/admin/").status_code == 302 and visitor.get("/api/battles").status_code == 401


def test_an_operator_s_password_cannot_be_tried_out(visitor, site):
    """The right one gets the answer of a wrong one, and is counted as one."""
    said = [notices(log_in(visitor, "admin", password)) for password in ("wrong", PASSWORD, "wrong")]
    assert said[0] and said[0] == said[1] == said[2] == notices(log_in(visitor, "nobody", "wrong"))
    assert [log_in(visitor, "admin", PASSWORD).status_code for _ in range(2)] == [400, 429]


def test_a_taken_name_is_a_taken_name(visitor, site):
    """Signing up cannot help telling that; it tells nothing of whose name it is."""
    sign_up(visitor)
    with site.visitor() as other:
        said = [errors(sign_up(other, name)) for name in ("mira", "admin", "Mira", "Admin")]
    assert said[0] and said == [said[0]] * 4


def test_no_name_stands_on_a_page_before_the_vote(visitor, site):
    sign_up(visitor)
    address = visitor.begin()
    visitor.steps(address)
    page = visitor.get(address).text
    assert "mira" not in page and BASE not in page


@pytest.fixture(scope="module")
def without_accounts(running_site, site_environment):
    """A second site on the same database, whose operator wants no accounts."""
    with running(site_environment | {"BARDLOOP_ACCOUNTS": "off"}, PASSWORD) as site:
        yield site


def test_the_operator_can_do_without(site, engine, without_accounts):
    with without_accounts.visitor() as visitor:
        for path in ("sign-up", "log-in", "password"):
            assert visitor.get(f"/account/{path}/").status_code == 404
        assert not re.search("account", visitor.get("/mine/").text)
