"""What the database keeps: comparisons, their turns and their votes."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q, Value

from contracts.scene import Post
from webapp.arena.reasons import REASONS
from webapp.arena.scenes import Opening


class State(models.TextChoices):
    """Where a turn stands. Only a complete one can be voted on."""

    WAITING = "waiting", "waiting to be written"
    WRITING = "writing", "being written"
    COMPLETE = "complete", "complete"
    FAILED = "failed", "failed"
    ERASED = "erased", "erased, as its person wished"


OPEN = (State.WAITING, State.WRITING)
"""A comparison has one turn at most in these."""


class Choice(models.TextChoices):
    """What a voter can say."""

    LEFT = "left", "left is better"
    RIGHT = "right", "right is better"
    TIE = "tie", "tie"
    BOTHBAD = "bothbad", "both are bad"


class Comparison(models.Model):
    """One scene and two models, for all its turns. The sides were drawn when it was made and are kept here only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scene = models.CharField(max_length=60, blank=True, help_text="Slug in the library; empty for a scene of one's own")
    title = models.CharField(max_length=120)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    player = models.CharField(max_length=60, help_text="Whom the person plays")
    character = models.CharField(max_length=60, help_text="Whom the models play")
    posts = models.JSONField(help_text="The opening's posts in time order: author and text")

    pair = models.CharField(max_length=20, blank=True, help_text="Kind of meeting, e.g. base-stable")
    asked_left = models.CharField(max_length=200, help_text="Name that the engine was asked for")
    asked_right = models.CharField(max_length=200)
    model_left = models.CharField(
        max_length=200, blank=True, help_text="Base name or name@version that answered the first complete turn"
    )
    model_right = models.CharField(max_length=200, blank=True)
    names_maker = models.BooleanField(default=False, db_default=False, help_text="A reply named who made its model")

    voter = models.UUIDField(
        null=True, db_index=True, help_text="Who asked, from the signed cookie; empty for a program"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(name="comparison_unanswered", fields=["created_at"], condition=Q(model_left="")),
        ]
        constraints = [
            models.CheckConstraint(name="sides_differ", condition=~Q(asked_left=F("asked_right"))),
            models.CheckConstraint(
                name="both_models_or_none",
                condition=Q(model_left="", model_right="") | ~Q(model_left="") & ~Q(model_right=""),
            ),
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


class Turn(models.Model):
    """One post of the person and both replies to it.

    Written anew, or to another post, it is another attempt of the same number; the attempts before it stay. What leads
    up to a turn are the last complete attempts of the numbers before.
    """

    comparison = models.ForeignKey(Comparison, on_delete=models.PROTECT, related_name="turns", db_index=False)
    number = models.PositiveSmallIntegerField(default=1, help_text="1 answers the opening")
    attempt = models.PositiveSmallIntegerField(default=1)
    post = models.TextField(
        blank=True, help_text="What the person wrote; for turn 1 empty, or what replaces the opening's last post"
    )

    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    failure = models.CharField(max_length=40, blank=True, help_text="Reason code when it failed")
    created_at = models.DateTimeField(auto_now_add=True)
    claimed_at = models.DateTimeField(null=True, help_text="When its writing began")
    completed_at = models.DateTimeField(null=True, help_text="When both replies were complete")

    reply_left = models.TextField(blank=True)
    reply_right = models.TextField(blank=True)
    seconds_left = models.FloatField(null=True, help_text="From asking the engine to the reply's end")
    seconds_right = models.FloatField(null=True)
    first_token_left = models.FloatField(null=True, help_text="Seconds from asking the engine to its first words")
    first_token_right = models.FloatField(null=True)

    class Meta:
        ordering = ["number", "attempt"]
        indexes = [models.Index(name="turn_failed", fields=["failure"], condition=Q(state=State.FAILED))]
        constraints = [
            models.UniqueConstraint(name="attempts_are_numbered", fields=["comparison", "number", "attempt"]),
            models.UniqueConstraint(
                name="one_turn_at_a_time", fields=["comparison"], condition=Q(state__in=["waiting", "writing"])
            ),
            models.CheckConstraint(name="turns_begin_at_one", condition=Q(number__gte=1, attempt__gte=1)),
            models.CheckConstraint(
                name="complete_has_two_replies",
                condition=~Q(state=State.COMPLETE)
                | ~Q(reply_left="") & ~Q(reply_right="") & Q(completed_at__isnull=False),
            ),
            models.CheckConstraint(name="failed_has_a_reason", condition=~Q(state=State.FAILED) | ~Q(failure="")),
        ]

    def __str__(self) -> str:
        return f"turn {self.name} of {self.comparison_id}"

    @property
    def name(self) -> str:
        """Within its comparison: what a page calls the turn that it shows."""
        return f"{self.number}.{self.attempt}"


class CountingVotes(models.Manager):
    """The votes that count: not withdrawn by their voter, not left out by a rule or a person."""

    def get_queryset(self):
        """Those votes."""
        return super().get_queryset().filter(withdrawn_at=None, left_out="")


class Vote(models.Model):
    """A voter's choice after a turn. The database itself refuses a voter's second vote on a comparison."""

    comparison = models.ForeignKey(Comparison, on_delete=models.PROTECT, related_name="votes", db_index=False)
    turn = models.ForeignKey(Turn, on_delete=models.PROTECT, related_name="votes", help_text="The last one then")
    choice = models.CharField(max_length=10, choices=Choice)
    reasons = ArrayField(
        models.CharField(max_length=30), default=list, db_default=[], blank=True, help_text="side.code, see reasons.py"
    )
    comment = models.TextField(blank=True, db_default="")
    voter = models.UUIDField(null=True, db_index=True, help_text="Who chose; empty for a program")
    dwell_ms = models.PositiveIntegerField(help_text="From the end of both replies to the vote, by the server's clock")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    revealed_at = models.DateTimeField(null=True, help_text="When its voter was told who was who; reasons came before")
    withdrawn_at = models.DateTimeField(null=True, help_text="When its voter took it back; it counts nowhere then")
    left_out = models.TextField(
        blank=True, db_default="", help_text="Why it does not count: a rule's name or a person's reason; empty: counts"
    )
    number = models.BigIntegerField(
        unique=True,
        editable=False,
        db_default=Func(Value("arena_vote_number"), function="nextval", output_field=models.BigIntegerField()),
        help_text="Grows with every vote and is never given twice: what programs remember of how far they have read",
    )

    objects = models.Manager()
    counting = CountingVotes()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_vote_a_voter", fields=["comparison", "voter"], nulls_distinct=False),
            models.CheckConstraint(name="choice_is_known", condition=Q(choice__in=Choice.values)),
            models.CheckConstraint(name="reasons_are_known", condition=Q(reasons__contained_by=list(REASONS))),
        ]

    def __str__(self) -> str:
        return f"{self.get_choice_display()} in {self.comparison_id}"


