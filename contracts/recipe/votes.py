"""What the votes of the web site give to a training: `votes`."""

from typing import Annotated

from pydantic import Field

from contracts.recipe.section import Section


class Votes(Section):
    """Preferred conversations join the training data as chat samples: user and assistant turns, loss on the replies."""

    weight: Annotated[int, Field(ge=0, le=100)] = 1
    """How often each stands in the training data, where a sample of the corpus stands once. 0: votes are left out."""
    min_new: Annotated[int, Field(ge=1)] = 50
    """New votes with a preference that start a retraining before its time."""
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")] | None = None
    """Newest set of votes (votes/<recipe>/<digest>/) to take, with those before it; None: the newest that a training
    has taken already. The DAG `retrain` sets it."""
