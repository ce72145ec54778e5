"""The corpus report: what became of every record, added up and checked.

The three sides of the sum come from three places: `records` from the scan of the archive, `kept` from the threads
that were written, the drops from the reject files on disk.
"""

import pathlib
from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from contracts.corpus_report import Account, CorpusReport, Leakage, Lineage, RejectExample
from contracts.recipe import Recipe
from jobs.corpus.assembly.split import Links
from jobs.corpus.assembly.staged import Staged, read_all
from jobs.corpus.assembly.threads import WrittenSplit
from jobs.corpus.cleaning import contact_details
from jobs.corpus.cleaning.samples import RuleWork, merged
from jobs.corpus.policy import ON_REQUEST, REASON, may_be_shown
from jobs.corpus.reporting import statistics
from jobs.errors import JobError

EXAMPLES = 4
"""Of each reason."""
LONGEST = 300
NEVER_SHOWN = (REASON, ON_REQUEST, "excluded.tag")


def make_report(
    recipe: Recipe,
    folder: pathlib.Path,
    staged: Staged,
    written: Mapping[str, WrittenSplit],
    links: Links,
    records: Mapping[str, int],
    cleaning: Sequence[Mapping[str, RuleWork]],
    lineage: Lineage,
    leakage: Leakage,
) -> CorpusReport:
    """The report of the corpus in `folder`. `records` is the number of records by part.

    Raises:
        JobError: a record is unaccounted for.
    """
    kept = sum((split.by_part for split in written.values()), Counter())
    dropped = _count_rejects(staged, folder / "rejects")
    facts = {
        "recipe": recipe.name,
        "digest": folder.name.removesuffix(".partial"),
        "threads": {name: split.threads for name, split in written.items()},
        "messages": {name: split.messages for name, split in written.items()},
        "lineage": lineage,
        "distributions": statistics.distributions(staged, folder),
        "tags": statistics.tags(staged, folder),
        "duplicates": statistics.duplicates(staged, links),
        "cleaning": merged(recipe.corpus.clean, cleaning, _hidden_threads(staged)),
        "rejects": _examples(staged, folder / "rejects"),
        "leakage": leakage,
    }
    try:
        parts = {
            part: Account(records=count, kept=kept[part], dropped=dropped[part]) for part, count in records.items()
        }
        total = Account(
            records=sum(records.values()),
            kept=kept.total(),
            dropped=dict(sorted(sum((Counter(account.dropped) for account in parts.values()), Counter()).items())),
        )
        return CorpusReport(parts=parts, total=total, **facts)
    except ValidationError as error:
        reasons = "; ".join(complaint["msg"] for complaint in error.errors())
        raise JobError(
            f"corpus of {recipe.name}: the report does not add up ({reasons}); please report this"
        ) from error


def _count_rejects(staged: Staged, folder: pathlib.Path) -> dict[str, dict[str, int]]:
    """Rows by reason, for each part's reject file."""
    query = "SELECT reason, count(*) FROM read_parquet(?) GROUP BY reason ORDER BY reason"
    return {
        part: dict(staged.connection.execute(query, [str(folder / f"{part}.parquet")]).fetchall())
        for part in staged.parts
    }


def _hidden_threads(staged: Staged) -> set[int]:
    """Threads of which nothing is shown."""
    hidden = ", ".join(f"'{reason}'" for reason in NEVER_SHOWN)
    return {t for (t,) in staged.connection.execute(f"SELECT thread FROM barred WHERE reason IN ({hidden})").fetchall()}


def _examples(staged: Staged, folder: pathlib.Path) -> dict[str, list[RejectExample]]:
    """The first few records of each reason that may be shown, without contact details."""
    hidden = ", ".join(f"'{reason}'" for reason in NEVER_SHOWN)
    rejects = f"(FROM {read_all(folder.glob('*.parquet'))} WHERE reason NOT IN ({hidden}) AND raw IS NOT NULL)"
    place = "{'part': part, 'byte_offset': byte_offset}"
    first = f"SELECT unnest(min({place}, {3 * EXAMPLES})) AS place FROM {rejects} GROUP BY reason"
    rows = staged.connection.execute(f"""
        SELECT reason, part, byte_offset, line, raw[:{2 * LONGEST}] FROM {rejects}
        SEMI JOIN (SELECT place.part AS part, place.byte_offset AS byte_offset FROM ({first})) USING (part, byte_offset)
        ORDER BY reason, part, byte_offset
    """).fetchall()
    examples: dict[str, list[RejectExample]] = {}
    for reason, part, byte_offset, line, raw in rows:
        shown = examples.setdefault(reason, [])
        text = raw.decode("utf-8", "backslashreplace")
        if len(shown) < EXAMPLES and may_be_shown(text):
            text = contact_details.ip_address(contact_details.phone(contact_details.email(text)))
            shown.append(RejectExample(part=part, byte_offset=byte_offset, line=line, raw=text[:LONGEST]))
    return examples
