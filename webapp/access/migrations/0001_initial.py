"""Allowances, which need not survive a crash, and the keys of programs."""

import uuid

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Allowance",
            fields=[
                (
                    "subject",
                    models.CharField(
                        help_text="What is counted, and for whom", max_length=100, primary_key=True, serialize=False
                    ),
                ),
                ("full_at", models.DateTimeField(help_text="When the bucket is full again")),
            ],
        ),
        migrations.CreateModel(
            name="ProgramKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(help_text="Which program, and whose", max_length=60, unique=True)),
                (
                    "digest",
                    models.CharField(editable=False, help_text="SHA-256 of the key", max_length=64, unique=True),
                ),
                (
                    "voter",
                    models.UUIDField(default=uuid.uuid4, editable=False, help_text="Its votes' voter", unique=True),
                ),
                (
                    "per_minute",
                    models.PositiveIntegerField(
                        default=120,
                        help_text="So many at once, then evenly so many a minute",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(1000000),
                        ],
                        verbose_name="calls a minute",
                    ),
                ),
                ("may_vote", models.BooleanField(default=False, verbose_name="may compare and vote")),
                (
                    "may_read_statistics",
                    models.BooleanField(default=True, verbose_name="may read statistics and the gate"),
                ),
                ("may_export", models.BooleanField(default=False, verbose_name="may export votes and battles")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("revoked_at", models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.RunSQL(
            "ALTER TABLE access_allowance SET UNLOGGED", reverse_sql="ALTER TABLE access_allowance SET LOGGED"
        ),
    ]
