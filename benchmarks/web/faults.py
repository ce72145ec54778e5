"""kill -9 of the web site, of PostgreSQL and of the engine while people vote: `make bench-web-faults`.

In: how many people, how often each is killed, a seed. Out: a line for each kill with the seconds until everybody has a
vote stored that they began after it, a table of the votes; exit code 1 when one that was acknowledged is missing, one
is there twice, one that was refused is there, or an answer was wrong once all was up.

A person whose vote got no answer votes again, with another choice: so the database shows which of the two was stored.
"""

import argparse
import asyncio
import dataclasses
import os
import platform
import random
import re
import statistics
import sys
import time
from collections import Counter, defaultdict

import aiohttp

from benchmarks.web.killable import KillableSite, killable_site
from benchmarks.web.people import CHOICES, TOKEN

SERVICES = ("web", "postgres", "engine")
BACK_WITHIN_S = 90.0
PAUSE_S = 0.3
"""Before somebody who was not answered tries again."""
WAITS_S = 40.0
"""Longest that anybody waits for an answer."""
STORED, REFUSED, UNKNOWN = "stored", "refused", "unknown"


@dataclasses.dataclass(frozen=True)
class Attempt:
    """A vote as a person sent it, and what they were told: stored, refused, or nothing that says (unknown)."""

    comparison: str
    choice: str
    told: str


@dataclasses.dataclass
class Judgement:
    """How many votes, by what people were told, and what the database holds that it should not, or lacks."""

    told: Counter
    unknown_stored: int = 0
    missing: int = 0
    doubled: int = 0
    not_voted: int = 0
    """Votes in the database that nobody sent, or that were refused."""

    @property
    def right(self) -> bool:
        """Whether every acknowledged vote is there once, and no other that may not be."""
        return not (self.missing or self.doubled or self.not_voted)


def judge(attempts: list[Attempt], rows: list[tuple[str, str]]) -> Judgement:
    """Compare what people were told with the `rows` of the database: comparison and choice of each vote."""
    stored = defaultdict(list)
    for comparison, choice in rows:
        stored[comparison].append(choice)
    told = {
        kind: {(one.comparison, one.choice) for one in attempts if one.told == kind}
        for kind in (STORED, REFUSED, UNKNOWN)
    }
    found = set(rows)
    return Judgement(
        told=Counter(one.told for one in attempts),
        unknown_stored=len(found & told[UNKNOWN]),
        missing=len(told[STORED] - found),
        doubled=sum(len(choices) - 1 for choices in stored.values()),
        not_voted=len(found - told[STORED] - told[UNKNOWN]),
    )


class Voter:
    """A person who reads scenes and votes on them, whatever happens to the site."""

    def __init__(self, url: str, seed: int):
        self._url, self._chance, self._token = url, random.Random(seed), ""
        self.attempts: list[Attempt] = []
        self.statuses: list[tuple[float, int]] = []
        """When each answer came and its status; 0: none came."""
        self.voted_from = 0.0
        """When the last vote was begun that the site said was stored."""

    async def vote_until(self, end: asyncio.Event) -> None:
        """Scene after scene."""
        timeout = aiohttp.ClientTimeout(total=WAITS_S)
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=jar) as self._session:
            while not end.is_set():
                if not await self._scene():
                    await asyncio.sleep(PAUSE_S)

    async def _scene(self) -> bool:
        """One scene up to its vote; False when it came to nothing."""
        if not self._token:
            status, _, page = await self._ask("GET", "/write/")
            if status != 200:
                return False
            self._token = TOKEN.search(page)[1]
        status, comparison, _ = await self._ask("POST", "/scenes/water-rights/start/")
        if status != 302:
            return False
        status, _, text = await self._ask("POST", f"{comparison}stream/")
        if status != 200 or "event: done" not in text:
            return False
        await self._vote(comparison)
        return True

    async def _vote(self, comparison: str) -> None:
        """Vote until an answer says that it is stored or refused; then once more, which has to be refused."""
        choices = self._chance.sample(CHOICES, len(CHOICES))
        identity = re.search(r"[0-9a-f-]{36}", comparison)[0]
        answered = False
        while choices:
            began = time.monotonic()
            status, *_ = await self._ask("POST", f"{comparison}vote/", choice=choices[0])
            if status is None:  # it was not even sent
                await asyncio.sleep(PAUSE_S)
                continue
            told = {302: STORED, 409: REFUSED}.get(status, UNKNOWN)
            self.attempts.append(Attempt(identity, choices.pop(0), told))
            if told == STORED:
                self.voted_from = began
            if told == UNKNOWN:
                await asyncio.sleep(PAUSE_S)
            elif answered:
                return
            answered = answered or told != UNKNOWN

    async def _ask(self, method: str, path: str, **fields) -> tuple[int | None, str, str]:
        """Status, address to go on to, text. Status 0: the answer was cut off; None: the site was not there to ask."""
        options = {"headers": {"Referer": f"{self._url}/", "X-CSRFToken": self._token}, "allow_redirects": False}
        status, location, text = 0, "", ""
        try:
            async with self._session.request(method, self._url + path, data=fields or None, **options) as answer:
                text = await answer.text()
                status, location = answer.status, answer.headers.get("Location", "")
        except aiohttp.ClientConnectorError:
            status = None
        except (aiohttp.ClientError, TimeoutError):
            pass
        self.statuses.append((time.monotonic(), status or 0))
        return status, location, text