class Invitation(models.Model):
    """A second person was given a comparison to vote on."""

    comparison = models.ForeignKey(Comparison, on_delete=models.PROTECT, related_name="invitations", db_index=False)
    voter = models.UUIDField(db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="invited_once", fields=["comparison", "voter"])]

    def __str__(self) -> str:
        return f"invitation to {self.comparison_id}"


class Account(models.Model):
    """A person's account: which voter it is. Staff have none; without its row the votes are nobody's by name."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True)
    voter = models.UUIDField(unique=True, default=uuid.uuid4)

    def __str__(self) -> str:
        return self.user.get_username()


class PairWeight(models.Model):
    """How often a kind of meeting is drawn, against the others. Staff set it; pairing.py draws by it."""

    SHARED = "shared"
    KINDS = [
        ("base-stable", "a base model and its adapter's stable version"),
        ("stable-candidate", "the stable version and one on trial: held for votes, or a canary"),
        ("stable-other", "the stable version and another that is loaded: an older one"),
        ("base-other", "a base model and any version that is loaded beside the stable one"),
        (SHARED, "a scene that somebody else has voted on, for “Surprise me”"),
    ]

    kind = models.CharField(max_length=20, choices=KINDS, primary_key=True)
    weight = models.FloatField(help_text="0: never; only ratios count. What is not possible now is not drawn")

    class Meta:
        constraints = [models.CheckConstraint(name="weights_are_shares", condition=Q(weight__gte=0, weight__lte=1000))]

    def __str__(self) -> str:
        return self.get_kind_display()
