"""Accounts of people who vote: a name and a password, so that their votes follow them to another browser.

In: Django's users, and the number in a browser's signed cookie. Out: the number that is the account's. Logging in hands
the browser the cookie of that number, so that nothing else on the site knows of accounts.
"""

import uuid

from django.contrib.auth.models import AbstractBaseUser, User
from django.contrib.postgres.functions import RandomUUID
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Coalesce, Now

from webapp.arena.models import Account, Comparison, Invitation, Vote
from webapp.arena.voting import hold_all_of


def account_of(user) -> Account | None:
    """The account of who is logged in; None for strangers, and for staff who never voted with one."""
    return Account.objects.filter(user=user.pk).select_related("user").first() if user.is_authenticated else None


def account_of_voter(voter: uuid.UUID) -> Account | None:
    """The account whose number this is."""
    return Account.objects.filter(voter=voter).select_related("user").first()


def may_bring(voter: uuid.UUID) -> bool:
    """Whether something was done in a browser that is no account's yet."""
    done = any(kind.objects.filter(voter=voter).exists() for kind in (Vote, Comparison))
    return done and account_of_voter(voter) is None


@transaction.atomic
def open_account(user: AbstractBaseUser, brings: uuid.UUID | None) -> Account:
    """The account of a new user; what was done as `brings` is theirs from now on.

    Its number is always a new one: whoever planted or read the browser's cookie has nothing of the account.
    """
    account = Account.objects.create(user=user)
    if brings:
        join(account, brings)
    return account


@transaction.atomic
def join(account: Account, anonymous: uuid.UUID) -> None:
    """Make what was done as `anonymous` the account's, unless it is another account's.

    One vote a battle and voter: where both have voted on the same replies the account's vote stays. The other one is
    withdrawn and belongs to nobody any more, since it would be one person's second vote.
    """
    held = hold_all_of(anonymous)
    account.refresh_from_db()  # it may have been given another number meanwhile
    if account_of_voter(anonymous) is not None:
        return
    both = Vote.objects.filter(comparison=OuterRef("comparison"), voter=account.voter)
    Vote.objects.filter(Exists(both), voter=anonymous).update(
        withdrawn_at=Coalesce("withdrawn_at", Now()), comment="", reasons=[], voter=RandomUUID()
    )
    invited = Invitation.objects.filter(comparison=OuterRef("comparison"), voter=account.voter)
    Invitation.objects.filter(Exists(invited), voter=anonymous).delete()
    _hand_over(anonymous, account.voter, held)


@transaction.atomic
def renumber(account: Account) -> uuid.UUID:
    """Another number for the account and all that is its own: cookies of other browsers lead nowhere from now on."""
    before = account.voter
    held = hold_all_of(before)
    account.refresh_from_db()
    if account.voter == before:  # else it was just given another one, in another browser
        account.voter = uuid.uuid4()
        account.save(update_fields=["voter"])
        _hand_over(before, account.voter, held)
    return account.voter


def close(voter: uuid.UUID) -> bool:
    """Remove the account of `voter`, if there is one, with its name and password. Its votes are not looked at.

    Returns:
        Whether its person can still log in: they have become staff, and only what led to their votes is gone.
    """
    User.objects.filter(account__voter=voter, is_staff=False).delete()
    staff, _ = Account.objects.filter(voter=voter).delete()
    return bool(staff)


def _hand_over(before: uuid.UUID, after: uuid.UUID, held: list[uuid.UUID]) -> None:
    """All votes and invitations, and the comparisons that are held: others may be in the hands of who waits for us."""
    Comparison.objects.filter(pk__in=held).update(voter=after)
    for kind in (Vote, Invitation):
        kind.objects.filter(voter=before).update(voter=after)
