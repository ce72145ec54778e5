"""What the web site bears: `make bench-web`.

In: nothing; it starts a PostgreSQL, a site and an engine that plays back replies. Out: a table, a verdict for each
claim; exit code 1 when one fails. The people are simulated on the same cores, so the site has less than all of them.
"""

import argparse
import asyncio
import os
import platform
import sys

import aiohttp

from benchmarks.web.million import with_a_million
from benchmarks.web.people import Person, Timings, visit, vote
from benchmarks.web.site import RunningSite, running_site

PEOPLE, VOTES_PER_S, P95_MS = 50, 200.0, 100.0
OFFERED_PER_S = 1.05 * VOTES_PER_S
PROCESSES = 2
STREAMS, STREAM_KB, STREAMS_BEGIN_PER_S = 500, 100.0, 100.0
WRITTEN_AT_ONCE = 100
"""Through the API: each takes as long as its replies are read, without much work."""
READING_WORDS_PER_S = 8.0


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web.run", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="that people visit the site (default: %(default)s)")
    parser.add_argument("--votes", type=int, default=2000, help="of the vote burst (default: %(default)s)")
    options = parser.parse_args()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"{machine}; PostgreSQL, {PROCESSES} processes of the site, one for the streams and the million votes")
    with running_site(READING_WORDS_PER_S, PROCESSES) as site:
        claims = asyncio.run(pages(site, options.seconds))
    with running_site(1e6, PROCESSES) as site:
        claims += asyncio.run(votes(site, options.votes))
    with running_site(READING_WORDS_PER_S, processes=1) as site:
        claims += asyncio.run(streams(site))
        claims += with_a_million(site)
    print()
    for kept, claim in claims:
        print(f"{'ok  ' if kept else 'FAIL'} {claim}")
    return 0 if all(kept for kept, _ in claims) else 1


async def pages(site: RunningSite, lasts_s: float) -> list[tuple[bool, str]]:
    """Every page and vote while 50 people read, at the pace at which people read."""
    timings = await visit(site.url, PEOPLE, lasts_s)
    return table(timings, f"{PEOPLE} people at once")


async def votes(site: RunningSite, count: int) -> list[tuple[bool, str]]:
    """A burst: somewhat more votes a second than the site has to bear, each on a comparison of its own."""
    comparisons = await written(site, count)
    before = cpu_s(site)
    timings, rate = await vote(site.url, PEOPLE, comparisons, OFFERED_PER_S)
    print(f"CPU time of the site: {1000 * (cpu_s(site) - before) / count:.1f} ms a vote")
    print(f"\n{count} votes by {PEOPLE} people: {rate:.0f} a second, p95 {timings.p95_ms('vote'):.0f} ms")
    return [
        (not timings.wrong, f"vote burst: {len(timings.wrong)} wrong answers {timings.wrong[:1]}"),
        (rate >= VOTES_PER_S, f"vote burst: {rate:.0f} votes a second, at least {VOTES_PER_S:.0f}"),
        (timings.p95_ms("vote") < P95_MS, f"vote burst: p95 {timings.p95_ms('vote'):.0f} ms, below {P95_MS:.0f}"),
    ]


def cpu_s(site: RunningSite) -> float:
    """CPU time of the site's processes so far, in seconds: hardly disturbed by what else the machine does."""
    processes = [site.process, *site.process.children(recursive=True)]
    return sum(sum(process.cpu_times()[:2]) for process in processes)


async def written(site: RunningSite, count: int) -> list[str]:
    """Ids of complete comparisons that wait for their vote, made through the API."""
    gate, found = asyncio.Semaphore(WRITTEN_AT_ONCE), []
    async with aiohttp.ClientSession() as session:

        async def one() -> None:
            async with gate, session.post(f"{site.url}/api/compare", json={}) as answer:
                answer.raise_for_status()
                found.append((await answer.json())["id"])

        await asyncio.gather(*(one() for _ in range(count)))
    return found


async def streams(site: RunningSite) -> list[tuple[bool, str]]:
    """Memory of the site's process while 500 people read at once, against before; 100 a second begin."""
    timings = Timings()
    people = [await Person(site.url, timings).__aenter__() for _ in range(STREAMS)]
    comparisons = [await person.submit("/surprise/", "start") for person in people]
    before = most = site.process.memory_info().rss
    reading = []
    for person, address in zip(people, comparisons, strict=True):
        reading.append(asyncio.create_task(person.read(address)))
        await asyncio.sleep(1 / STREAMS_BEGIN_PER_S)
    at_once = sum(not task.done() for task in reading)
    while not all(task.done() for task in reading):
        most = max(most, site.process.memory_info().rss)
        await asyncio.sleep(0.1)
    for person in people:
        await person.__aexit__()
    each = (most - before) / at_once / 1000
    print(
        f"\n{at_once} open streams: {before / 1e6:.0f} MB before, {most / 1e6:.0f} MB at most, {each:.0f} kB a stream"
    )
    return [
        (at_once == STREAMS, f"{at_once} streams open at once, of {STREAMS}"),
        (not timings.wrong, f"{STREAMS} streams: {len(timings.wrong)} wrong answers {timings.wrong[:1]}"),
        (each < STREAM_KB, f"{STREAMS} streams: {each:.0f} kB each, below {STREAM_KB:.0f}"),
    ]


def table(timings: Timings, title: str) -> list[tuple[bool, str]]:
    """Print p95 by page; the claims about it."""
    claims = [(not timings.wrong, f"{title}: {len(timings.wrong)} wrong answers {timings.wrong[:1]}")]
    print(f"{title:24}{'answers':>9}{'p95, ms':>10}")
    for what, seconds in timings.seconds.items():
        p95 = timings.p95_ms(what)
        print(f"{what:24}{len(seconds):9}{p95:10.1f}")
        claims.append((p95 < P95_MS, f"{title}: {what}, p95 {p95:.0f} ms, below {P95_MS:.0f}"))
    return claims


if __name__ == "__main__":
    sys.exit(main())
