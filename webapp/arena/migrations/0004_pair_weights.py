"""Weights of the kinds of meetings, as before at first: a base and its adapter, nothing else. Second voters."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

AS_BEFORE = """
    INSERT INTO arena_pairweight (kind, weight)
    VALUES ('base-stable', 1), ('stable-other', 0), ('base-other', 0), ('shared', 0)
"""


class Migration(migrations.Migration):
    dependencies = [("arena", "0003_turns")]

    operations = [
        migrations.CreateModel(
            name="PairWeight",
            fields=[
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("base-stable", "a base model and its adapter's stable version"),
                            ("stable-other", "the stable version and another that is loaded: canary, candidate, older"),
                            ("base-other", "a base model and another version that is loaded"),
                            ("shared", "a scene that somebody else has voted on, for “Surprise me”"),
                        ],
                        max_length=20,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "weight",
                    models.FloatField(help_text="0: never; only ratios count. What is not possible now is not drawn"),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(name="weights_are_shares", condition=Q(weight__gte=0, weight__lte=1000))
                ]
            },
        ),
        migrations.RunSQL(AS_BEFORE, "DELETE FROM arena_pairweight"),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "comparison",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invitations",
                        to="arena.comparison",
                    ),
                ),
                ("voter", models.UUIDField(db_index=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "constraints": [models.UniqueConstraint(name="invited_once", fields=["comparison", "voter"])],
            },
        ),
    ]
