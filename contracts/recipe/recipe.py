"""The recipe as a whole, and what its sections must agree on."""

import hashlib
import json

from pydantic import model_validator

from contracts.recipe.corpus import Corpus
from contracts.recipe.evaluate import Evaluate, Sweep
from contracts.recipe.gate import Gate
from contracts.recipe.housekeeping import Housekeeping
from contracts.recipe.model import Export, Model
from contracts.recipe.section import Name, Section
from contracts.recipe.serving import Batch, Rollout, Serving
from contracts.recipe.train import Train
from contracts.recipe.votes import Votes

SERVED_RANKS = (8, 16, 32, 64, 128, 256, 320)
"""LoRA ranks that vLLM takes (vllm.config.lora.MaxLoRARanks)."""


class Recipe(Section):
    """One system to build. `name` is also the adapter's name and its alias in the inference API."""

    name: Name
    corpus: Corpus
    model: Model
    train: Train
    votes: Votes = Votes()
    evaluate: Evaluate = Evaluate()
    sweep: Sweep | None = None
    export: Export = Export()
    serving: Serving = Serving()
    rollout: Rollout = Rollout()
    gate: Gate = Gate()
    batch: Batch = Batch()
    housekeeping: Housekeeping = Housekeeping()

    @model_validator(mode="after")
    def adapter_can_be_served(self):
        """What the engine would refuse is said before days of training."""
        if self.rollout.approval == "never":
            return self
        lora, limit = self.train.lora, self.serving.max_lora_rank
        never = "; or say that it is not to be served (rollout.approval: never)"
        if self.train.tuning == "full":
            raise ValueError(f"train.tuning full makes a whole model, the engine serves adapters: choose lora{never}")
        if lora.dora:
            raise ValueError(f"train.lora.dora: vLLM cannot serve DoRA: turn it off{never}")
        if lora.rank not in SERVED_RANKS:
            ranks = ", ".join(map(str, SERVED_RANKS))
            raise ValueError(f"train.lora.rank {lora.rank}: vLLM serves ranks {ranks}: choose one of them{never}")
        if lora.rank > limit:
            raise ValueError(f"train.lora.rank {lora.rank} is above serving.max_lora_rank {limit}: raise it{never}")
        return self

    def digest(self, *sections: str) -> str:
        """sha256 (64 hex digits) over the named sections, or over the whole recipe when none is named."""
        values = self.model_dump(mode="json", include=set(sections) or None)
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
