"""How checkpoints are judged: `evaluate`, and the search over settings: `sweep`."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.recipe.section import Section

Positive = Annotated[int, Field(gt=0)]


class Choice(Section):
    """Next-reply choice: the true next post against others from elsewhere."""

    questions: Annotated[int, Field(ge=0)] = 100
    distractors: Annotated[int, Field(ge=1, le=8)] = 3
    of_checkpoints: bool = True
    """Ask every checkpoint on `valid`, or only the one that is taken, on the split that is reported. Where accuracy
    decides which one is taken, all are asked."""
    generated: bool = True
    """Also ask for the number of the right one in words, and count answers that cannot be read."""


class Generation(Section):
    """Replies that are written and compared with what the player wrote. Lengths are tokens."""

    samples: Annotated[int, Field(ge=0)] = 20
    max_new_tokens: Positive = 256
    temperature: Annotated[float, Field(ge=0)] = 0.0
    """0 is greedy."""
    study: tuple[Positive, ...] = ()
    """Further values of max_new_tokens that are tried on the chosen checkpoint."""


class Endpoint(Section):
    """A reference model behind an OpenAI-compatible API, in the same table as ours."""

    name: str
    url: str
    model: str
    key_variable: str | None = None
    """Name of the environment variable that holds the API key."""


class Criterion(Section):
    """What a candidate must be better in, than its base and than the adapter that it was trained on from."""

    metric: str
    """As in evaluation.json: `loss`, `choice/accuracy`, `generation/chrf`, …"""
    better: Literal["lower", "higher"]
    margin: Annotated[float, Field(ge=0)] = 0.0
    """By more than this."""


class Evaluate(Section):
    """Held-out evaluation of base and adapter. `max_samples` bounds the time it takes."""

    split: Literal["valid", "test"] = "test"
    """What is reported on. Checkpoints are chosen on `valid`."""
    max_samples: Positive = 200
    batch_size: Positive = 4
    seed: int = 7
    choose_by: Criterion = Criterion(metric="loss", better="lower")
    choice: Choice = Choice()
    generation: Generation = Generation()
    endpoints: tuple[Endpoint, ...] = ()
    criteria: tuple[Criterion, ...] = (Criterion(metric="loss", better="lower"),)
    """All must hold on `split`, or the verdict is no."""


class Sweep(Section):
    """A search over training settings (Optuna): `parameters` maps dotted recipe keys to the values that are tried."""

    trials: Positive = 8
    parameters: dict[str, Annotated[tuple[bool | int | float | str, ...], Field(min_length=1)]]
    max_steps: Positive | None = None
    """Steps of each trial; None: train.max_steps."""
