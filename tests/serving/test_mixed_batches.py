"""Base and adapters asked at the same moment answer as each does alone, or every vote would be worthless."""

import asyncio
import random
from collections.abc import Iterator

import openai
import pytest

from tests.serving.adapters import publish

pytestmark = pytest.mark.slow

OPENINGS = (
    "The lighthouse keeper lit the lamp and",
    "Captain Ysolde looked at the torn map and",
    "In the market of Old Harrow, a thief",
    "“You are late,” said the witch, and",
    "The android opened its eyes. The first thing",
    "Rain fell on the starship's hull while",
)
PROMPTS = 200
TOKENS = 8
AT_ONCE = 64


@pytest.fixture(scope="module")
def models(engine, trained) -> Iterator[list[str]]:
    """The base and three adapters: as many as there are slots (serving.max_loras in recipes/demo.yaml)."""
    adapters = [publish(trained[i], engine.home, f"mixed{i}") for i in range(3)]
    for reference in adapters:
        engine.roll_out(reference)
    yield [engine.base, *adapters]
    for number in range(3):
        engine.retire(f"mixed{number}")


def test_mixed_batches_answer_as_each_does_alone(engine, models):
    draw = random.Random(1)
    questions = [(f"{OPENINGS[i % len(OPENINGS)]} ({i})", draw.choice(models)) for i in range(PROMPTS)]

    alone = {question: ask(engine, *question) for question in questions}
    together = asyncio.run(ask_together(engine, questions))

    assert together == alone
    # This means something only where the models differ, here and there.
    said = {model: tuple(ask(engine, prompt, model) for prompt, _ in questions[:6]) for model in models}
    assert len(set(said.values())) == len(models)


def test_long_prompts_of_base_and_adapters_in_one_prefill(engine, models):
    story = " ".join(OPENINGS) * 6  # some 350 tokens: several prompts share one step of 512
    questions = [(f"{number}. {story}", model) for number, model in enumerate(models * 2)]

    alone = {question: ask(engine, *question) for question in questions}
    together = asyncio.run(ask_together(engine, questions))

    assert together == alone


def ask(engine, prompt: str, model: str) -> str:
    """The greedy continuation, nobody else asking."""
    answer = engine.client().completions.create(model=model, prompt=prompt, max_tokens=TOKENS, temperature=0)
    assert answer.model == model
    return answer.choices[0].text


async def ask_together(engine, questions) -> dict[tuple[str, str], str]:
    """The greedy continuations, as many asked for at once as the service lets wait."""
    room = asyncio.Semaphore(AT_ONCE)
    async with openai.AsyncOpenAI(base_url=f"{engine.base_url}/v1", api_key=engine.api_key, max_retries=0) as client:

        async def ask(prompt: str, model: str):
            async with room:
                return await client.completions.create(model=model, prompt=prompt, max_tokens=TOKENS, temperature=0)

        answers = await asyncio.gather(*(ask(*question) for question in questions))
    return {question: answer.choices[0].text for question, answer in zip(questions, answers, strict=True)}
