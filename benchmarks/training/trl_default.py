"""The peer: TRL's SFTTrainer with its defaults and LoRA. `python trl_default.py HOME STEPS LENGTH [float32]`.

In: the corpus and the base model under HOME. Out: one JSON line with its trained tokens a second. Told otherwise
than by default: nowhere to report to; with `float32` also that it shall not use bfloat16, which most CPUs emulate.
"""

import json
import pathlib
import sys
import time

from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback
from trl import SFTConfig, SFTTrainer

from contracts.scene import scene_messages
from jobs.training.threads import latest_corpus, read_threads
from jobs.training.views.chat import most_active


class Clock(TrainerCallback):
    """Tokens and padding of the batches, and the time of the steps, without the first."""

    def __init__(self):
        self.tokens = self.positions = 0
        self.begin = 0.0

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 1:
            self.tokens = self.positions = 0
            self.begin = time.perf_counter()


def main(home: pathlib.Path, steps: int, length: int, dtype: str | None = None) -> None:
    folder = home / "models" / "SmolLM2-135M-Instruct"
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    rows = []
    for thread in read_threads(home, "demo", latest_corpus(home, "demo"), "train"):
        for character in most_active(thread["messages"], 2):
            rows.append({"messages": scene_messages(thread["title"], thread["tags"], character, thread["messages"])})
    clock = Clock()
    settings = SFTConfig(
        output_dir=str(home / "peer"),
        max_steps=steps + 1,
        max_length=length,
        use_cpu=True,
        bf16=False if dtype == "float32" else None,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        seed=7,
    )
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(folder, dtype="float32"),
        args=settings,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear"),
        callbacks=[clock],
    )
    step = trainer.training_step

    def counted(model, inputs, *more):
        clock.tokens += int(inputs["attention_mask"].sum())
        clock.positions += inputs["attention_mask"].numel()
        return step(model, inputs, *more)

    trainer.training_step = counted
    trainer.train()
    seconds = time.perf_counter() - clock.begin
    print(json.dumps({"tokens_per_second": clock.tokens / seconds, "padding": 1 - clock.tokens / clock.positions}))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
