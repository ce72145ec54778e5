"""The shape of a base model, and how many parameters that makes.

In: models/<name>/config.json, or a published shape by name. Out: a ModelShape.
"""

import json
import pathlib
from dataclasses import dataclass

from jobs.errors import JobError


class UnknownShape(JobError):
    """There is no shape to reckon with."""


@dataclass(frozen=True)
class ModelShape:
    """A decoder of Llama's kind: RMS norms, rotary positions, gated MLP, grouped heads, no biases."""

    hidden: int
    layers: int
    heads: int
    key_value_heads: int
    head_width: int
    intermediate: int
    vocabulary: int
    tied: bool = False
    """The output layer is the transposed input embedding."""

    @property
    def layer_linears(self) -> dict[str, tuple[int, int]]:
        """Linear modules of one layer by their name in it: (columns in, columns out)."""
        queries, keys = self.heads * self.head_width, self.key_value_heads * self.head_width
        return {
            "self_attn.q_proj": (self.hidden, queries),
            "self_attn.k_proj": (self.hidden, keys),
            "self_attn.v_proj": (self.hidden, keys),
            "self_attn.o_proj": (queries, self.hidden),
            "mlp.gate_proj": (self.hidden, self.intermediate),
            "mlp.up_proj": (self.hidden, self.intermediate),
            "mlp.down_proj": (self.intermediate, self.hidden),
        }

    @property
    def linear_parameters(self) -> int:
        """Weights of the layers' linear modules: what quantisation makes smaller."""
        return self.layers * sum(i * o for i, o in self.layer_linears.values())

    @property
    def layer_parameters(self) -> int:
        """One layer with its two norms."""
        return self.linear_parameters // self.layers + 2 * self.hidden

    @property
    def head_parameters(self) -> int:
        """The output layer, which is the input embedding when tied."""
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """All weights; tied ones count once."""
        embeddings = self.head_parameters if self.tied else 2 * self.head_parameters
        return self.layers * self.layer_parameters + embeddings + self.hidden


LLAMA_2_70B = ModelShape(8192, 80, 64, 8, 128, 28672, 32000)

PUBLISHED = {
    "Midnight-Miqu-70B-v1.0": LLAMA_2_70B,
    "Llama-2-70b-hf": LLAMA_2_70B,
    "Llama-2-7b-hf": ModelShape(4096, 32, 32, 32, 128, 11008, 32000),
    "Meta-Llama-3-8B": ModelShape(4096, 32, 32, 8, 128, 14336, 128256),
    "Llama-3.1-8B": ModelShape(4096, 32, 32, 8, 128, 14336, 128256),
    "Llama-3.1-70B": ModelShape(8192, 80, 64, 8, 128, 28672, 128256),
    "SmolLM2-135M-Instruct": ModelShape(576, 30, 9, 3, 64, 1536, 49152, tied=True),
}
"""Shapes from the config.json that stands beside the published weights, by model name."""


def read_shape(home: pathlib.Path, name: str) -> ModelShape:
    """The shape of models/<name> under `home`, or the published one of that name.

    Raises:
        UnknownShape: neither is there, or the model is not of Llama's kind.
    """
    path = home / "models" / name / "config.json"
    if not path.is_file():
        if name in PUBLISHED:
            return PUBLISHED[name]
        raise UnknownShape(
            f"model.base {name}: no {path}, and no published shape of that name (known: {', '.join(PUBLISHED)}); "
            f"run `python -m jobs base-model` first"
        )
    config = json.loads(path.read_text())
    biased = config.get("attention_bias") or config.get("mlp_bias")
    if config.get("model_type") not in ("llama", "mistral") or biased:
        kind = config.get("model_type", "unknown") + (" with biases" if biased else "")
        raise UnknownShape(f"{path}: a model of type {kind}; plan knows llama and mistral without biases only")
    heads = config["num_attention_heads"]
    return ModelShape(
        hidden=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=heads,
        key_value_heads=config.get("num_key_value_heads") or heads,
        head_width=config.get("head_dim") or config["hidden_size"] // heads,
        intermediate=config["intermediate_size"],
        vocabulary=config["vocab_size"],
        tied=config.get("tie_word_embeddings", False),
    )
