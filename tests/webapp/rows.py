"""Rows of the site's database that tests need by the dozen: complete comparisons and their votes."""

from tests.webapp.site import Site


def insert_votes(
    site: Site,
    left: str,
    right: str,
    choice: str,
    voter: str | None,
    tags: list[str],
    hours_ago: float,
    copies: int = 1,
) -> None:
    """`copies` complete comparisons of two short replies, each with a vote after four to twelve seconds,
    whose voter was told who was who.

    `voter` "anybody": another one each time.
    """
    site.rows(
        """
        WITH comparison AS (
            INSERT INTO arena_comparison
                (id, scene, title, tags, player, character, posts, pair, asked_left, asked_right, model_left,
                 model_right, created_at)
            SELECT gen_random_uuid(), '', 'A test', %s::text[], 'Ann', 'Ben', '[]', '', %s, %s, %s, %s, now()
            FROM generate_series(1, %s)
            RETURNING id),
        turn AS (
            INSERT INTO arena_turn
                (comparison_id, number, attempt, post, state, failure, created_at, completed_at, reply_left,
                 reply_right)
            SELECT id, 1, 1, '', 'complete', '', now(), now(), 'One.', 'Two.' FROM comparison
            RETURNING id, comparison_id)
        INSERT INTO arena_vote (comparison_id, turn_id, choice, voter, dwell_ms, created_at, revealed_at)
        SELECT comparison_id, id, %s, CASE %s WHEN 'anybody' THEN gen_random_uuid() ELSE %s::uuid END,
            4000 + (8000 * random())::int, now() - %s * interval '1 hour', now() FROM turn
        """,
        *(tags, left, right, left, right, copies, choice),
        *(voter, None if voter == "anybody" else voter, hours_ago),
    )
    if copies > 1:  # what was vacuumed while it was empty is taken for empty, and joined row by row
        site.rows("ANALYZE arena_comparison, arena_turn, arena_vote")
