"""The forum's tags in the five groups that its thread form asks for.

In: a thread's tags. Out: the tags by group, in the thread's order; what the form does not know is `other`.
"""

import pyarrow as pa

GROUPS = {
    "style": ("Free", "Casual", "Advanced", "High Casual", "Nation", "Arena", "Tabletop"),
    "party_size": ("1x1", "Small Group", "Large Group"),
    "genre": (
        "Action", "Adventure", "Apocalyptic", "Comedy", "Crime", "Cyberpunk", "Drama", "Dystopian", "Fandom", "Fantasy",
        "Furry", "Horror", "Magical Girl", "Mecha", "Military", "Mystery", "Post-Apocalyptic", "Romance", "School",
        "Sci-Fi", "Slice of Life", "Space Opera", "Steampunk", "Superhero", "Supernatural", "Thriller", "Urban Fantasy",
        "Western",
    ),
    "period": ("Prehistoric", "Ancient", "Medieval", "Renaissance", "Historical", "Modern", "Near Future", "Future"),
    "adult": ("18+",),
}  # fmt: skip
OTHER = "other"
TYPE = pa.struct([(group, pa.list_(pa.string())) for group in (*GROUPS, OTHER)])

_GROUP = {tag.lower(): group for group, tags in GROUPS.items() for tag in tags}


def grouped(tags: list[str]) -> dict[str, list[str]]:
    """Group to tags; every group is there."""
    groups = {group: [] for group in (*GROUPS, OTHER)}
    for tag in tags:
        groups[_GROUP.get(tag.strip().lower(), OTHER)].append(tag)
    return groups
