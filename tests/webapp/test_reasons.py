"""POST /comparisons/<id>/reasons/: why it was so, before the reveal and never after."""

import psycopg2
import pytest

from tests.webapp.scripted_engine import BASE


@pytest.fixture
def voted(visitor) -> str:
    """The address of a comparison that was just voted on."""
    address = visitor.begin()
    visitor.steps(address)
    visitor.vote(address, "left")
    return address


def test_it_works(visitor, site, voted):
    page = visitor.get(voted).text
    assert 'data-state="why"' in page and BASE not in page
    answer = visitor.reasons(voted, "right.repeats", "left.prose", comment=" The second  one\r\nloops. ")
    assert (answer.status_code, answer.headers["Location"]) == (302, voted)
    assert site.rows("SELECT reasons, comment, revealed_at > created_at FROM arena_vote") == [
        (["left.prose", "right.repeats"], "The second  one\nloops.", True)
    ]
    assert BASE in visitor.get(voted).text


def test_none_at_all_is_fine(visitor, site, voted):
    assert visitor.reasons(voted).status_code == 302
    assert site.rows("SELECT reasons, comment, revealed_at IS NULL FROM arena_vote") == [([], "", False)]


@pytest.mark.parametrize(
    ("reasons", "comment", "says"),
    [
        (["left.unheard_of"], "", "“left.unheard_of” is not a reason"),
        (["prose"], "", "“prose” is not a reason"),
        ([], "x" * 1001, "at most 1,000 characters"),
    ],
)
def test_what_is_no_reason_is_refused(visitor, site, voted, reasons, comment, says):
    page = visitor.reasons(voted, *reasons, comment=comment)
    assert page.status_code == 400 and says in page.text
    assert site.rows("SELECT reasons, comment, revealed_at FROM arena_vote") == [([], "", None)]
    with pytest.raises(psycopg2.errors.CheckViolation, match="reasons_are_known"):
        site.rows("UPDATE arena_vote SET reasons = '{left.unheard_of}'")


def test_not_after_the_reveal(visitor, site, voted):
    visitor.reasons(voted)
    page = visitor.reasons(voted, "left.prose")
    assert page.status_code == 409 and "told already" in page.text
    assert site.rows("SELECT reasons FROM arena_vote") == [([],)]


def test_only_by_the_voter(visitor, site, voted):
    with site.visitor() as stranger:
        assert stranger.reasons(voted, "left.prose").status_code == 404
        page = stranger.get(voted).text
        assert BASE not in page and 'data-state="closed"' in page
    assert site.rows("SELECT reasons, revealed_at FROM arena_vote") == [([], None)]
