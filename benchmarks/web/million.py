"""The admin and the exports with a million votes: `make bench-web` asks for it.

In: a running site. Out: rows in PostgreSQL, then seconds of the statistics page and rows a second of the exports.
"""

import re
import statistics
import time

import httpx
import psycopg2

from benchmarks.web.site import PASSWORD, RunningSite

VOTES, VOTERS, DAYS = 1_000_000, 20_000, 365
STATISTICS_P95_MS, ROWS_PER_S, GROWTH_MB = 300.0, 50_000, 50.0
BASE = "SmolLM2-135M-Instruct"
FILL = """
    CREATE TEMP TABLE made AS
    SELECT gen_random_uuid() AS id, number, 'demo@' || lpad(to_hex(number %% 9), 12, '0') AS version,
        random() < 0.5 AS base_left, now() - random() * %(days)s * interval '1 day' AS at,
        md5((number * 7919 %% %(voters)s)::text)::uuid AS voter,
        (ARRAY['left', 'right', 'left', 'right', 'tie', 'bothbad'])[1 + floor(6 * random())] AS choice
    FROM generate_series(1, %(votes)s) AS number;
    INSERT INTO arena_comparison (id, scene, title, tags, player, character, posts, pair, asked_left, asked_right,
        model_left, model_right, voter, created_at)
    SELECT id, 'water-rights', 'Water Rights', ARRAY['Western', 'Drama'], 'Ann', 'Ben',
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


def with_a_million(site: RunningSite) -> list[tuple[bool, str]]:
    """Fill the database, ask for the statistics and the exports; the claims."""
    began = time.perf_counter()
    _fill(site.database_url)
    print(f"\n{VOTES:,} votes by {VOTERS:,} people put into PostgreSQL within {time.perf_counter() - began:.0f} s")
    with httpx.Client(base_url=site.url, timeout=300, follow_redirects=True) as staff:
        _log_in(staff)
        return [*_statistics(staff), *_exports(staff, site)]


def _fill(database_url: str) -> None:
    connection = psycopg2.connect(database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(FILL, {"votes": VOTES, "voters": VOTERS, "days": DAYS, "base": BASE})
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")  # what autovacuum does within a minute
    connection.close()


def _log_in(staff: httpx.Client) -> None:
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', staff.get("/admin/login/").text)[1]
    fields = {"csrfmiddlewaretoken": token, "username": "admin", "password": PASSWORD}
    staff.post("/admin/login/?next=/admin/", data=fields, headers={"Referer": str(staff.base_url)}).raise_for_status()


def _statistics(staff: httpx.Client) -> list[tuple[bool, str]]:
    seconds = []
    for _ in range(20):
        began = time.perf_counter()
        staff.get("/admin/statistics/").raise_for_status()
        seconds.append(time.perf_counter() - began)
    p95 = 1000 * statistics.quantiles(seconds, n=20)[-1]
    print(f"statistics page: p95 {p95:.0f} ms, first {1000 * seconds[0]:.0f} ms")
    return [
        (p95 < STATISTICS_P95_MS, f"{VOTES:,} votes: statistics page p95 {p95:.0f} ms, below {STATISTICS_P95_MS:.0f}")
    ]


def _exports(staff: httpx.Client, site: RunningSite) -> list[tuple[bool, str]]:
    claims = []
    for form in ("csv", "parquet", "jsonl"):
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
