"""Sets of votes on disk: who comes before whom, and their rows.

In: votes/<recipe>/<digest>/set.json. Out: the sets that a training takes, the oldest first.
"""

import pathlib

from contracts.recipe import Recipe
from contracts.votes import VoteSet, Watermark, read_watermark, votes_folder
from jobs.errors import JobError


def read_set(home: pathlib.Path, recipe: str, digest: str) -> VoteSet:
    """One set.

    Raises:
        JobError: it is not there, or damaged.
    """
    path = votes_folder(home, recipe) / digest / "set.json"
    try:
        return VoteSet.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise JobError(f"{path}: no such set of votes; `python -m jobs votes` makes them") from error
    except ValueError as error:
        raise JobError(f"{path}: damaged ({' '.join(str(error).split())[:200]}); remove its folder") from error


def check_follows(taken: VoteSet, mark: Watermark) -> None:
    """Is this set the next to take, or the one that was taken last?

    Raises:
        JobError: another training took some of its votes meanwhile.
    """
    if mark.digest not in (taken.digest, taken.before):
        raise JobError(
            f"the votes of set {taken.digest} begin behind number {taken.after}, the watermark stands at {mark.vote}: "
            f"another training took them meanwhile. Nothing is lost; the next run of `retrain` takes what is new"
        )


def sets_to_train_on(recipe: Recipe, home: pathlib.Path) -> list[VoteSet]:
    """The set that the recipe names and all before it, the oldest first: each vote stands in one of them. Where the
    recipe names none, those that a training has taken already; none where votes have no weight.

    Raises:
        JobError: a set is missing or damaged, another training took votes of the named set meanwhile, or the recipe's
            view cannot take conversations.
    """
    mark, sets = read_watermark(home, recipe.name), []
    digest = recipe.votes.digest or mark.digest
    if recipe.votes.weight and recipe.votes.digest:
        check_follows(read_set(home, recipe.name, digest), mark)
    while recipe.votes.weight and digest:
        sets.insert(0, read_set(home, recipe.name, digest))
        digest = sets[0].before
    if sets and recipe.train.view not in ("chat", "messages"):
        raise JobError(
            f"votes are conversations, train.view is {recipe.train.view}: train on chat or messages, or without "
            f"votes (votes.weight=0)"
        )
    if sets and recipe.train.method != "sft":
        raise JobError(
            f"votes join the samples of supervised training, train.method is {recipe.train.method}: train with sft, or "
            f"without votes (votes.weight=0)"
        )
    return sets
