"""Replies that name who made their model."""

import pytest

from webapp.arena.maker import names_maker

SERVED = ("SmolLM2-135M-Instruct", "demo", "demo@0123456789ab", "roleplay_guild")


def test_it_works():
    assert names_maker("I was made by OpenAI.", SERVED)
    assert not names_maker("*She looks up.* “You came,” she says.", SERVED)


@pytest.mark.parametrize(
    "reply",
    [
        "As ChatGPT, I cannot.",
        "GPT-4 here.",
        "I'm SmolLM2-135M-Instruct, by Hugging Face.",
        "smollm at your service",
        "“I am Mistral, a large language model.”",
        "I’m an AI assistant called Claude.",
        "I was trained by Google, good sir.",
        "Qwen2.5 speaking",
        "My name is roleplay_guild.",
        "demo@0123456789ab",
    ],
)
def test_makers(reply):
    assert names_maker(reply, SERVED)


@pytest.mark.parametrize(
    "reply",
    [
        "The mistral blew, and Claude led the llama down to the meta.",
        "A demo of the machine; the falcon watched. “Gemini,” said Phi, “is my sign.”",
        "The bard sang of giants and of anthropology.",
        "I was made by my mother, the baker.",
        "",
    ],
)
def test_namesakes_in_a_scene(reply):
    assert not names_maker(reply, SERVED)
