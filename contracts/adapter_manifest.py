"""Adapter manifest: where an adapter comes from and what it may be put on. Lies beside the weights."""

import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Sha12 = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]


class PeftReference(BaseModel):
    """What PEFT made of some tokens with this adapter: whoever serves it can check that it does the same."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: Annotated[tuple[int, ...], Field(min_length=2)]
    logprobs: tuple[float, ...]
    """Of each token after the first, in nats."""
    dtype: Literal["float32", "bfloat16", "float16"]
    """In which it was computed."""

    @model_validator(mode="after")
    def _one_for_each_token_but_the_first(self):
        if len(self.logprobs) != len(self.tokens) - 1:
            raise ValueError(f"{len(self.logprobs)} logprobs of {len(self.tokens)} tokens, expected one fewer")
        return self


class AdapterManifest(BaseModel):
    """`manifest.json` in adapters/<name>@<version>/. Weights are immutable: new ones are a new version.

    `metrics`, `passed` and `reasons` are those of the latest evaluation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
    version: Sha12
    """First 12 hex digits of the sha256 of adapter_model.safetensors."""
    base_model: str
    base_digest: Sha12
    """First 12 hex digits of the digest in models/<name>/base.json."""
    rank: int
    alpha: int
    target_modules: tuple[str, ...]
    recipe: str
    run_id: str
    corpus_digest: Sha12
    parent: str | None = None
    """`name@version` of the adapter that this one was trained on from, None when it started fresh."""
    step: int | None = None
    """The training step whose checkpoint was chosen; None in manifests from before there was a choice."""
    votes: int = 0
    """Conversations preferred on the web site that were in its training data, each counted once."""
    metrics: dict[str, float] = {}
    """From evaluation.json, e.g. `test/loss`, `test/base_loss`, `test/perplexity`."""
    passed: bool | None = None
    """Whether it beat its base, and its parent if it has one, on all of the recipe's criteria; None: not judged."""
    reasons: tuple[str, ...] = ()
    """One sentence a criterion, with the numbers."""
    peft: PeftReference | None = None
    """None in manifests of adapters that were made elsewhere."""
    created_at: datetime.datetime

    @property
    def reference(self) -> str:
        """`name@version`: folder name under adapters/ and model name in the inference API."""
        return f"{self.name}@{self.version}"
