"""Corpus report: every record of the archive accounted for. Written by jobs/corpus as report.json."""

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Account(BaseModel):
    """Records of one part (or of all): `records` = `kept` + every drop by reason."""

    model_config = ConfigDict(extra="forbid")

    records: int = Field(ge=0)
    kept: int = Field(ge=0)
    dropped: dict[str, int] = {}
    """Reason code (`not_ic`, `malformed.columns`, `empty`, `duplicate`, ...) to count."""

    @model_validator(mode="after")
    def adds_up(self):
        total = self.kept + sum(self.dropped.values())
        if self.records != total:
            raise ValueError(
                f"{self.records} records, but {self.kept} kept + {total - self.kept} dropped = {total}: "
                f"{self.records - total} unaccounted for"
            )
        return self


class CorpusReport(BaseModel):
    """What became of the archive: per part, in all, and what the corpus holds."""

    model_config = ConfigDict(extra="forbid")

    recipe: str
    digest: str
    """12 hex digits: the inputs' digests and the recipe's corpus section."""
    parts: dict[str, Account]
    total: Account
    threads: dict[str, int]
    """Split (`train`, `valid`, `test`) to number of threads."""
    messages: dict[str, int]
    """Split to number of messages."""

    @model_validator(mode="after")
    def parts_make_the_total(self):
        for field in ("records", "kept"):
            in_parts = sum(getattr(account, field) for account in self.parts.values())
            if in_parts != getattr(self.total, field):
                raise ValueError(f"parts hold {in_parts} {field}, the total says {getattr(self.total, field)}")
        if sum(self.messages.values()) != self.total.kept:
            raise ValueError(f"splits hold {sum(self.messages.values())} messages, {self.total.kept} records were kept")
        return self
