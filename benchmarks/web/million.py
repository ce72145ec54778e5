"""The admin and the exports with a million votes: `make bench-web` asks for it.

In: a running site. Out: rows in PostgreSQL, then seconds of the statistics' pages, what a vote costs more so that they
are fast, and rows a second of the exports. `python -m benchmarks.web.million` measures this alone.
"""

import argparse
import os
import re
import statistics
import sys
import time

import httpx
import numpy as np
import psycopg2

from benchmarks.web.site import PASSWORD, RunningSite, running_site

VOTES, VOTERS, DAYS = 1_000_000, 20_000, 365
OWN_SCENES = 5_000
"""Scenes that people wrote themselves, each with five tags that no other has; a fifth of the votes are on them."""
STATISTICS_P95_MS, ROWS_PER_S, GROWTH_MB = 300.0, 50_000, 50.0
LOOKS, FIRST_LOOK_S, VOTE_COST_US = 100, 30.0, 200.0
PAGES = ("", "?from=2026-01-02&tag=Western&voters=unflagged", "ratings/", "scenes/", "voters/", "gate/")
BASE = "SmolLM2-135M-Instruct"
FILL = """
    CREATE TEMP TABLE made AS
    SELECT gen_random_uuid() AS id, number, 'demo@' || lpad(to_hex(number %% 9), 12, '0') AS version,
        CASE WHEN number %% 5 = 0 THEN number / 5 %% %(own_scenes)s END AS own,
        random() < 0.5 AS base_left, now() - random() * %(days)s * interval '1 day' AS at,
        md5((number::bigint * 7919 %% %(voters)s)::text)::uuid AS voter,
        (ARRAY['left', 'right', 'left', 'right', 'tie', 'bothbad'])[1 + floor(6 * random())] AS choice
    FROM generate_series(1, %(votes)s) AS number;
    INSERT INTO arena_comparison (id, scene, title, tags, player, character, posts, pair, asked_left, asked_right,
        model_left, model_right, voter, created_at)
    SELECT id, CASE WHEN own IS NULL THEN 'water-rights' ELSE '' END, 'Water Rights',
        CASE WHEN own IS NULL THEN ARRAY['Western', 'Drama']
            ELSE ARRAY(SELECT 'own ' || own || ' ' || tag FROM generate_series(1, 5) AS tag) END, 'Ann', 'Ben',
        '[{"author": "Ann", "text": "You came up the dry side."}]', 'base-stable', 'one', 'other',
        CASE WHEN base_left THEN %(base)s ELSE version END, CASE WHEN base_left THEN version ELSE %(base)s END, voter,
        at
    FROM made;
    INSERT INTO arena_turn (comparison_id, number, attempt, post, state, failure, created_at, claimed_at, completed_at,
        reply_left, reply_right, seconds_left, seconds_right)
    SELECT id, 1, 1, '', 'complete', '', at, at, at, repeat('Rain runs along the sluice. ', 12),
        repeat('The ledger closes. ', 15), 5, 6 FROM made;
    INSERT INTO arena_vote (comparison_id, turn_id, choice, voter, dwell_ms, created_at)
    SELECT made.id, turn.id, choice, made.voter, 3000 + floor(9000 * random()), at + interval '1 minute'
    FROM made JOIN arena_turn turn ON turn.comparison_id = made.id ORDER BY made.number;
"""
ONE_VOTE = """
    INSERT INTO arena_vote (comparison_id, turn_id, choice, voter, dwell_ms, created_at)
    SELECT comparison_id, turn_id, 'left', gen_random_uuid(), 5000, now() FROM arena_vote
    ORDER BY id DESC LIMIT 1
"""
BURST, ROUNDS = 2000, 7
MANY_VOTES = f"""
    INSERT INTO arena_vote (comparison_id, turn_id, choice, voter, dwell_ms, created_at)
    SELECT comparison_id, turn_id, 'left', gen_random_uuid(), 5001, now() FROM arena_vote ORDER BY id LIMIT {BURST}
"""
MANY_CHANGES = f"""
    UPDATE arena_vote SET revealed_at = now()
    WHERE id IN (SELECT id FROM arena_vote ORDER BY id DESC LIMIT {BURST})
"""
WITHOUT_NUMBER = (
    "ALTER TABLE arena_vote DISABLE TRIGGER arena_vote_changed",
    "ALTER TABLE arena_vote ALTER COLUMN changed_in SET DEFAULT 0",
    "DROP INDEX arena_vote_changed_in",
)


def with_a_million(site: RunningSite, exports: bool = True) -> list[tuple[bool, str]]:
    """Fill the database, ask for the statistics and the exports; the claims."""
    began = time.perf_counter()
    _fill(site.database_url)
    print(f"\n{VOTES:,} votes by {VOTERS:,} people put into PostgreSQL within {time.perf_counter() - began:.0f} s")
    with httpx.Client(base_url=site.url, timeout=300, follow_redirects=True) as staff:
        first = _first_look(staff, site)
        _log_in(staff)
        return [*first, *_statistics(staff, site), *_vote_cost(site), *(_exports(staff, site) if exports else [])]


def _fill(database_url: str) -> None:
    connection = psycopg2.connect(database_url)
    with connection, connection.cursor() as cursor:
        sizes = {"votes": VOTES, "voters": VOTERS, "days": DAYS, "own_scenes": OWN_SCENES}
        cursor.execute(FILL, sizes | {"base": BASE})
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")  # what autovacuum does within a minute
    connection.close()


