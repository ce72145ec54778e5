"""What may be asked: an allow-list of the fields of OpenAI's API and of vLLM's sampling parameters.

In: the body of a request. Out: vLLM's own request, or a 400 that names the field. vLLM takes many more fields:
templates and grammars that the caller writes and the engine runs, media that it fetches, tensors that it unpacks,
priorities over others' requests. None of them is for callers of this service.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.openai.completion.protocol import CompletionRequest

from serving.api.errors import ApiError, first_mistake

Name = Annotated[str, Field(min_length=1, max_length=256)]
Stop = Annotated[str, Field(min_length=1, max_length=256)]
Tokens = Annotated[int, Field(ge=1, lt=2**31)]
Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Penalty = Annotated[FiniteFloat, Field(ge=-2, le=2)]
TokenId = Annotated[int, Field(ge=0, lt=2**31)]
TokenText = Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]
"""A token id as JSON's keys have it."""
Bias = Annotated[FiniteFloat, Field(ge=-100, le=100)]
Logprobs = Annotated[int, Field(ge=0, le=20)]
"""vLLM gives at most 20 alternatives to a token."""


class Fields(BaseModel):
    """A part of a body: values of exactly these types, and nothing beside them."""

    model_config = ConfigDict(extra="forbid", strict=True)


class StreamOptions(Fields):
    """How a stream is to look. vLLM does not pad its pieces (`include_obfuscation`)."""

    include_usage: bool | None = None
    continuous_usage_stats: bool | None = None
    include_obfuscation: bool | None = None


class TextFormat(Fields):
    """The only form of replies: text."""

    type: Literal["text"]


class Question(Fields):
    """What both kinds of requests share."""

    model: Name
    max_tokens: Tokens | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=4)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[FiniteFloat, Field(ge=0, le=2)] | None = None
    top_p: Annotated[FiniteFloat, Field(gt=0, le=1)] | None = None
    seed: Seed | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    logit_bias: Annotated[dict[TokenText, Bias], Field(max_length=1024)] | None = None

    # vLLM's own
    top_k: Annotated[int, Field(ge=-1, le=1_000_000)] | None = None
    min_p: Annotated[FiniteFloat, Field(ge=0, le=1)] | None = None
    repetition_penalty: Annotated[FiniteFloat, Field(gt=0, le=10)] | None = None
    min_tokens: Annotated[int, Field(ge=0, lt=2**31)] = 0
    ignore_eos: bool = False

    # Clients send these to OpenAI; they change no reply.
    user: Annotated[str, Field(max_length=512)] | None = None

    @model_validator(mode="after")
    def _check_together(self):
        if self.stream_options is not None and not self.stream:
            raise ValueError("stream_options are for streams: set stream to true")
        if self.n is not None and self.n > 1 and self.temperature == 0:
            raise ValueError("n: at temperature 0 every reply is the same, ask for one")
        return self

    @property
    def replies(self) -> int:
        """How many the engine has to make."""
        return self.n or 1


class TextPart(Fields):
    """A piece of a message. Images, audio and files are not taken, and never fetched."""

    type: Literal["text"]
    text: str


class Message(Fields):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str | Annotated[list[TextPart], Field(min_length=1)]
    name: Annotated[str, Field(max_length=64)] | None = None


class ChatQuestion(Question):
    """Body of POST /v1/chat/completions."""

    messages: Annotated[list[Message], Field(min_length=1)]
    max_completion_tokens: Tokens | None = None
    logprobs: bool | None = None
    top_logprobs: Logprobs | None = None
    response_format: TextFormat | None = None

    @model_validator(mode="after")
    def _check_logprobs(self):
        if self.top_logprobs and not self.logprobs:
            raise ValueError("top_logprobs: set logprobs to true")
        return self

    def for_vllm(self, model: str) -> ChatCompletionRequest:
        """The same question to `model`. Raises ApiError: vLLM refuses it."""
        return _as(ChatCompletionRequest, self, model)


class CompletionQuestion(Question):
    """Body of POST /v1/completions."""

    prompt: (
        Annotated[str, Field(min_length=1)]
        | Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
        | Annotated[list[TokenId], Field(min_length=1)]
        | Annotated[list[Annotated[list[TokenId], Field(min_length=1)]], Field(min_length=1)]
    )
    echo: bool | None = None
    logprobs: Logprobs | None = None

    @property
    def replies(self) -> int:
        """Every prompt of a list has replies of its own."""
        several = isinstance(self.prompt, list) and not isinstance(self.prompt[0], int)
        return (self.n or 1) * (len(self.prompt) if several else 1)

    def for_vllm(self, model: str) -> CompletionRequest:
        """The same question to `model`. Raises ApiError: vLLM refuses it."""
        return _as(CompletionRequest, self, model)


def _as(kind: type, question: Question, model: str):
    unheard = {"user": True, "stream_options": {"include_obfuscation"}}
    asked = question.model_dump(exclude_none=True, exclude_unset=True, exclude=unheard)  # null is as good as nothing
    try:
        return kind.model_validate(asked | {"model": model})
    except ValidationError as error:
        message, param = first_mistake(error.errors(), skip=0)
        raise ApiError(400, message, None, param=param) from error
