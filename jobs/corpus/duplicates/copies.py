"""Exact copies: posts with the same normalised text.

In: table `post`. Out: tables

    repeated(content, unit)  contents that occur more than once; `unit` is the id of the first of its posts
    unit(id, unit)           the posts of those contents

Copies are one unit for whatever comes next: near-duplicates compare units, the split keeps their threads together.
"""

from jobs.corpus.assembly.staged import Staged


def find_copies(staged: Staged) -> None:
    """Make the tables `repeated` and `unit`."""
    staged.connection.execute("""
        CREATE TABLE repeated AS SELECT content, min(id) AS unit FROM post GROUP BY content HAVING count(*) > 1;
        CREATE TABLE unit AS SELECT id, unit FROM post JOIN repeated USING (content);
    """)
