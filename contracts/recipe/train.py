"""How a model is trained: `train`, and where its samples come from."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from contracts.recipe.section import Section, Share

Positive = Annotated[int, Field(gt=0)]


class Lora(Section):
    """LoRA settings (Hu et al. 2021). vLLM serves ranks 8, 16, 32, 64, 128, 256 and 320."""

    rank: Positive = 16
    alpha: Positive = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """0 is PEFT's default. More draws a mask for the input of every adapted layer in every step, which takes time."""
    target_modules: str | tuple[str, ...] = "all-linear"
    rank_stabilized: bool = False
    """rsLoRA: the adapter is scaled by alpha / sqrt(rank) (Kalajdzievski 2023)."""
    dora: bool = False
    """DoRA: direction and magnitude apart (Liu et al. 2024). vLLM cannot serve it."""
    plus_ratio: Annotated[float, Field(gt=0)] | None = None
    """LoRA+: learning rate of the B matrices by that of the A matrices (Hayou et al. 2024); 16 is theirs."""


class Chat(Section):
    """Settings of the view `chat`, where a thread becomes conversations."""

    characters: Positive = 2
    """A thread is told once through the eyes of each of its most active authors, up to this many."""
    template: str | None = None
    """Jinja file in jobs/training/templates with generation markers; None: the model's own."""


class Wandb(Section):
    """wandb is always called. `auto` is online when WANDB_API_KEY is set; without it, `online` is an error."""

    mode: Literal["auto", "online", "offline", "disabled"] = "auto"
    project: str = "bardloop"


class EarlyStop(Section):
    """End when the validation loss has not fallen by `min_improvement` (nats a token) for `patience` evaluations."""

    patience: Positive = 3
    min_improvement: Annotated[float, Field(ge=0)] = 0.0


class Profile(Section):
    """A torch.profiler trace of `steps` steps, after `skip` steps of warm-up."""

    steps: Positive = 3
    skip: Annotated[int, Field(ge=0)] = 2


class Dpo(Section):
    """Settings of `method: dpo`, direct preference optimisation (Rafailov et al. 2023): after the same story the post
    that was written is preferred to one from another thread."""

    pairs: Positive = 10_000
    """Drawn to train on, at most, one for a post; evaluate.max_samples to watch."""
    beta: Annotated[float, Field(gt=0)] = 0.1
    """How much it costs to leave the reference: the parent, or the base where there is none."""
    sft_weight: Annotated[float, Field(ge=0)] = 0.2
    """Weight of the loss of supervised training on the written posts (Pang et al. 2024). Preferences alone may make
    both posts less likely."""


class Train(Section):
    """One training run. Lengths are tokens; batch sizes are samples per process."""

    method: Literal["sft", "dpo"] = "sft"
    """The trainer (jobs/training/trainers.py): supervised on the samples of the view, or on pairs of its replies."""
    view: Literal["chat", "completion", "messages", "content"] = "chat"
    """How samples are made: of the corpus's threads (chat, completion), or of the rows of `dataset`."""
    dataset: str | None = None
    """JSONL file or folder with train.jsonl and valid.jsonl, for the views `messages` and `content`."""
    chat: Chat = Chat()
    dpo: Dpo = Dpo()
    overlap: Annotated[int, Field(ge=0)] = 0
    """Tokens of what was told before a cut that the next sample of a long thread repeats, at most; no loss on them."""
    parent: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}@[0-9a-f]{12}$")] | None = None
    """Adapter (name@version under adapters/) from whose weights the training goes on; None: a fresh one."""
    tuning: Literal["lora", "full"] = "lora"
    lora: Lora = Lora()
    quantization: Literal["nf4", "int8"] | None = None
    """Of the base's weights while an adapter is trained on them (QLoRA, Dettmers et al. 2023; LLM.int8())."""
    accelerate: Annotated[str, Field(pattern=r"^[a-z0-9_]+\.yaml$")]
    """File in config/accelerate."""
    max_steps: Positive
    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    lr_scheduler: Literal[
        "cosine",
        "cosine_with_min_lr",
        "linear",
        "constant",
        "constant_with_warmup",
        "inverse_sqrt",
        "warmup_stable_decay",
    ] = "cosine"
    warmup_ratio: Share = 0.03
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    batch_size: Positive = 1
    gradient_accumulation: Positive = 1
    max_length: Annotated[int, Field(ge=64)] = 2048
    packing: bool = True
    gradient_checkpointing: bool = True
    attention: Literal["sdpa", "flash_attention_2", "eager"] = "sdpa"
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    seed: int = 7
    logging_steps: Positive = 10
    save_steps: Positive = 100
    """A checkpoint is written, and the validation loss measured, every so many steps."""
    keep_checkpoints: Annotated[int, Field(ge=2)] = 3
    """Checkpoints on disk at most: the best by validation loss and the last are always among them."""
    early_stop: EarlyStop | None = None
    profile: Profile | None = None
    wandb: Wandb = Wandb()

    @property
    def packs(self) -> bool:
        """Whether rows hold several samples side by side. Pairs stand alone."""
        return self.packing and self.method == "sft"

    @model_validator(mode="after")
    def settings_agree(self):
        rows = self.view in ("messages", "content")
        if rows and self.dataset is None:
            raise ValueError(f"view {self.view} reads rows: name their JSONL file in dataset")
        if not rows and self.dataset is not None:
            raise ValueError(f"view {self.view} reads the corpus; dataset is for the views messages and content")
        if self.tuning == "full" and self.parent:
            raise ValueError("tuning full starts from the base model: parent is for adapters")
        if self.tuning == "full" and self.quantization:
            raise ValueError("tuning full trains all weights, which quantization leaves no way to do: choose lora")
        if self.method == "dpo" and self.view not in ("chat", "completion"):
            raise ValueError(f"method dpo makes pairs of threads: choose view chat or completion, not {self.view}")
        if self.method == "dpo" and self.tuning == "full":
            raise ValueError("method dpo trains an adapter; its base or parent is the reference: choose tuning lora")
        if self.method == "dpo" and self.lora.dropout:
            raise ValueError("method dpo compares likelihoods, which dropout would make noisy: set lora.dropout to 0")
        if self.chat.template and self.view not in ("chat", "messages"):
            raise ValueError(f"chat.template has no use in the view {self.view}")
        return self
