"""/mine/: a person's own votes and data."""

import re

import pytest

from tests.webapp.conftest import EXPORT_KEY
from tests.webapp.scripted_engine import BASE, BASE_REPLY, VERSION

OWN = {"title": "Night Ferry", "player": "Sam", "character": "Charon", "post": "*I pay in secrets.*"}


def play(visitor, address: str, choice: str = "left", told: bool = True) -> str:
    """A comparison from its first reply to its vote."""
    visitor.steps(address)
    assert visitor.vote(address, choice).status_code == 302
    if told:
        visitor.reasons(address, "left.prose", comment="A secret remark.")
    return address


@pytest.fixture
def voted(visitor) -> str:
    """The address of a comparison that the visitor voted on."""
    return play(visitor, visitor.begin())


def withdraw_address(visitor) -> str:
    return re.search(r'href="(/mine/votes/\d+/withdraw/)"', visitor.get("/mine/").text)[1]


def test_it_works(visitor, voted):
    page = visitor.get("/mine/")
    assert "Water Rights" in page.text and "A is better" in page.text and "A secret remark." in page.text
    assert BASE in page.text and VERSION in page.text and f'href="{voted}"' in page.text
    assert "no-store" in page.headers["Cache-Control"]


def test_nothing_yet(visitor):
    assert 'data-testid="no-votes"' in visitor.get("/mine/").text


def test_names_stay_hidden_until_they_were_told(visitor):
    play(visitor, visitor.begin(), told=False)
    visitor.begin("berth-forty-one")
    for path in ("/mine/", "/mine/data.json"):
        page = visitor.get(path).text
        assert "water" in page.lower() and BASE not in page and VERSION not in page


def test_a_withdrawn_vote_counts_nowhere(visitor, site, voted):
    address = withdraw_address(visitor)
    assert "Withdraw this vote?" in visitor.get(address).text
    assert visitor.submit(address).headers["Location"] == "/mine/"
    assert 'data-testid="withdrawn"' in visitor.get("/mine/").text
    numbers = visitor.get("/api/statistics").json()
    assert numbers["votes"]["total"] == 0 and numbers["versions"] == []
    assert sum(day["votes"] for day in numbers["days"]) == 0
    key = {"Authorization": f"Bearer {EXPORT_KEY}"}
    assert visitor.get("/api/votes", params={"adapter": "demo"}, headers=key).json()["votes"] == []
    assert visitor.get("/api/votes/count", params={"adapter": "demo"}, headers=key).json()["votes"] == 0
    visitor.log_in("admin", site.password)
    assert visitor.get("/api/battles").text == ""


def test_it_cannot_be_withdrawn_twice_or_given_again(visitor, site, voted):
    address = withdraw_address(visitor)
    visitor.submit(address)
    assert visitor.submit(address).status_code == 409
    assert visitor.vote(voted, "right").status_code == 409
    assert site.rows("SELECT choice FROM arena_vote") == [("left",)]


def test_only_ones_own(visitor, site, voted):
    address = withdraw_address(visitor)
    with site.visitor() as stranger:
        assert stranger.get(address).status_code == 404
        assert stranger.submit(address).status_code == 404
    assert visitor.get("/mine/votes/999999999999999999/withdraw/").status_code == 404
    assert site.rows("SELECT withdrawn_at FROM arena_vote") == [(None,)]


def test_a_link_withdraws_and_erases_nothing(visitor, site, voted):
    visitor.get(withdraw_address(visitor))
    visitor.get("/mine/erase/")
    assert visitor.post("/mine/erase/").status_code == 403  # without its token
    assert site.rows("SELECT withdrawn_at, comment FROM arena_vote") == [(None, "A secret remark.")]


def test_everything_stored_can_be_downloaded(visitor, site, voted):
    answer = visitor.get("/mine/data.json")
    assert "attachment" in answer.headers["Content-Disposition"]
    stored = answer.json()
    ((voter, number),) = site.rows("SELECT voter::text, number FROM arena_vote")
    assert stored["voter"] == voter
    (vote,), (comparison,) = stored["votes"], stored["comparisons"]
    assert (vote["number"], vote["comment"], vote["reasons"]) == (number, "A secret remark.", ["left.prose"])
    assert set(vote["models"].values()) == {BASE, VERSION}
    assert comparison["id"] == vote["comparison"] and BASE_REPLY in comparison["turns"][0].values()


def test_erasing_leaves_nothing_that_leads_to_the_person(visitor, site):
    play(visitor, visitor.submit("/write/", **OWN).headers["Location"])
    address = visitor.begin()
    visitor.steps(address)
    visitor.move(address, "continue", post="I tell nobody.")
    play(visitor, address, "tie")
    ((voter,),) = site.rows("SELECT DISTINCT voter::text FROM arena_comparison")
    page = visitor.submit("/mine/erase/")
    assert "2 votes withdrawn, 2 scenes erased" in page.text
    assert "bardloop_voter" not in visitor.cookies
    tables = ("arena_vote", "arena_turn", "arena_comparison")
    everything = "".join(str(site.rows(f"SELECT * FROM {table}")) for table in tables)
    for secret in (voter, "secret", "I tell nobody", "Night Ferry", "Charon", BASE_REPLY):
        assert secret not in everything
    assert site.rows("SELECT count(*), count(DISTINCT voter), count(withdrawn_at) FROM arena_vote") == [(2, 2, 2)]
    gone = visitor.get(address)
    assert 'data-state="erased"' in gone.text and "This page was torn out" in gone.text
    assert 'data-testid="no-votes"' in visitor.get("/mine/").text


@pytest.mark.parametrize("kind", ["continue", "vote", "again", "stream"])
def test_an_erased_scene_of_ones_own_is_over(visitor, kind):
    address = visitor.submit("/write/", **OWN).headers["Location"]
    visitor.steps(address)
    visitor.submit("/mine/erase/")
    assert visitor.get(address).status_code == 200
    fields = {"post": "More.", "choice": "left"}
    headers = {"X-CSRFToken": visitor.token()}
    assert visitor.post(f"{address}{kind}/", data=fields, headers=headers).status_code == 409


def test_what_others_voted_on_stays_where_it_holds_no_word_of_the_person(visitor, site, voted):
    """Another person's vote on the library's scene: it still has the replies that it is about."""
    site.rows(
        "INSERT INTO arena_vote (comparison_id, turn_id, voter, choice, dwell_ms, created_at, revealed_at)"
        " SELECT comparison_id, turn_id, gen_random_uuid(), 'right', 1, now(), now() FROM arena_vote"
    )
    visitor.submit("/mine/erase/")
    assert site.rows("SELECT state FROM arena_turn") == [("complete",)]
    assert visitor.get("/api/statistics").json()["votes"]["right"] == 1


def test_statistics_in_memory_forget_what_was_erased(visitor, site):
    """Another person's vote on a scene of one's own still counts, but not under genres that the person wrote."""
    address = visitor.submit("/write/", **OWN, tags="Ferrymen").headers["Location"]
    visitor.steps(address)
    with site.visitor() as friend:
        assert friend.vote(address, "left").status_code == 302
        friend.log_in("admin", site.password)
        assert "Ferrymen" in friend.get("/admin/statistics/scenes/tags.csv").text
        visitor.submit("/mine/erase/")
        assert "Ferrymen" not in friend.get("/admin/statistics/scenes/tags.csv").text
        assert friend.get("/api/statistics").json()["votes"]["total"] == 1
