"""The base model, and what becomes of it beside an adapter: `model` and `export`."""

from typing import Literal

from contracts.recipe.section import Section


class Gguf(Section):
    """Base weights inside an installed Python package, as GGUF; converted once to safetensors."""

    package: str
    file: str


class Model(Section):
    """The base model: a hub id or a local folder, or GGUF weights from a package under that name."""

    base: str
    gguf: Gguf | None = None

    @property
    def name(self) -> str:
        """Last component of `base`: folder under models/ and name in the inference API."""
        return self.base.rstrip("/").rsplit("/", 1)[-1]


class Export(Section):
    """The adapter merged into its base, for engines that take no adapters."""

    gguf: tuple[Literal["F16", "Q8_0", "Q5_K_M", "Q4_K_M"], ...] = ("Q4_K_M",)
    """Files that the job `quantize` makes."""
    automatic: bool = False
    """Whether every new adapter is exported (the DAG `export`); else only when a person asks."""
    license: str | None = None
    """Licence of the base model, as it stands on its model card."""
