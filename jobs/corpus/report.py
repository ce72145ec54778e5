"""The corpus report: what became of every record, added up and checked.

The three sides of the sum come from three places: `records` from the scan of the archive, `kept` from the
threads that were written, the drops from the reject files on disk.
"""

import pathlib
from collections import Counter
from collections.abc import Mapping

import duckdb
from pydantic import ValidationError

from contracts.corpus_report import Account, CorpusReport
from jobs.corpus.threads import Built
from jobs.errors import JobError


def make_report(
    recipe: str, digest: str, records: Mapping[str, int], built: Built, rejects: pathlib.Path
) -> CorpusReport:
    """The report. `records` is the number of records by part, `rejects` the folder of the reject files.

    Raises:
        JobError: a record is unaccounted for.
    """
    dropped = _count_rejects(rejects, list(records))
    try:
        parts = {
            part: Account(records=count, kept=built.kept[part], dropped=dropped[part])
            for part, count in records.items()
        }
        total = Account(
            records=sum(records.values()),
            kept=sum(built.kept.values()),
            dropped=dict(sum((Counter(account.dropped) for account in parts.values()), Counter())),
        )
        return CorpusReport(
            recipe=recipe,
            digest=digest,
            parts=parts,
            total=total,
            threads=dict(built.threads),
            messages=dict(built.messages),
        )
    except ValidationError as error:
        reasons = "; ".join(complaint["msg"] for complaint in error.errors())
        raise JobError(f"corpus of {recipe}: the report does not add up ({reasons}); please report this") from error


def _count_rejects(folder: pathlib.Path, parts: list[str]) -> dict[str, dict[str, int]]:
    """Rows by reason, for each part's reject file."""
    counts = {}
    with duckdb.connect() as connection:
        for part in parts:
            rows = connection.execute(
                "SELECT reason, count(*) FROM read_parquet($1) GROUP BY reason ORDER BY reason",
                [str(folder / f"{part}.parquet")],
            ).fetchall()
            counts[part] = dict(rows)
    return counts
