"""Tags: each once whatever its case, as many as people like to write, and gone with the last vote that has them."""

import time

from tests.webapp.rows import insert_votes
from tests.webapp.scripted_engine import BASE, VERSION
from tests.webapp.statistics.made import Made, Row, columns
from webapp.arena import scenes
from webapp.insights.breakdowns.tags import by_tag
from webapp.insights.pages.form import TAGS_LISTED, tag_choice
from webapp.insights.pages.scenes import scenes as scenes_page
from webapp.insights.votes.selection import Wanted, select
from webapp.insights.votes.table import VoteTable
from webapp.insights.votes.tags import by_votes, tags_of


def own_scenes(n: int) -> list[Row]:
    """Each with a common tag and four that nobody else has."""
    return [
        Row(
            number + 1, voter=f"voter-{number}", tags=("A common one", *(f"own {number}-{place}" for place in range(4)))
        )
        for number in range(n)
    ]


def test_it_works():
    table = Made([Row(1, tags=("horror", "Horror", "Drama")), Row(2, tags=("HORROR",)), Row(3)]).table
    tags = tags_of(table)
    assert sorted(name.casefold() for name in tags.names) == ["drama", "horror"]
    votes = tags.votes(table.columns["tags"])
    assert [(tags.names[number].casefold(), votes[number]) for number in by_votes(votes)] == [
        ("horror", 2),
        ("drama", 1),
    ]


def test_without_a_tag_there_is_none():
    for table in (VoteTable.empty(), Made([Row(1)]).table):
        assert tag_choice(table).with_asked("") == [] and by_tag(select(table, Wanted())).tags == ()


def test_thousands_of_own_tags_take_no_longer_than_they_are_many():
    """CPU time; comparing every tag with every set took forty seconds."""
    table = Made(own_scenes(4000)).table
    began = time.process_time()
    found = by_tag(select(table, Wanted()))
    tag_choice(table)
    assert time.process_time() - began < 2
    assert (found.tags[0].tag, found.tags[0].votes) == ("A common one", 4000)


def test_the_page_shows_the_commonest_and_says_how_many_there_are_besides():
    votes = select(Made(own_scenes(100)).table, Wanted())
    found = by_tag(votes, most=10)
    assert len(found.tags) == 10 and found.rarer == 391
    section = scenes_page(votes).sections[0]
    assert len(section.table.rows) == 200
    assert section.warns == ["201 rarer tags are neither here nor in the CSV."]


def test_the_form_offers_the_librarys_tags_and_the_commonest():
    ours = scenes.tags()[-1]
    table = Made([*own_scenes(100), Row(101, tags=(ours,))]).table
    listed = tag_choice(table).with_asked("")
    assert {"A common one", ours} <= set(listed) and len(listed) == TAGS_LISTED + 1


def test_an_address_may_name_any_tag_that_a_vote_has(visitor, site):
    tags = [f"own {number}" for number in range(TAGS_LISTED + 10)]
    insert_votes(site, BASE, VERSION, "left", "anybody", tags, 1)
    visitor.log_in("admin", site.password)
    assert f'value="{tags[-1]}"' not in visitor.get("/admin/statistics/").text
    for tag in (tags[-1], tags[-1].upper()):
        page = visitor.get("/admin/statistics/", params={"tag": tag})
        assert page.status_code == 200 and f'value="{tag}" selected' in page.text
        assert 'data-testid="votes-total">1<' in page.text
    assert visitor.get("/admin/statistics/", params={"tag": "own nothing"}).status_code == 400


def test_what_was_erased_from_a_scene_goes_when_its_votes_are_marked(visitor, site):
    """The votes may be other people's: nothing in their own rows changes, so whoever erases says that they did."""
    insert_votes(site, BASE, VERSION, "left", "anybody", ["Secretname"], 1, copies=2)
    insert_votes(site, BASE, VERSION, "left", "anybody", ["Western"], 1)
    visitor.log_in("admin", site.password)
    pages = ("", "scenes/", "scenes/tags.csv", "scenes/lengths.csv")

    def seen() -> list[str]:
        return [visitor.get(f"/admin/statistics/{page}").text for page in pages]

    shown, table, _, lengths = seen()
    assert "Secretname" in shown and "Secretname" in table
    assert [row.split(",")[2] for row in lengths.splitlines()[1:]] == ["4.0", "4.0"]
    site.rows(
        "UPDATE arena_comparison SET tags = '{}' WHERE tags = '{Secretname}';"
        " UPDATE arena_turn SET reply_left = '', reply_right = '', state = 'erased';"
        " UPDATE arena_vote SET number = number"
    )
    *pages_without, lengths = seen()
    assert not any("Secretname" in page for page in pages_without) and "Western" in pages_without[1]
    assert [row.split(",")[2] for row in lengths.splitlines()[1:]] == ["", ""]
    assert visitor.get("/admin/statistics/", params={"tag": "Secretname"}).status_code == 400


def test_a_tag_that_no_vote_has_any_more_is_nowhere():
    table = Made([Row(1, tags=("Secretname",)), Row(2, tags=("Western",))]).table.with_rows(columns([Row(1)]))
    assert tag_choice(table).with_asked("Secretname") == ["Western"]
    assert [each.tag for each in by_tag(select(table, Wanted())).tags] == ["Western"]
