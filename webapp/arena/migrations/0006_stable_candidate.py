"""A version on trial meets the stable one without anybody having to ask for it: else a gate by votes waits for ever.

Three times as often as what was played most until now. And one scene by chance in eleven is one that somebody else has
voted on, where staff have not decided about that: else nobody learns how far people agree. Staff may change both.
"""

from django.db import migrations, models

ADD = """
    INSERT INTO arena_pairweight (kind, weight)
    SELECT 'stable-candidate', least(1000, 3 * coalesce(nullif(max(weight), 0), 1))
    FROM arena_pairweight WHERE kind <> 'shared';
    UPDATE arena_pairweight SET weight = (SELECT sum(weight) / 10 FROM arena_pairweight)
    WHERE kind = 'shared' AND weight = 0
"""


class Migration(migrations.Migration):
    dependencies = [("arena", "0005_vote_changes")]

    operations = [
        migrations.AlterField(
            model_name="pairweight",
            name="kind",
            field=models.CharField(
                choices=[
                    ("base-stable", "a base model and its adapter's stable version"),
                    ("stable-candidate", "the stable version and one on trial: held for votes, or a canary"),
                    ("stable-other", "the stable version and another that is loaded: an older one"),
                    ("base-other", "a base model and any version that is loaded beside the stable one"),
                    ("shared", "a scene that somebody else has voted on, for “Surprise me”"),
                ],
                max_length=20,
                primary_key=True,
                serialize=False,
            ),
        ),
        migrations.RunSQL(ADD, "DELETE FROM arena_pairweight WHERE kind = 'stable-candidate'"),
    ]
