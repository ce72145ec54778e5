"""Every vote bears the number of the transaction that wrote it last, so that what changed since can be read.

A reader takes `pg_snapshot_xmin` of its snapshot: all transactions before that number have ended, so rows that a later
look has not seen bear that number or a larger one (docs/decisions/0013). Deleting leaves a row in a table of its own.
The index is a BRIN: it costs a vote next to nothing, and updates stay on their page as before (from PostgreSQL 16 on).
"""

from django.db import migrations

FORWARDS = """
    ALTER TABLE arena_vote ADD COLUMN changed_in bigint NOT NULL DEFAULT 0;
    ALTER TABLE arena_vote ALTER COLUMN changed_in SET DEFAULT (pg_current_xact_id()::text::bigint);
    CREATE INDEX arena_vote_changed_in ON arena_vote
        USING brin (changed_in) WITH (pages_per_range = 32, autosummarize = on);

    CREATE FUNCTION arena_vote_changed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.changed_in := pg_current_xact_id()::text::bigint;
        RETURN NEW;
    END $$;
    CREATE TRIGGER arena_vote_changed BEFORE UPDATE ON arena_vote
        FOR EACH ROW EXECUTE FUNCTION arena_vote_changed();

    CREATE TABLE arena_vote_deletion (changed_in bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint));
    CREATE FUNCTION arena_vote_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM arena_vote_deletion;
        INSERT INTO arena_vote_deletion DEFAULT VALUES;
        RETURN NULL;
    END $$;
    CREATE TRIGGER arena_vote_deleted AFTER DELETE OR TRUNCATE ON arena_vote
        FOR EACH STATEMENT EXECUTE FUNCTION arena_vote_deleted();
"""
BACKWARDS = """
    DROP TRIGGER arena_vote_deleted ON arena_vote;
    DROP FUNCTION arena_vote_deleted();
    DROP TABLE arena_vote_deletion;
    DROP TRIGGER arena_vote_changed ON arena_vote;
    DROP FUNCTION arena_vote_changed();
    ALTER TABLE arena_vote DROP COLUMN changed_in;
"""


class Migration(migrations.Migration):
    dependencies = [("arena", "0004_pair_weights")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
