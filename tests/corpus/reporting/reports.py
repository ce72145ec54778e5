"""A corpus report made by hand, with something to say in every section and hostile strings in it.

In: nothing. Out: what report.json would hold, for `CorpusReport.model_validate`.
"""

HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>'

DROPPED = {
    "uuub3g": {
        "not_ic": 41_207,
        "malformed.columns": 61,
        "empty": 912,
        "duplicate": 1_300,
        "excluded.min_posts": 2_520,
    },
    "luxmdg": {
        "not_ic": 38_011,
        "malformed.quote": 12,
        "malformed.truncated": 1,
        "malformed.nul": 3,
        "malformed.encoding": 7,
        "malformed.timestamp": 5,
        "malformed.tags": 2,
        "near_duplicate": 388,
        "excluded.tag": 4_400,
        "excluded.minors": 96,
        "excluded.min_authors": 1_204,
        "excluded.min_chars": 40,
        "eaten_by_dragon": 9,
    },
}
KEPT = {"uuub3g": 62_011, "luxmdg": 70_502}


def account(kept: int, dropped: dict[str, int]) -> dict:
    return {"records": kept + sum(dropped.values()), "kept": kept, "dropped": dropped}


def histogram(*counts: int, bounds=(1, 2, 4, 8, 16, 32), median=3.5, maximum=57) -> dict:
    counts = [*counts, *[0] * (len(bounds) - len(counts))]
    return {"bounds": list(bounds), "counts": counts, "median": median, "maximum": maximum}


def rule(setting, posts, *samples) -> dict:
    return {
        "setting": setting,
        "posts": posts,
        "samples": [{"before": before, "after": after} for before, after in samples],
    }


def two_parts() -> dict:
    """A report of two parts in which every section has something to say, as what report.json holds."""
    lengths = histogram(
        120,
        4_800,
        31_902,
        71_300,
        23_001,
        1_390,
        bounds=(1, 100, 300, 1000, 3000, 10_000),
        median=1_311,
        maximum=48_211,
    )
    everything = {reason: count for dropped in DROPPED.values() for reason, count in dropped.items()}
    everything["not_ic"] = sum(dropped["not_ic"] for dropped in DROPPED.values())
    return {
        "recipe": "roleplay_guild",
        "digest": "0f3a9c1b77de",
        "parts": {part: account(KEPT[part], DROPPED[part]) for part in DROPPED},
        "total": account(sum(KEPT.values()), everything),
        "threads": {"train": 3_411, "valid": 190, "test": 188},
        "messages": {"train": 119_262, "valid": 6_640, "test": 6_611},
        "lineage": {
            "inputs": {
                "uuub3g": {"size": 104_857_600, "sha256": "a1" * 32},
                "luxmdg": {"size": 99_112_233, "sha256": "b2" * 32},
            },
            "recipe_digest": "c3" * 32,
            "code_version": 4,
        },
        "distributions": {
            "chars_per_post": lengths,
            "posts_per_thread": histogram(0, 0, 1_400, 1_300, 700, 389),
            "chars_per_thread": histogram(
                9, 310, 1_800, 1_500, 170, bounds=(1, 1_000, 10_000, 50_000, 200_000), median=41_018, maximum=2_101_993
            ),
            "authors_per_thread": histogram(0, 2_900, 801, 88, median=2, maximum=14),
            "threads_per_author": histogram(900, 520, 230, 61, 12, 1, median=2),
        },
        "tags": {
            "style": {"casual": 2_011, "advanced": 611, "nation": 77},
            "party size": {"1x1": 2_900, "small group": 401},
            "genre": {f"genre {number}": 100 - number for number in range(33)} | {"fantasy": 1_822, HOSTILE: 3},
            "period": {},
        },
        "duplicates": {
            "exact_in_thread": 1_211,
            "exact_across_threads": 89,
            "near_pairs": 402,
            "near_clusters": 311,
            "near_dropped": 388,
            "linked_threads": 74,
            "largest_component": 6,
        },
        "cleaning": {
            "mojibake": rule(True, 4_112, ("Itâ€™s late, she said.", "It’s late, she said.")),
            "invisible": rule(True, 902, ("He\u200b walked\x07 on.\u202e", "He walked on.")),
            "html": rule(
                True,
                131_007,
                (
                    "<p>The <b>gate</b> fell.</p><p>Nobody &amp; nothing moved.</p>",
                    "The gate fell.\n\nNobody & nothing moved.",
                ),
                ("<script>alert(3)</script>He ran.", "He ran."),
            ),
            "quotes": rule("drop_cited", 11_300, ("[quote=Ann]Hi[/quote]\nHi yourself.", "Hi yourself.")),
            "spoilers": rule("keep", 0),
            "ooc": rule(True, 5_020, ("OOC: brb, " + "long " * 300, "")),
            "emoji": rule(False, 0),
        },
        "rejects": {
            "malformed.columns": [
                {
                    "part": "uuub3g",
                    "byte_offset": 18_211_004,
                    "line": 90_211,
                    "raw": f"Title,IC,\"['a']\",{HOSTILE}\r\nx",
                }
            ],
            "malformed.nul": [{"part": "luxmdg", "byte_offset": 12, "line": 2, "raw": "a\x00b" + "word" * 200}],
            "eaten_by_dragon": [{"part": "luxmdg", "byte_offset": 99, "line": 7, "raw": "https://example.org/x"}],
        },
        "leakage": {
            "gram_words": 13,
            "one_in": 1,
            "max_overlap": 0.5,
            "splits": {
                "valid": {"posts": 6_602, "grams": 1_400_211, "shared": 212, "worst": 0.31, "above": 0},
                "test": {"posts": 6_580, "grams": 1_398_877, "shared": 0, "worst": 0.0, "above": 0},
            },
        },
    }
