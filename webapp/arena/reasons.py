"""Why a reply was liked or not: codes that a voter can tick for each side, and the words beside them.

A code is stored with its side, e.g. `left.in_character` or `right.repeats`. No Django in here.
"""

SIDES = ("left", "right")
PRAISE = {
    "in_character": "In character",
    "prose": "Good prose",
    "follows": "Follows the scene",
    "remembers": "Remembers",
    "moves_on": "Moves the story on",
}
BLAME = {
    "out_of_character": "Out of character",
    "forgets": "Forgets or contradicts",
    "repeats": "Repeats itself",
    "speaks_for_me": "Speaks for me",
    "refuses": "Refuses",
    "breaks_off": "Breaks off",
}
CODES = PRAISE | BLAME
REASONS = tuple(f"{side}.{code}" for side in SIDES for code in CODES)
"""Every code as it is stored. Codes may be added (with a migration), never given another meaning."""
LONGEST_COMMENT = 1000
"""Characters."""
