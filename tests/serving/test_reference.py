"""What the engine says is what the model says: greedy replies against transformers and PEFT."""

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.serving.adapters import publish

pytestmark = pytest.mark.slow

PROMPT = "The elf pushed open the tavern door, shook the snow from her boots, and"
TOKENS = 24


@pytest.fixture(scope="module")
def tokenizer(base_model):
    return AutoTokenizer.from_pretrained(base_model)


@pytest.fixture
def reference(base_model):
    return AutoModelForCausalLM.from_pretrained(base_model, dtype=torch.float32).eval()


def test_base_replies_as_transformers_does(engine, reference, tokenizer):
    assert ask(engine, engine.base) == greedy(reference, tokenizer)


def test_adapter_replies_as_peft_does(engine, trained, reference, tokenizer):
    adapter = publish(trained[3], engine.home, "reference")
    engine.roll_out(adapter)
    base = greedy(reference, tokenizer)
    expected = greedy(PeftModel.from_pretrained(reference, trained[3]).eval(), tokenizer)

    assert ask(engine, adapter) == expected
    assert expected != base


def ask(engine, model: str) -> str:
    answer = engine.client().completions.create(model=model, prompt=PROMPT, max_tokens=TOKENS, temperature=0)
    return answer.choices[0].text


def greedy(model, tokenizer) -> str:
    inputs = tokenizer(PROMPT, return_tensors="pt")
    with torch.inference_mode():
        output = model.generate(**inputs, max_new_tokens=TOKENS, do_sample=False)
    return tokenizer.decode(output[0, inputs["input_ids"].shape[1] :])
