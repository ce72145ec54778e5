"""A site whose database was restored, or whose answers make no sense: told in a line, and the watcher goes on."""

import asyncio
import contextlib
import http.server
import threading

import pytest
from airflow.sdk.exceptions import AirflowFailException

from bardloop_airflow.site import SiteClient
from bardloop_airflow.vote_watcher import NewVotesTrigger
from bardloop_airflow.votes import what_is_new
from contracts.votes import Watermark
from tests.plugins.test_votes_on_the_site import connected, two_are_enough  # noqa: F401 (fixtures)


@pytest.fixture
def mark(two_are_enough):  # noqa: F811
    """The file of a watermark above all votes."""
    path = two_are_enough / "votes" / "demo" / "watermark.json"
    path.parent.mkdir(parents=True)
    path.write_text(Watermark(vote=10**9).model_dump_json())
    return path


def test_retraining_fails_instead_of_finding_nothing_new(connected, cast, mark):  # noqa: F811
    cast("adapter")
    with pytest.raises(AirflowFailException, match=r"was restored or made anew.*remove votes/demo/watermark.json"):
        what_is_new({"recipe": "demo", "overrides": [], "by_votes": False})


def test_an_address_may_say_https(connected):  # noqa: F811
    connected(host="https://vote.example", port=443)
    assert SiteClient.from_connection().address == "https://vote.example:443"


async def until_it_tells(watcher, caplog, complaint: str, then) -> dict:
    """The first event of a watcher that has complained; `then` is called between the two."""
    first = asyncio.ensure_future(anext(watcher))
    async with asyncio.timeout(10):
        while complaint not in caplog.text:
            await asyncio.sleep(0.05)
    assert not first.done() and caplog.text.count(complaint) == 1
    then()
    return (await asyncio.wait_for(first, 10)).payload


def test_the_watcher_tells_it_once_and_goes_on_when_it_is_mended(connected, cast, mark, caplog):  # noqa: F811
    cast("adapter")
    cast("adapter")
    watcher = NewVotesTrigger("demo", 0.1).run()
    told = asyncio.run(until_it_tells(watcher, caplog, "was restored or made anew", mark.unlink))
    assert (told["votes"], told["after"]) == (2, 0)


def test_the_watcher_sees_a_database_that_is_made_anew_while_it_watches(connected, cast, site, mark, caplog):  # noqa: F811
    mark.unlink()

    async def watch():
        watcher = NewVotesTrigger("demo", 0.1).run()
        await asyncio.to_thread(lambda: [cast("adapter") for _ in range(2)])
        assert (await asyncio.wait_for(anext(watcher), 10)).payload["votes"] == 2
        site.rows("DELETE FROM arena_vote; ALTER SEQUENCE arena_vote_number RESTART 1")

        def vote():
            for _ in range(2):
                cast("base")

        return await until_it_tells(watcher, caplog, "was restored or made anew", vote)

    assert asyncio.run(watch())["after"] == 0


def test_the_watcher_outlives_an_answer_that_nobody_expects(connected, cast, two_are_enough, caplog):  # noqa: F811
    cast("adapter")
    cast("adapter")
    with empty_answers() as port:
        connected(port=port)
        watcher = NewVotesTrigger("demo", 0.1).run()
        told = asyncio.run(until_it_tells(watcher, caplog, "are not watched now", connected))
    assert told["votes"] == 2


@contextlib.contextmanager
def empty_answers():
    """Port of a server that answers `{}` to everything."""

    class Empty(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

    with http.server.HTTPServer(("127.0.0.1", 0), Empty) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()
