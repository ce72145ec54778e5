"""Corpora built in a test, as their readers see them.

In: an archive and a recipe's corpus section. Out: `Built`, with threads, dropped records, duplicates and report.
"""

import csv
import io
import pathlib
from dataclasses import dataclass

import pyarrow.parquet as pq

from contracts.corpus_report import CorpusReport
from tests.corpus.archives import HEADER, Archive, csv_bytes, run_corpus, run_download

SPLITS = ("train", "valid", "test")


@dataclass
class Built:
    """A corpus folder, and the folder with the CSVs that it was made from."""

    folder: pathlib.Path
    csvs: pathlib.Path
    summary: dict

    @property
    def report(self) -> CorpusReport:
        return CorpusReport.model_validate_json((self.folder / "report.json").read_text())

    def threads(self) -> dict[str, dict]:
        """Title to the thread's row, with its `split`."""
        return {
            row["title"]: row | {"split": split}
            for split in SPLITS
            for row in pq.read_table(self.folder / split).to_pylist()
        }

    def texts(self) -> dict[str, list[str]]:
        """Title to the texts of its posts."""
        return {title: [m["text"] for m in row["messages"]] for title, row in self.threads().items()}

    def rejects(self) -> list[dict]:
        """The dropped records, in the order of the parts and their CSVs."""
        return [
            row
            for part in self.report.parts
            for row in pq.read_table(self.folder / f"rejects/{part}.parquet").to_pylist()
        ]

    def dropped(self) -> list[tuple[str, str]]:
        """Reason and message of every dropped record, sorted."""
        return sorted(
            (row["reason"], self.record(row["part"], row["byte_offset"])["message"]) for row in self.rejects()
        )

    def duplicates(self, name: str) -> list[dict]:
        """Rows of duplicates/<name>.parquet."""
        return pq.read_table(self.folder / f"duplicates/{name}.parquet").to_pylist()

    def record(self, part: str, byte_offset: int) -> dict[str, str]:
        """The record of a part's CSV that begins at `byte_offset`."""
        content = (self.csvs / f"{part}.csv").read_bytes()[byte_offset:]
        row = next(csv.reader(io.StringIO(content.decode(), newline="")))
        return dict(zip(HEADER, row, strict=True))

    def contents(self) -> dict[str, bytes]:
        """Every file of the corpus with its bytes."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()
        }


def build(archive: Archive, home: pathlib.Path, *parts: list, **corpus) -> Built:
    """Pack `parts` (rows of p1, p2, …, behind those that the archive has) and run both jobs."""
    for rows in parts:
        name, content = f"p{len(archive.names) + 1}", csv_bytes(rows)
        archive.add(name, content)
        (archive.folder / f"{name}.csv").write_bytes(content)
    recipe = archive.recipe(**corpus)
    run_download(recipe, home)
    for name in archive.names:  # as Airflow does it, part by part
        run_corpus(recipe, home, part=name)
    summary = run_corpus(recipe, home)
    return Built(pathlib.Path(summary["report"]).parent, archive.folder, summary)


def at(minute: int) -> str:
    """A time of day, `minute` minutes after ten."""
    return f"2020-01-01T{10 + minute // 60}:{minute % 60:02}:00"