def _log_in(staff: httpx.Client) -> None:
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', staff.get("/admin/login/").text)[1]
    fields = {"csrfmiddlewaretoken": token, "username": "admin", "password": PASSWORD}
    staff.post("/admin/login/?next=/admin/", data=fields, headers={"Referer": str(staff.base_url)}).raise_for_status()


def _statistics(staff: httpx.Client, site: RunningSite) -> list[tuple[bool, str]]:
    """Looks at every page, a new vote before each. `made`: the look for which all of the page is made."""
    connection, claims = psycopg2.connect(site.database_url), []
    connection.autocommit = True
    for page in PAGES:
        first, cpu = _look(staff, page), _cpu_s(site)
        seconds = []
        for _ in range(LOOKS):
            with connection.cursor() as cursor:
                cursor.execute(ONE_VOTE)
            seconds.append(_look(staff, page))
        p95, cpu_ms = 1000 * float(np.quantile(seconds, 0.95)), 1000 * (_cpu_s(site) - cpu) / LOOKS
        name = f"/admin/statistics/{page}"
        print(f"{name:68} made {1000 * first:6.0f} ms, p95 {p95:5.0f} ms, CPU {cpu_ms:5.1f} ms a look")
        claims.append(
            (p95 < STATISTICS_P95_MS, f"{VOTES:,} votes: {name} p95 {p95:.0f} ms, below {STATISTICS_P95_MS:.0f}")
        )
    connection.close()
    return claims


def _first_look(staff: httpx.Client, site: RunningSite) -> list[tuple[bool, str]]:
    """The process has to read all votes for it."""
    before, cpu, began = site.process.memory_info().rss, _cpu_s(site), time.perf_counter()
    staff.get("/api/statistics").raise_for_status()
    seconds, cpu_s = time.perf_counter() - began, _cpu_s(site) - cpu
    grown = (site.process.memory_info().rss - before) / 1e6
    print(f"first look after the start: {seconds:.1f} s, {cpu_s:.1f} s CPU of the site, {grown:.0f} MB more memory")
    return [(seconds < FIRST_LOOK_S, f"{VOTES:,} votes: first look {seconds:.1f} s, below {FIRST_LOOK_S:.0f}")]


def _look(staff: httpx.Client, page: str) -> float:
    began = time.perf_counter()
    staff.get(f"/admin/statistics/{page}").raise_for_status()
    return time.perf_counter() - began


def _cpu_s(site: RunningSite) -> float:
    return sum(site.process.cpu_times()[:2])


def _vote_cost(site: RunningSite) -> list[tuple[bool, str]]:
    """What a vote costs more because of its transaction's number: inserted and then changed, with it and without.

    By turns, in one transaction that is undone, so that both meet the same load and the same table.
    """
    took: dict[bool, list[float]] = {True: [], False: []}
    connection = psycopg2.connect(site.database_url)
    with connection.cursor() as cursor:
        for turn in range(2 * ROUNDS):
            numbered = turn % 2 == 0
            for statement in () if numbered else WITHOUT_NUMBER:
                cursor.execute(statement)
            began = time.perf_counter()
            cursor.execute(MANY_VOTES)
            cursor.execute(MANY_CHANGES)
            took[numbered].append(time.perf_counter() - began)
            connection.rollback()
    connection.close()
    with_it, without = (1e6 * statistics.median(took[numbered]) / BURST for numbered in (True, False))
    print(f"a vote in PostgreSQL, inserted and changed: {with_it:.0f} µs, {without:.0f} µs without its number")
    more = with_it - without
    return [(more < VOTE_COST_US, f"{VOTES:,} votes: {more:.0f} µs more a vote, below {VOTE_COST_US:.0f}")]


def _exports(staff: httpx.Client, site: RunningSite) -> list[tuple[bool, str]]:
    claims = []
    for form in ("csv", "parquet", "jsonl"):
        with staff.stream("GET", "/api/battles", params={"format": form}) as answer:
            next(answer.iter_raw(1))  # whoever leaves early has loaded what every export of this form needs
        time.sleep(1)
        before, most, size = site.process.memory_info().rss, 0, 0
        began = time.perf_counter()
        with staff.stream("GET", "/api/battles", params={"format": form}) as answer:
            for piece in answer.iter_raw(1 << 20):
                size += len(piece)
                most = max(most, site.process.memory_info().rss)
        rate, growth = VOTES / (time.perf_counter() - began), (most - before) / 1e6
        print(f"{form:8} {rate:10,.0f} rows/s {size / 1e6:8.0f} MB, {growth:.0f} MB more memory")
        claims.append(
            (rate >= ROWS_PER_S, f"{VOTES:,} votes as {form}: {rate:,.0f} rows a second, at least {ROWS_PER_S:,}")
        )
        claims.append(
            (growth < GROWTH_MB, f"{VOTES:,} votes as {form}: {growth:.0f} MB more memory, below {GROWTH_MB:.0f}")
        )
    return claims


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web.million", description=__doc__.splitlines()[0])
    parser.add_argument("--without-exports", action="store_true", help="the statistics only")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; one uvicorn process")
    with running_site(words_per_s=1e6, processes=1) as running:
        found = with_a_million(running, exports=not options.without_exports)
    print()
    for kept, claim in found:
        print(f"{'ok  ' if kept else 'FAIL'} {claim}")
    sys.exit(not all(kept for kept, _ in found))
