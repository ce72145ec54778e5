"""A reference model behind an OpenAI-compatible API.

In: the recipe's `evaluate.endpoints`. Out: replies; probabilities of given tokens such APIs do not tell.
"""

import concurrent.futures
import os
from collections.abc import Sequence

from contracts.recipe import Endpoint as Address
from contracts.recipe import Evaluate
from contracts.scene import ChatMessage
from jobs.evaluation.replies import Reply
from jobs.next_reply.chat import Chat

TIMEOUT_S = 120
"""For one reply. The client tries again twice."""


class EndpointError(Exception):
    """A reference model did not answer. The rest of the evaluation goes on without it."""


class Endpoint:
    """A model that can only be asked for replies."""

    abilities = frozenset({"reply"})

    def __init__(self, address: Address, settings: Evaluate, chat: Chat):
        self.name, self.address, self.settings, self.chat = address.name, address, settings, chat

    def replies(
        self, conversations: Sequence[list[ChatMessage]], max_new_tokens: int, temperature: float
    ) -> list[Reply]:
        """One reply to each of `conversations`; as many requests at once as a batch has samples. Lengths are counted
        with the base model's tokenizer, so that all models are measured alike.

        Raises:
            EndpointError: it cannot be reached, refuses, or answers in another form.
        """
        import openai

        variable = self.address.key_variable
        if variable and not os.environ.get(variable):
            raise EndpointError(f"the environment variable {variable} (key_variable) is not set")
        key = os.environ[variable] if variable else "none"  # the client insists on one
        with openai.OpenAI(base_url=self.address.url, api_key=key, timeout=TIMEOUT_S) as client:

            def ask(messages: list[ChatMessage]) -> Reply:
                answer = client.chat.completions.create(
                    model=self.address.model,
                    messages=messages,
                    max_tokens=max_new_tokens,
                    temperature=temperature,
                    seed=self.settings.seed,
                )
                choice = answer.choices[0]
                text = (choice.message.content or "").strip()
                tokens = len(self.chat.tokenizer(text, add_special_tokens=False)["input_ids"])
                return Reply(text, tokens, choice.finish_reason == "stop")

            try:
                with concurrent.futures.ThreadPoolExecutor(self.settings.batch_size) as pool:
                    return list(pool.map(ask, conversations))
            except openai.APIConnectionError as error:
                raise EndpointError(f"{self.address.url} cannot be reached: {error.__cause__ or error}") from error
            except (openai.OpenAIError, ValueError, TypeError, IndexError, AttributeError) as error:
                reason = " ".join(str(error).split())[:200]
                raise EndpointError(f"{self.address.url}: {type(error).__name__}: {reason}") from error
