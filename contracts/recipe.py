"""Recipe: WHAT to build, read from YAML and checked before anything runs.

In: a YAML file, `dotted.key=value` overrides, environment values (`${oc.env:NAME,default}`).
Out: a frozen `Recipe`, or a `RecipeError` whose text is one line: which key, what was expected.
"""

import difflib
import hashlib
import json
import pathlib
from collections.abc import Sequence
from typing import Annotated, Literal

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from yaml import YAMLError

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Share = Annotated[float, Field(ge=0, lt=1)]


class RecipeError(ValueError):
    """The recipe or an override is wrong. The message is one line for the person at the keyboard."""


class Section(BaseModel):
    """Base of every recipe section: unknown keys are errors, values cannot change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(Section):
    """One .7z part of the archive. `sha256` is checked after download when it is given.

    A `file` that ends in `.7z.001` is the first volume of a split archive; `sha256` is that of all volumes joined.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


class Archive(Section):
    """Where the parts lie: `base` and `mirrors` are http(s) or file:// addresses, or folders."""

    base: str
    mirrors: tuple[str, ...] = ()
    """Asked in turn when `base` does not give a part."""
    parts: Annotated[tuple[Part, ...], Field(min_length=1)]
    connections: Annotated[int, Field(ge=1, le=8)] = 2
    """Parts fetched at the same time."""
    max_part_gib: Annotated[float, Field(gt=0)] = 8.0
    """Most GiB that one part may unpack to: the guard against decompression bombs."""

    @model_validator(mode="after")
    def part_names_differ(self):
        names = [part.name for part in self.parts]
        if len(set(names)) != len(names):
            raise ValueError("part names must differ")
        return self


class Clean(Section):
    """The cleaning rules by name, in the order in which they work; the report counts the posts each one changed."""

    mojibake: bool = True
    """UTF-8 that was read as Windows-1252 becomes what was meant."""
    invisible: bool = True
    """Control and zero-width characters go; what is left is composed (NFC)."""
    html: bool = True
    """Tags become paragraphs and line breaks, entities become characters."""
    bbcode: bool = True
    images: bool = True
    """Images, videos and other media go."""
    dice: bool = True
    """Dice rolls made by the forum go."""
    quotes: Literal["drop_cited", "drop", "keep"] = "drop_cited"
    """Quote blocks: `drop_cited` drops those that name whom they quote."""
    spoilers: Literal["keep", "drop"] = "keep"
    """What a hider or spoiler hides: kept as a paragraph, or dropped."""
    emphasis: Literal["keep", "drop"] = "keep"
    """`keep` writes emphasis as *asterisks*, the role-play convention; `drop` leaves the words."""
    mentions: bool = True
    """@-mentions of the thread's authors become their aliases, others go."""
    links: bool = True
    """Addresses go, the words of a link stay."""
    asides: bool = True
    """((out-of-character asides)) go."""
    ooc: bool = True
    """Lines that begin with `OOC:` go."""
    emoji: Literal["drop", "keep"] = "drop"
    email: bool = True
    phone: bool = True
    ip_address: bool = True


class NearDuplicates(Section):
    """MinHash over word shingles; candidates from banding are compared by their exact Jaccard similarity."""

    enabled: bool = True
    shingle_words: Annotated[int, Field(ge=1, le=20)] = 5
    min_words: Annotated[int, Field(ge=1)] = 20
    """Shorter posts are too short to say."""
    permutations: Annotated[int, Field(ge=8, le=1024)] = 128
    bands: Annotated[int, Field(ge=1)] = 32
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.55
    """Jaccard similarity from which on two posts are near-duplicates."""

    @model_validator(mode="after")
    def bands_divide_permutations(self):
        if self.permutations % self.bands:
            raise ValueError(f"permutations ({self.permutations}) must be a multiple of bands ({self.bands})")
        return self


