"""Wrong passwords: five for one name from one address, then that name waits there, and nowhere else."""

import pytest


@pytest.fixture
def locks(site):
    """No attempts from before, none left behind."""
    site.rows("DELETE FROM axes_accessattempt")
    yield site
    site.rows("DELETE FROM axes_accessattempt")


def attempt(visitor, password, username="admin", address="192.0.2.1"):
    """One log-in through the proxy."""
    page = visitor.get("/admin/login/", headers={"X-Forwarded-For": address})
    token = page.headers["Set-Cookie"].split("csrftoken=")[1].split(";")[0]
    headers = {"Cookie": f"csrftoken={token}", "Referer": "https://bardloop.example/", "X-Forwarded-For": address}
    form = {"csrfmiddlewaretoken": token, "username": username, "password": password}
    return visitor.post("/admin/login/?next=/admin/", data=form, headers=headers)


def test_it_works(by_https, locks):
    codes = [attempt(by_https, "wrong").status_code for _ in range(5)]
    assert codes == [200] * 4 + [429]
    page = attempt(by_https, locks.password)  # the right one, too late
    assert page.status_code == 429 and page.headers["Retry-After"] == "900"
    assert 'data-code="locked_out"' in page.text and "Log in again in 15 minutes" in page.text
    assert attempt(by_https, locks.password, address="192.0.2.2").status_code == 302


def test_another_browser_does_not_help(by_https, locks):
    for number in range(5):
        by_https.headers["User-Agent"] = f"browser {number}"
        attempt(by_https, "wrong")
    assert attempt(by_https, locks.password).status_code == 429


def test_another_name_is_another_count(by_https, locks):
    for _ in range(5):
        attempt(by_https, "wrong", username="somebody")
    assert attempt(by_https, locks.password).status_code == 302


def test_a_right_log_in_forgives_the_wrong_ones(by_https, locks):
    for _ in range(2):
        for _ in range(4):
            assert attempt(by_https, "wrong").status_code == 200
        assert attempt(by_https, locks.password).status_code == 302


def test_the_lock_opens_by_itself(by_https, locks):
    for _ in range(5):
        attempt(by_https, "wrong")
    locks.rows("UPDATE axes_accessattempt SET attempt_time = attempt_time - interval '16 minutes'")
    assert attempt(by_https, locks.password).status_code == 302


def test_neither_address_nor_password_is_kept(by_https, locks):
    attempt(by_https, "a secret that was mistyped")
    ((row,),) = locks.rows("SELECT a::text FROM axes_accessattempt a")
    assert "192.0.2.1" not in row and "mistyped" not in row


@pytest.mark.parametrize("username", ["a\x00b", "<script>x</script>", "x" * 5000, "‮nimda"])
def test_hostile_names(by_https, locks, username):
    page = attempt(by_https, "wrong", username=username)
    assert page.status_code == 200 and "<script>x" not in page.text


def test_a_new_password_has_to_be_a_good_one(visitor, site):
    visitor.log_in("admin", site.password)
    for new, says in (("short", "at least 12 characters"), ("1qaz2wsx3edc", "too common")):
        fields = {"old_password": site.password, "new_password1": new, "new_password2": new}
        assert says in visitor.submit("/admin/password_change/", **fields).text
