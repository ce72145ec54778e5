"""What the database keeps about access: how much of an allowance is used up, and the keys of programs."""

import hashlib
import secrets
import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

PREFIX = "bardloop_"
"""Keys begin with it, so that scanners for leaked secrets can know them."""


class Allowance(models.Model):
    """A bucket that is not full. A row whose time is past says the same as no row, and is removed by and by.

    The table is UNLOGGED (migration 0001): a request must not wait for the disk to be counted, and after a crash of
    PostgreSQL everybody starts with full buckets.
    """

    subject = models.CharField(max_length=100, primary_key=True, help_text="What is counted, and for whom")
    full_at = models.DateTimeField(help_text="When the bucket is full again")  # no index: updates stay in their page

    def __str__(self) -> str:
        return self.subject


class ProgramKey(models.Model):
    """A program's key: what it may do, how often, and the voter under which its votes are counted."""

    name = models.CharField(max_length=60, unique=True, help_text="Which program, and whose")
    digest = models.CharField(max_length=64, unique=True, editable=False, help_text="SHA-256 of the key")
    voter = models.UUIDField(unique=True, default=uuid.uuid4, editable=False, help_text="Its votes' voter")
    per_minute = models.PositiveIntegerField(
        "calls a minute",
        default=120,
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000)],
        help_text="So many at once, then evenly so many a minute",
    )
    may_vote = models.BooleanField("may compare and vote", default=False)
    may_read_statistics = models.BooleanField("may read statistics and the gate", default=True)
    may_export = models.BooleanField("may export votes and battles", default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def permissions(self) -> frozenset[str]:
        """The words by which the API asks: `vote`, `statistics`, `export`."""
        granted = {"vote": self.may_vote, "statistics": self.may_read_statistics, "export": self.may_export}
        return frozenset(word for word, may in granted.items() if may)

    def give_secret(self) -> str:
        """Draw a key and return it. Only its hash is kept: it can be shown this once."""
        key = PREFIX + secrets.token_urlsafe(32)
        self.digest = digest_of(key)
        return key

    def revoke(self) -> None:
        """From now on the key opens nothing. The row stays, for its votes' sake."""
        self.revoked_at = timezone.now()
        self.save(update_fields=["revoked_at"])


def digest_of(key: str) -> str:
    """SHA-256 in hex. A key has 256 random bits, so it needs no slow hash."""
    return hashlib.sha256(key.encode()).hexdigest()