class Duplicates(Section):
    """Copies: the earliest stays. `exact` compares normalised text."""

    exact: bool = True
    near: NearDuplicates = NearDuplicates()


class Policy(Section):
    """What is left out for what it is about; docs/data-policy.md."""

    exclude_tags: tuple[str, ...] = ("18+",)
    exclude_threads: tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")], ...] = ()
    """Thread ids to leave out, for example because an author asked for it."""
    sexual_minors: bool = True
    """Whole threads that the rule for sexual content about minors flags."""


class Split(Section):
    """Share of threads held out: a hash of what hangs together, so that it survives new parts."""

    valid: Share = 0.05
    test: Share = 0.05
    by_author: bool = False
    """Threads that share an author go to one split. In a forum that can join most of them."""
    max_overlap: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The job fails when a held-out post has more than this share of its 13-grams in train."""


class Corpus(Section):
    """From archive to threads."""

    engine: Literal["local", "ray"] = "local"
    archive: Archive
    clean: Clean = Clean()
    duplicates: Duplicates = Duplicates()
    policy: Policy = Policy()
    min_posts: Annotated[int, Field(ge=1)] = 4
    min_authors: Annotated[int, Field(ge=1)] = 2
    min_chars: Annotated[int, Field(ge=0)] = 0
    """Characters of all posts of a thread together."""
    split: Split = Split()


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


class Lora(Section):
    """LoRA settings. vLLM serves ranks 8, 16, 32, 64, 128, 256 and 320."""

    rank: Literal[8, 16, 32, 64, 128, 256, 320] = 16
    alpha: Annotated[int, Field(gt=0)] = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    target_modules: str | tuple[str, ...] = "all-linear"


class Wandb(Section):
    """wandb is always called. `auto` is online when WANDB_API_KEY is set; without it, `online` is an error."""

    mode: Literal["auto", "online", "offline", "disabled"] = "auto"
    project: str = "bardloop"


class Train(Section):
    """One training run. Lengths are tokens; batch sizes are samples per process."""

    method: Literal["sft"] = "sft"
    view: Literal["chat"] = "chat"
    accelerate: Annotated[str, Field(pattern=r"^[a-z0-9_]+\.yaml$")]
    """File in config/accelerate."""
    max_steps: Annotated[int, Field(gt=0)]
    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    lr_scheduler: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    warmup_ratio: Share = 0.03
    batch_size: Annotated[int, Field(gt=0)] = 1
    gradient_accumulation: Annotated[int, Field(gt=0)] = 1
    max_length: Annotated[int, Field(ge=64)] = 2048
    packing: bool = True
    gradient_checkpointing: bool = True
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    seed: int = 7
    logging_steps: Annotated[int, Field(gt=0)] = 10
    save_steps: Annotated[int, Field(gt=0)] = 100
    lora: Lora = Lora()
    wandb: Wandb = Wandb()


class Evaluate(Section):
    """Held-out evaluation of base and adapter. `max_samples` bounds the time it takes."""

    split: Literal["valid", "test"] = "test"
    max_samples: Annotated[int, Field(gt=0)] = 200
    batch_size: Annotated[int, Field(gt=0)] = 4


class Serving(Section):
    """The engine that holds the base once. Lengths are tokens, sizes GiB."""

    accelerator: Literal["CPU", "GPU"] = "GPU"
    dtype: Literal["float32", "bfloat16", "float16"] = "bfloat16"
    tensor_parallel_size: Annotated[int, Field(ge=1)] = 1
    max_model_len: Annotated[int, Field(ge=256)] = 4096
    max_num_seqs: Annotated[int, Field(ge=1)] = 32
    max_loras: Annotated[int, Field(ge=2)] = 4
    """Adapters that can be in one batch; at least two, so that a new one loads beside the old."""
    max_lora_rank: Literal[8, 16, 32, 64, 128, 256, 320] = 16
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] = 0.9
    cpu_kv_cache_gib: Annotated[int, Field(ge=1)] = 1


class Rollout(Section):
    """`automatic` promotes when the smoke test passes; `person` waits for approval in the Airflow UI."""

    approval: Literal["person", "automatic"] = "person"


class Batch(Section):
    """Where jobs run and what one training job asks for."""

    backend: Literal["local", "ray", "slurm"] = "local"
    processes: Annotated[int, Field(ge=1)] = 1
    """Training processes: one per GPU, or one on a CPU machine."""
    gpus: Annotated[int, Field(ge=0)] = 0
    cpus: Annotated[int, Field(ge=1)] = 2
    memory_gib: Annotated[float, Field(gt=0)] = 8
    time_limit_hours: Annotated[float, Field(gt=0)] = 24


class Recipe(Section):
    """One system to build. `name` is also the adapter's name and its alias in the inference API."""

    name: Name
    corpus: Corpus
    model: Model
    train: Train
    evaluate: Evaluate = Evaluate()
    serving: Serving = Serving()
    rollout: Rollout = Rollout()
    batch: Batch = Batch()

    @model_validator(mode="after")
    def adapter_can_be_served(self):
        if self.train.lora.rank > self.serving.max_lora_rank:
            raise ValueError(
                f"train.lora.rank {self.train.lora.rank} is above serving.max_lora_rank "
                f"{self.serving.max_lora_rank}: the engine would refuse the adapter"
            )
        return self

    def digest(self, *sections: str) -> str:
        """sha256 (64 hex digits) over the named sections, or over the whole recipe when none is named."""
        values = self.model_dump(mode="json", include=set(sections) or None)
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def load_recipe(path: str | pathlib.Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read `path`, apply `dotted.key=value` overrides and return the checked recipe.

    Raises:
        RecipeError: no such file, not YAML, an unknown key (with the nearest known one), a wrong value.
    """
    path = pathlib.Path(path)
    try:
        document = OmegaConf.load(path)
        if not OmegaConf.is_dict(document):
            raise RecipeError(f"{path}: expected a mapping of sections, found {type(document).__name__}")
        for override in overrides:
            if "=" not in override:
                raise RecipeError(f"--set {override!r}: expected dotted.key=value")
        document = OmegaConf.merge(document, OmegaConf.from_dotlist(list(overrides)))
        values = OmegaConf.to_container(document, resolve=True)
    except FileNotFoundError as error:
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml"))) or "none"
        raise RecipeError(f"{path}: no such recipe; recipes in {path.parent}: {known}") from error
    except (OmegaConfBaseException, YAMLError, UnicodeDecodeError, OSError) as error:
        raise RecipeError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise RecipeError(f"{path}: " + "; ".join(_complaint(e) for e in error.errors())) from error


def _complaint(error) -> str:
    """One pydantic error as `key: what was expected`, with a suggestion for a misspelt key."""
    key = ".".join(str(step) for step in error["loc"])
    if error["type"] == "extra_forbidden":
        known = _keys_at(error["loc"][:-1])
        near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
        return f"{key}: unknown key, {hint}"
    if error["type"] == "missing":
        return f"{key}: missing"
    found = "" if isinstance(error["input"], dict) else f", found {error['input']!r}"
    return f"{key or 'recipe'}: {error['msg'].removeprefix('Value error, ')}{found}"


def _keys_at(location) -> list[str]:
    """Names of the fields of the section at `location` (list positions are skipped)."""
    section: type[BaseModel] = Recipe
    for step in location:
        if isinstance(step, int):
            continue
        section = _section_of(section.model_fields[step].annotation)
    return list(section.model_fields)


def _section_of(annotation) -> type[BaseModel]:
    """The section class inside an annotation such as `tuple[Part, ...]` or `Gguf | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        if argument is not Ellipsis and argument is not type(None):
            return _section_of(argument)
    raise TypeError(f"no section in {annotation!r}")
