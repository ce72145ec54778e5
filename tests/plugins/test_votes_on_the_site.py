"""What the plugins read of the web site, which runs for real: news for retraining, the watcher, the approval's page."""

import asyncio
import contextlib
import json

import pytest

from bardloop_airflow.evidence import evidence
from bardloop_airflow.site import SiteClient, SiteError
from bardloop_airflow.vote_watcher import NewVotesTrigger
from bardloop_airflow.votes import new_corpus
from contracts.votes import Watermark
from tests.votes.conftest import (  # noqa: F401 (fixtures)
    EXPORT_KEY,
    cast,
    engine,
    postgres,
    running_site,
    scripted_engine,
    site,
    site_environment,
    visitor,
)
from tests.webapp.scripted_engine import VERSION

SETTINGS = {
    "adapter": "demo@aaaaaaaaaaaa",
    "passed": False,
    "reasons": ["loss 2.5 is not lower than the base's 2.4"],
    "metrics": {"test/loss": 2.5},
    "corpus_digest": "1" * 12,
    "votes": 7,
}


@pytest.fixture
def connected(site, monkeypatch):  # noqa: F811
    """The connection `bardloop_web`; changes as keywords."""

    def connect(**changes):
        host, _, port = site.url.removeprefix("http://").partition(":")
        place = {"conn_type": "http", "host": host, "port": int(port), "password": EXPORT_KEY} | changes
        monkeypatch.setenv("AIRFLOW_CONN_BARDLOOP_WEB", json.dumps(place))

    connect()
    return connect


def test_new_votes_are_counted_behind_a_number(connected, cast):  # noqa: F811
    for who in ("adapter", "tie"):
        cast(who)
    found = SiteClient.from_connection().new_votes("demo", 0)
    assert (found["votes"], found["preferred"]) == (2, 1)
    assert SiteClient.from_connection().new_votes("demo", found["until"]) == found | {"votes": 0, "preferred": 0}


def test_a_wrong_key_and_a_missing_site_are_told(connected):
    connected(password="wrong")
    with pytest.raises(SiteError, match="/api/votes/count: answered 401"):
        SiteClient.from_connection().new_votes("demo", 0)
    connected(port=1)
    with pytest.raises(SiteError, match=r"is the web site running\?"):
        SiteClient.from_connection().new_votes("demo", 0)


def test_the_approval_shows_evaluation_and_votes(connected, cast):  # noqa: F811
    for who in ("adapter", "adapter", "base"):
        cast(who)
    page = evidence(SETTINGS)
    assert "corpus `111111111111` and 7 preferred conversations" in page
    assert "**did not pass**" in page and "- loss 2.5 is not lower" in page and "| test/loss | 2.5 |" in page
    assert f"| {VERSION} | 3 | 2 | 1 | 67% (21% to 94%) |" in page


def test_before_the_first_vote_the_approval_says_so(connected):
    assert "Nobody has voted yet." in evidence(SETTINGS)


def test_without_the_site_the_approval_says_so(connected, monkeypatch):
    connected(port=1)
    page = evidence(SETTINGS)
    assert "Not known. http://127.0.0.1:1/api/statistics: no answer" in page and "did not pass" in page
    monkeypatch.delenv("AIRFLOW_CONN_BARDLOOP_WEB")
    assert "No votes here: The conn_id `bardloop_web` isn't defined." in evidence(SETTINGS)


def events(trigger: NewVotesTrigger, seconds: float, meanwhile=lambda: None) -> list[dict]:
    """What the trigger tells within some seconds; `meanwhile` is called after its first event."""

    async def listen():
        told = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for event in trigger.run():
                    told.append(event.payload)
                    if len(told) == 1:
                        await asyncio.to_thread(meanwhile)
        return told

    return asyncio.run(listen())


@pytest.fixture
def two_are_enough(tmp_path, monkeypatch):
    """A recipe of which two votes start a retraining, in a home of the test's own."""
    from bardloop_airflow import run_settings

    recipes = tmp_path / "recipes"
    recipes.mkdir()
    text = (run_settings.RECIPES / "demo.yaml").read_text()
    (recipes / "demo.yaml").write_text(f"{text}votes: {{min_new: 2}}\n")
    monkeypatch.setattr(run_settings, "RECIPES", recipes)
    monkeypatch.setenv("BARDLOOP_HOME", str(tmp_path))
    return tmp_path


def test_the_watcher_tells_once_of_every_two_votes(connected, cast, two_are_enough):  # noqa: F811
    cast("adapter")
    cast("tie")
    assert events(NewVotesTrigger("demo", 0.1), 1.0) == []
    cast("base")
    told = events(NewVotesTrigger("demo", 0.1), 5.0, lambda: [cast("base") for _ in range(3)])
    assert [event["votes"] for event in told] in ([3, 2], [3, 3])  # the third may come before it looks again
    assert told[1]["after"] == told[0]["until"] and told[0]["after"] == 0


def test_the_watcher_looks_behind_the_watermark(connected, cast, two_are_enough):  # noqa: F811
    for _ in range(3):
        cast("adapter")
    (first,) = events(NewVotesTrigger("demo", 0.1), 1.0)
    mark = two_are_enough / "votes" / "demo" / "watermark.json"
    mark.parent.mkdir(parents=True)
    mark.write_text(Watermark(vote=first["until"]).model_dump_json())
    assert events(NewVotesTrigger("demo", 0.1), 1.0) == []


def test_the_watcher_outlives_a_site_that_is_away(connected, cast, two_are_enough):  # noqa: F811
    cast("adapter")
    cast("adapter")
    connected(port=1)

    async def listen():
        watcher = NewVotesTrigger("demo", 0.1).run()
        first = asyncio.ensure_future(anext(watcher))
        await asyncio.sleep(0.5)
        assert not first.done()
        connected()
        return (await asyncio.wait_for(first, 10)).payload["votes"]

    assert asyncio.run(listen()) == 2


def test_a_corpus_is_new_until_something_was_made_from_it(tmp_path):
    latest = tmp_path / "corpus" / "demo" / "latest.json"
    assert new_corpus(tmp_path, "demo", None) is None
    latest.parent.mkdir(parents=True)
    latest.write_text('{"digest": "aaaaaaaaaaaa"}')
    assert new_corpus(tmp_path, "demo", None) == "aaaaaaaaaaaa"
    assert new_corpus(tmp_path, "demo", "aaaaaaaaaaaa") is None
    manifest = tmp_path / "adapters" / "demo@bbbbbbbbbbbb" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text('{"corpus_digest": "aaaaaaaaaaaa"}')
    assert new_corpus(tmp_path, "demo", "cccccccccccc") is None
