"""Recipe: WHAT to build, read from YAML and checked before anything runs. A file a group of sections."""

from contracts.recipe.corpus import Archive, Clean, Corpus, Duplicates, NearDuplicates, Part, Policy, Split
from contracts.recipe.evaluate import Choice, Criterion, Endpoint, Evaluate, Generation, Sweep
from contracts.recipe.gate import Gate
from contracts.recipe.housekeeping import Housekeeping
from contracts.recipe.load import RecipeError, load_recipe
from contracts.recipe.model import Export, Gguf, Model
from contracts.recipe.recipe import Recipe
from contracts.recipe.section import Name, Section, Share
from contracts.recipe.serving import Batch, Canary, Rollout, Serving
from contracts.recipe.train import Chat, Dpo, EarlyStop, Lora, Profile, Train, Wandb
from contracts.recipe.votes import Votes

__all__ = [
    "Archive",
    "Batch",
    "Canary",
    "Chat",
    "Choice",
    "Clean",
    "Corpus",
    "Criterion",
    "Dpo",
    "Duplicates",
    "EarlyStop",
    "Endpoint",
    "Evaluate",
    "Export",
    "Gate",
    "Generation",
    "Gguf",
    "Housekeeping",
    "Lora",
    "Model",
    "Name",
    "NearDuplicates",
    "Part",
    "Policy",
    "Profile",
    "Recipe",
    "RecipeError",
    "Rollout",
    "Section",
    "Serving",
    "Share",
    "Split",
    "Sweep",
    "Train",
    "Votes",
    "Wandb",
    "load_recipe",
]