@dataclasses.dataclass
class Outcome:
    """What came of all kills."""

    judgement: Judgement
    killed: Counter
    statuses: Counter
    """Of all answers; 0: cut off, or nobody there."""
    wrong: Counter
    """Those with 5xx or cut off, once everybody had voted again after the last kill."""
    back_s: dict[str, list[float]]

    @property
    def right(self) -> bool:
        """Whether nothing is to be said against it."""
        return self.judgement.right and not self.wrong


async def run(killable: KillableSite, people: int, kills: int, seed: int) -> Outcome:
    """`people` vote while each of SERVICES is killed `kills` times.

    Raises:
        TimeoutError: after a kill somebody's votes are not stored any more.
    """
    chance, end = random.Random(seed), asyncio.Event()
    voters = [Voter(killable.site.url, seed + number) for number in range(people)]
    voting = [asyncio.create_task(voter.vote_until(end)) for voter in voters]
    back, order = defaultdict(list), list(SERVICES) * kills
    chance.shuffle(order)
    await _everybody(voters, voting)
    for what in order:
        await asyncio.sleep(chance.uniform(0, 2))
        began = time.monotonic()
        killable.kill(what)
        back[what].append(await _everybody(voters, voting))
        print(f"{what:10}{back[what][-1]:8.1f} s  {dict(sorted(_statuses(voters, began).items()))}", flush=True)
    well = time.monotonic()
    await _everybody(voters, voting)
    end.set()
    await asyncio.gather(*voting)
    rows = killable.site.rows("SELECT comparison_id::text, choice FROM arena_vote")
    late = _statuses(voters, well)
    return Outcome(
        judgement=judge([attempt for voter in voters for attempt in voter.attempts], rows),
        killed=Counter(order),
        statuses=_statuses(voters, 0),
        wrong=Counter({status: count for status, count in late.items() if not 200 <= status < 500}),
        back_s=dict(back),
    )


def _statuses(voters: list[Voter], since: float) -> Counter:
    """Of the answers since then."""
    return Counter(status for voter in voters for at, status in voter.statuses if at > since)


async def _everybody(voters: list[Voter], voting: list[asyncio.Task]) -> float:
    """Wait until everybody has a vote stored that they began from now on; the seconds."""
    began = time.monotonic()
    while any(voter.voted_from < began for voter in voters):
        if ended := [task for task in voting if task.done()]:
            ended[0].result()
        if time.monotonic() - began > BACK_WITHIN_S:
            late = sum(voter.voted_from < began for voter in voters)
            raise TimeoutError(f"{late} of {len(voters)} people: no vote is stored any more")
        await asyncio.sleep(0.05)
    return time.monotonic() - began


def main() -> int:
    """Kill, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web.faults", description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=50, help="who vote at once (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=5, help="of each service (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("killed    all vote again  statuses of the answers until then; 0: cut off, or nobody there")
    with killable_site() as killable:
        outcome = asyncio.run(run(killable, options.people, options.kills, options.seed))
    said = outcome.judgement
    print("\nseconds until all vote again, median and longest:")
    for what, seconds in outcome.back_s.items():
        print(f"    {what:10}{statistics.median(seconds):6.1f}{max(seconds):6.1f}")
    print(f"killed: {dict(outcome.killed)}; answers: {dict(sorted(outcome.statuses.items()))}")
    print(f"votes acknowledged {said.told[STORED]}: missing {said.missing}, doubled {said.doubled}")
    print(f"votes refused or never sent that are stored: {said.not_voted} (refused: {said.told[REFUSED]})")
    print(f"votes without an answer {said.told[UNKNOWN]}: stored {said.unknown_stored}")
    print(f"wrong answers after all was up again: {dict(outcome.wrong) or 0}")
    return 0 if outcome.right else 1


if __name__ == "__main__":
    sys.exit(main())
