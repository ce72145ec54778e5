"""Votes get a number that grows: what a program remembers of how far it has read."""

from django.db import migrations, models
from django.db.models import Func, Value


class Migration(migrations.Migration):
    dependencies = [("arena", "0001_initial")]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE arena_vote_number", "DROP SEQUENCE arena_vote_number"),
        migrations.AddField(
            model_name="vote",
            name="number",
            field=models.BigIntegerField(
                db_default=Func(Value("arena_vote_number"), function="nextval", output_field=models.BigIntegerField()),
                editable=False,
                help_text="Grows with every vote and is never given twice: what programs remember of how far they have "
                "read",
                unique=True,
            ),
        ),
    ]
