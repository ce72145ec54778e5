"""Keys of programs, as rows."""

import hashlib
import itertools

import pytest

NAMES = (f"program {number}" for number in itertools.count())


@pytest.fixture
def make(site):
    """Makes a key by its row, as the command would; returns the header that carries it."""

    def make(name: str | None = None, per_minute: int = 1000, vote=False, statistics=False, export=False) -> dict:
        name = name or next(NAMES)
        digest = hashlib.sha256(name.encode()).hexdigest()
        site.rows(
            "INSERT INTO access_programkey (name, digest, voter, per_minute, may_vote, may_read_statistics, may_export,"
            " created_at) VALUES (%s, %s, gen_random_uuid(), %s, %s, %s, %s, now())",
            *(name, digest, per_minute, vote, statistics, export),
        )
        return {"Authorization": f"Bearer {name}"}

    yield make
    site.rows("DELETE FROM access_programkey")
