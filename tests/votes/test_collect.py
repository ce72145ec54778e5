"""Job `votes`: preferred conversations as rows, every vote accounted for."""

import pytest

from contracts.votes import Watermark
from tests.webapp.scripted_engine import BASE, VERSION


def test_it_works(cast, job, rows):
    replies = [cast(who) for who in ("adapter", "tie", "base", "bothbad", "adapter")]
    summary = job("votes")
    assert (summary["votes"], summary["rows"], summary["unchanged"]) == (5, 3, False)
    found, made = rows(summary["digest"])
    assert [row["messages"][-1] for row in found] == [
        {"role": "assistant", "content": reply} for reply in replies if reply
    ]
    assert [row["model"] for row in found] == [VERSION, BASE, VERSION]
    assert all(row["messages"][0]["role"] == "system" for row in found)
    assert (made.rows, made.dropped, made.preferred) == (3, {"tie": 1, "bothbad": 1}, {"adapter": 2, "base": 1})
    assert made.judges == {"programs": 3}
    assert (made.after, made.before) == (0, None)


def test_the_same_votes_give_the_same_set(cast, job):
    cast("adapter")
    first = job("votes")
    assert job("votes") == first | {"unchanged": True}
    cast("base")
    assert job("votes", "--until", str(first["until"])) == first | {"unchanged": True}
    assert job("votes")["digest"] != first["digest"]


def test_a_set_that_a_killed_job_left_half_written_is_made_again(cast, job, rows, tmp_path):
    cast("adapter")
    stage = tmp_path / "votes" / "demo" / ".set.part"
    stage.mkdir(parents=True)
    (stage / "train.jsonl").write_text('{"messages": [')
    summary = job("votes")
    assert len(rows(summary["digest"])[0]) == 1 and not stage.exists()


def test_without_votes_there_is_no_set(site, job, tmp_path):
    assert job("votes") == {"digest": None, "votes": 0, "rows": 0, "unchanged": True}
    assert not list((tmp_path / "votes" / "demo").glob("*/"))


def test_what_the_corpus_would_leave_out_is_left_out_here(cast, job, rows):
    own = {"title": "School", "player": "Ann", "character": "Bo", "post": "The 12 year old moans in pleasure."}
    cast("adapter", own=own)
    found, made = rows(job("votes")["digest"])
    assert (found, made.dropped) == ([], {"excluded.minors": 1})


def test_a_site_whose_database_was_made_anew_is_not_taken_for_one_without_new_votes(cast, job, tmp_path):
    cast("adapter")
    mark = tmp_path / "votes" / "demo" / "watermark.json"
    mark.parent.mkdir(parents=True)
    mark.write_text(Watermark(vote=10**9).model_dump_json())
    code, line = job("votes")
    assert code == 1 and "its database was restored or made anew" in line and "votes/demo/watermark.json" in line
    mark.unlink()
    assert job("votes")["rows"] == 1


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("BARDLOOP_EXPORT_KEY", "wrong", "api/votes/count: answered 401"),
        ("BARDLOOP_EXPORT_KEY", "", "votes: BARDLOOP_EXPORT_KEY is not set"),
        ("BARDLOOP_WEB_URL", "http://127.0.0.1:1", "is the web site running?"),
    ],
)
def test_a_site_that_gives_nothing_fails_the_job_in_one_line(job, monkeypatch, variable, value, says):
    monkeypatch.setenv(variable, value)
    code, line = job("votes")
    assert code == 1 and says in line
