"""What the database keeps: comparisons and their votes."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q, Value

from contracts.scene import Post
from webapp.arena.scenes import Opening


class State(models.TextChoices):
    """Where a comparison stands. Only a complete one can be voted on."""

    WAITING = "waiting", "waiting to be written"
    WRITING = "writing", "being written"
    COMPLETE = "complete", "complete"
    FAILED = "failed", "failed"


class Choice(models.TextChoices):
    """What a voter can say."""

    LEFT = "left", "left is better"
    RIGHT = "right", "right is better"
    TIE = "tie", "tie"
    BOTHBAD = "bothbad", "both are bad"


class Comparison(models.Model):
    """One opening, two replies. The sides were drawn when it was made and are kept here only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scene = models.CharField(max_length=60, blank=True, help_text="Slug in the library; empty for a scene of one's own")
    title = models.CharField(max_length=120)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    player = models.CharField(max_length=60, help_text="Whom the person plays")
    character = models.CharField(max_length=60, help_text="Whom the models play")
    posts = models.JSONField(help_text="Posts so far, in time order: author and text")
    messages = models.JSONField(help_text="The chat as both models were asked to continue it")

    asked_left = models.CharField(max_length=200, help_text="Name that the engine was asked for")
    asked_right = models.CharField(max_length=200)
    model_left = models.CharField(max_length=200, blank=True, help_text="Base name or name@version that answered")
    model_right = models.CharField(max_length=200, blank=True)
    reply_left = models.TextField(blank=True)
    reply_right = models.TextField(blank=True)

    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    failure = models.CharField(max_length=40, blank=True, help_text="Reason code when it failed")
    voter = models.UUIDField(null=True, help_text="Who asked, from the signed cookie; empty for a program")
    created_at = models.DateTimeField(auto_now_add=True)
    claimed_at = models.DateTimeField(null=True, help_text="When its writing began")
    completed_at = models.DateTimeField(null=True, help_text="When both replies were complete")

    class Meta:
        indexes = [models.Index(fields=["state", "created_at"])]
        constraints = [
            models.CheckConstraint(
                name="complete_has_two_replies",
                condition=~Q(state=State.COMPLETE)
                | (~Q(reply_left="") & ~Q(reply_right="") & ~Q(model_left="") & ~Q(model_right=""))
                & Q(completed_at__isnull=False),
            ),
            models.CheckConstraint(name="failed_has_a_reason", condition=~Q(state=State.FAILED) | ~Q(failure="")),
            models.CheckConstraint(name="sides_differ", condition=~Q(asked_left=F("asked_right"))),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.id})"

    def opening(self) -> Opening:
        """What it started from, to begin again with."""
        posts = tuple(Post(author=post["author"], text=post["text"]) for post in self.posts)
        return Opening(
            title=self.title,
            tags=tuple(self.tags),
            player=self.player,
            character=self.character,
            posts=posts,
            scene=self.scene,
        )


class Vote(models.Model):
    """A voter's choice. The comparison is the primary key: the database itself refuses a second vote."""

    comparison = models.OneToOneField(Comparison, on_delete=models.PROTECT, primary_key=True, related_name="vote")
    choice = models.CharField(max_length=10, choices=Choice)
    voter = models.UUIDField(null=True, db_index=True, help_text="Who chose; empty for a program")
    dwell_ms = models.PositiveIntegerField(help_text="From the end of both replies to the vote, by the server's clock")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    number = models.BigIntegerField(
        unique=True,
        editable=False,
        db_default=Func(Value("arena_vote_number"), function="nextval", output_field=models.BigIntegerField()),
        help_text="Grows with every vote and is never given twice: what programs remember of how far they have read",
    )

    class Meta:
        constraints = [models.CheckConstraint(name="choice_is_known", condition=Q(choice__in=Choice.values))]

    def __str__(self) -> str:
        return f"{self.get_choice_display()} in {self.comparison_id}"
