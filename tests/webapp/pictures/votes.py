"""A month of votes for the pictures: made up, by a fixed seed, in the proportions that a small site may have.

In: the running site. Out: some 1,100 battles of four adapter versions against the base and one another, with reasons;
among them a voter who always takes the left side, and one who reads faster than anybody can.
"""

import datetime
import json
import math
import random
import uuid

import psycopg2
from psycopg2.extras import execute_values

from tests.webapp.scripted_engine import BASE, VERSION
from tests.webapp.site import Site

CANDIDATE = "demo@9f31c07be284"
STRENGTH = {BASE: 0.0, "demo@1c86f2b0d935": 0.15, "demo@73ad05e9c148": 0.35, VERSION: 0.6, CANDIDATE: 0.95}
"""In logits; what the ratings are to find again."""
SEEN_FROM_DAY = {"demo@1c86f2b0d935": 0, "demo@73ad05e9c148": 7, VERSION: 14, CANDIDATE: 22}
DAYS = 30
PEOPLE = 70
SCENES = {
    "water-rights": ("Water Rights", ["Western", "Drama"], "Josie Tarr", "Deputy Mercer"),
    "berth-forty-one": ("Berth Forty-One", ["Science fiction", "Mystery"], "Inspector Okonjo", "Captain Vane"),
    "terms-of-the-ransom": ("The Terms of the Ransom", ["Fantasy", "Comedy"], "Pim", "Vorathrax"),
    "marked-cards-at-versailles": ("Marked Cards", ["Historical", "Intrigue"], "Lucien Achard", "The Marquise"),
}
WON, LOST = ("in_character", "prose", "follows", "moves_on"), ("repeats", "out_of_character", "speaks_for_me")


def fill(site: Site) -> None:
    """Put the month into the database, its last day today."""
    chance = random.Random(7)
    people = [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(PEOPLE)]
    often = [1 / (rank + 3) for rank in range(PEOPLE)]
    battles = [
        _battle(chance, day, chance.choices(people, often)[0])
        for day in range(DAYS)
        for _ in range(chance.randint(18, 30) + day // 2)
    ]
    one_sided, hasty = (str(uuid.UUID(int=number, version=4)) for number in (1, 2))
    battles += [_battle(chance, DAYS - 2, one_sided, choice="left") for _ in range(34)]
    battles += [_battle(chance, DAYS - 3, hasty, dwell_ms=chance.randint(150, 900), read_s=1) for _ in range(28)]
    _store(site, battles)


def give_some(site: Site, comparison: str) -> None:
    """Four of the month's votes to whoever began that comparison, so that their list is not empty."""
    ((voter,),) = site.rows("SELECT voter::text FROM arena_comparison WHERE id = %s", comparison)
    oldest = "SELECT comparison_id FROM arena_vote WHERE reasons <> '{}' ORDER BY number LIMIT 4"
    for table, key in (("arena_comparison", "id"), ("arena_vote", "comparison_id")):
        site.rows(f"UPDATE {table} SET voter = %s WHERE {key} IN ({oldest})", voter)


def _battle(chance, day: int, voter: str, choice: str = "", dwell_ms: int = 0, read_s: float = 0) -> dict:
    known = [version for version, first in SEEN_FROM_DAY.items() if first <= day]
    others = [*known[-2:-1], *[BASE] * 3]
    left, right = chance.sample([known[-1], chance.choice(others)], 2)
    seconds = {name: chance.uniform(5, 9) * (1 if name == BASE else 1.2) for name in (left, right)}
    minute = chance.gauss(20 * 60, 150) % (24 * 60)
    return {
        "id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "scene": chance.choice(list(SCENES)),
        "left": left,
        "right": right,
        "voter": voter,
        "choice": choice or _choice(chance, left, right),
        "dwell_ms": dwell_ms or int(1000 * chance.lognormvariate(2.6, 0.8)),
        "read_s": read_s or chance.uniform(12, 40),
        "minutes_ago": (DAYS - 1 - day) * 24 * 60 + (24 * 60 - minute),
        "seconds": (seconds[left], seconds[right]),
        "words": tuple(chance.randint(60, 110) + 15 * (name != BASE) for name in (left, right)),
    } | {"reasons": [], "chance": chance.random()}


def _choice(chance, left: str, right: str) -> str:
    """Davidson's model, and now and then a scene in which neither will do."""
    if chance.random() < 0.06:
        return "bothbad"
    wins = {"left": math.exp(STRENGTH[left]), "right": math.exp(STRENGTH[right])}
    wins["tie"] = 0.35 * math.sqrt(wins["left"] * wins["right"])
    return chance.choices(list(wins), list(wins.values()))[0]


def _reasons(battle: dict) -> list[str]:
    """Two people in three say why."""
    if battle["choice"] not in ("left", "right") or battle["chance"] > 0.66:
        return []
    other = "right" if battle["choice"] == "left" else "left"
    number = int(1000 * battle["chance"])
    return [f"{battle['choice']}.{WON[number % len(WON)]}", f"{other}.{LOST[number % len(LOST)]}"]


def _store(site: Site, battles: list[dict]) -> None:
    now = datetime.datetime.now(datetime.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    comparisons, turns, votes = [], [], []
    for battle in sorted(battles, key=lambda battle: -battle["minutes_ago"]):
        title, tags, player, character = SCENES[battle["scene"]]
        at = now - datetime.timedelta(minutes=battle["minutes_ago"])
        done = at + datetime.timedelta(seconds=battle["read_s"])
        voted = done + datetime.timedelta(milliseconds=battle["dwell_ms"])
        pair = "base-stable" if BASE in (battle["left"], battle["right"]) else "stable-other"
        names = (battle["left"], battle["right"])
        posts = json.dumps([{"author": player, "text": "*I wait.*"}])
        comparisons.append(
            (
                *(battle["id"], battle["scene"], title, tags, player, character, posts, pair),
                *(*names, *names, battle["voter"], at),
            )
        )
        replies = [" ".join(["and then the rain came over the ridge,"] * (words // 8)) for words in battle["words"]]
        turns.append((battle["id"], 1, 1, "", "complete", "", at, at, done, *replies, *battle["seconds"]))
        votes.append(
            (battle["id"], battle["choice"], _reasons(battle), battle["voter"], battle["dwell_ms"], voted, voted)
        )
    connection = psycopg2.connect(site.database_url)
    with connection, connection.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO arena_comparison (id, scene, title, tags, player, character, posts, pair, asked_left,"
            " asked_right, model_left, model_right, voter, created_at) VALUES %s",
            comparisons,
            template="(%s, %s, %s, %s::varchar[], %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        )
        execute_values(
            cursor,
            "INSERT INTO arena_turn (comparison_id, number, attempt, post, state, failure, created_at, claimed_at,"
            " completed_at, reply_left, reply_right, seconds_left, seconds_right) VALUES %s",
            turns,
        )
        execute_values(
            cursor,
            "INSERT INTO arena_vote (comparison_id, turn_id, choice, reasons, voter, dwell_ms, created_at, revealed_at)"
            " SELECT c.id::uuid, t.id, c.choice, c.reasons, c.voter::uuid, c.dwell_ms, c.at, c.seen FROM (VALUES %s)"
            " AS c (id, choice, reasons, voter, dwell_ms, at, seen)"
            " JOIN arena_turn t ON t.comparison_id = c.id::uuid ORDER BY c.at",
            votes,
            template="(%s, %s, %s::varchar[], %s, %s, %s::timestamptz, %s::timestamptz)",
            page_size=10_000,
        )
    connection.close()
