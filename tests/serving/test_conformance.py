"""Replies are what the official client's types say, strictly; sampling parameters are obeyed.

The client itself takes nearly anything for a reply: here the raw JSON is held against its types.
"""

import json

import httpx
import openai
import pytest
from openai.pagination import SyncPage
from openai.types import Completion, ErrorObject, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel, TypeAdapter
from tokenizers import Tokenizer

pytestmark = pytest.mark.slow

CHAT = {"messages": [{"role": "user", "content": "Tarn: “Who goes there?”"}], "max_tokens": 12, "temperature": 0}
PLAIN = {"prompt": "Once, in the north,", "max_tokens": 12, "temperature": 0}
KINDS = [
    ("chat/completions", CHAT, ChatCompletion, ChatCompletionChunk),
    ("completions", PLAIN, Completion, Completion),
]
both = pytest.mark.parametrize(("path", "body", "whole", "piece"), KINDS, ids=["chat", "completion"])

OF_VLLM = {
    *("ec_transfer_params", "kv_transfer_params", "metrics", "prompt_logprobs", "prompt_text", "prompt_token_ids"),
    *("reasoning", "routed_experts", "service_tier", "stop_reason", "token_ids"),
}
OF_MODELS = {"max_model_len", "parent", "root", "stage"}
"""Fields that OpenAI's types do not have."""
EVERYTHING = {
    "n": 2,
    "temperature": 1,
    "seed": 1,
    "stop": ["\n\n\n"],
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
}


@pytest.fixture
def ask(engine):
    """Posts a question; the raw answer, whatever it is."""

    def ask(path: str, **body) -> httpx.Response:
        headers = {"Authorization": f"Bearer {engine.api_key}"}
        body = {"model": engine.base} | body
        return httpx.post(f"{engine.base_url}/v1/{path}", json=body, headers=headers, timeout=120)

    return ask


def conforming(kind: type, document: dict | str) -> BaseModel:
    """The document, which has exactly the types of `kind` and no fields but those that are known to come too."""
    raw = document if isinstance(document, str) else json.dumps(document)
    read = TypeAdapter(kind).validate_json(raw, strict=True)
    assert unknown_fields(read) <= (OF_MODELS if kind in (Model, SyncPage[Model]) else OF_VLLM)
    return read


def unknown_fields(value) -> set[str]:
    if isinstance(value, BaseModel):
        parts = [getattr(value, field) for field in type(value).model_fields]
        return set(value.model_extra or ()).union(*map(unknown_fields, parts))
    return set().union(*map(unknown_fields, value)) if isinstance(value, list) else set()


def streamed(ask, kind: type, path: str, **body) -> list:
    """The pieces of a stream, each of which conforms."""
    answer = ask(path, stream=True, **body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    *events, last, end = answer.text.split("\n\n")
    assert (last, end) == ("data: [DONE]", "")
    pieces = []
    for event in events:
        piece = json.loads(event.removeprefix("data: "))
        ends = [choice["finish_reason"] for choice in piece["choices"]]
        if kind is Completion:  # OpenAI too sends null until the end, though its type does not say so
            for choice in piece["choices"]:
                choice["finish_reason"] = choice["finish_reason"] or "stop"
        pieces.append(conforming(kind, piece))
        for choice, end in zip(pieces[-1].choices, ends, strict=True):
            choice.finish_reason = end
    assert len({(piece.id, piece.created, piece.model) for piece in pieces}) == 1
    return pieces


def text_of(choice) -> str:
    """What a choice says, of whatever kind it is."""
    if hasattr(choice, "text"):
        return choice.text
    return (choice.message.content if hasattr(choice, "message") else choice.delta.content) or ""


@both
@pytest.mark.parametrize("more", [{}, EVERYTHING], ids=["few", "many"])
def test_replies_conform(ask, path, body, whole, piece, more):
    logprobs = {"logprobs": True, "top_logprobs": 2} if whole is ChatCompletion else {"logprobs": 2}
    body = body | more | (logprobs if more else {})
    reply = conforming(whole, ask(path, **body).text)
    assert [choice.index for choice in reply.choices] == list(range(body.get("n", 1)))

    options = {"stream_options": {"include_usage": True, "include_obfuscation": False}} if more else {}
    pieces = streamed(ask, piece, path, **body, **options)
    texts = ["".join(text_of(c) for piece in pieces for c in piece.choices if c.index == i) for i in range(2)]
    assert texts[: len(reply.choices)] == [text_of(choice) for choice in reply.choices]
    ends = [choice.finish_reason for piece in pieces for choice in piece.choices if choice.finish_reason]
    assert sorted(ends) == sorted(choice.finish_reason for choice in reply.choices)


def test_models_conform(engine):
    headers = {"Authorization": f"Bearer {engine.api_key}"}
    answer = httpx.get(f"{engine.base_url}/v1/models", headers=headers)
    cards = conforming(SyncPage[Model], answer.text)
    assert cards.object == "list"
    for card in cards.data:
        answer = httpx.get(f"{engine.base_url}/v1/models/{card.id}", headers=headers)
        assert conforming(Model, answer.text) == card


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (400, {"temperature": -1}, {}),
        (400, {"logit_bias": {"999999": 1}}, {}),  # that one is vLLM's
        (400, {"prompt": "north " * 3000}, {}),
        (401, {}, {"Authorization": "Bearer of news"}),
        (404, {"model": "gpt-7"}, {}),
        (405, {}, {}),
        (413, {"prompt": "north " * 300_000}, {}),
    ],
)
def test_errors_conform(engine, status, body, headers):
    headers = {"Authorization": f"Bearer {engine.api_key}"} | headers
    body = {"model": engine.base} | PLAIN | body
    method = "PUT" if status == 405 else "POST"
    answer = httpx.request(method, f"{engine.base_url}/v1/completions", json=body, headers=headers, timeout=60)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    error = TypeAdapter(ErrorObject).validate_json(json.dumps(answer.json()["error"]), strict=True)
    assert error.message
    assert not error.model_extra


def test_an_error_in_a_stream_reaches_the_client(engine):
    with pytest.raises(openai.APIError, match="out-of-vocab") as raised:
        list(engine.client().completions.create(model=engine.base, **PLAIN, stream=True, logit_bias={"999999": 1}))
    TypeAdapter(ErrorObject).validate_python(raised.value.body, strict=True)


@both
def test_temperature_zero_says_the_same_twice(ask, path, body, whole, piece):
    first, second = (conforming(whole, ask(path, **body).text) for _ in range(2))
    assert text_of(first.choices[0]) == text_of(second.choices[0])
    assert first.id != second.id


@both
def test_a_seed_repeats_a_reply_and_another_does_not(ask, path, body, whole, piece):
    def said(seed: int) -> str:
        return text_of(conforming(whole, ask(path, **body | {"temperature": 1.5, "seed": seed}).text).choices[0])

    assert said(1) == said(1)
    assert len({said(seed) for seed in (1, 2, 3)}) == 3


@both
@pytest.mark.parametrize("narrow", [{"top_p": 0.0001}, {"top_k": 1}])
def test_only_the_likeliest_token_is_left(ask, path, body, whole, piece, narrow):
    likeliest = conforming(whole, ask(path, **body).text)
    narrowed = conforming(whole, ask(path, **body | {"temperature": 1} | narrow).text)
    assert text_of(narrowed.choices[0]) == text_of(likeliest.choices[0])


@both
@pytest.mark.parametrize("as_list", [False, True])
def test_stop_ends_a_reply_before_it(ask, path, body, whole, piece, as_list):
    text = text_of(conforming(whole, ask(path, **body).text).choices[0])
    word = text.split()[2]
    body = body | {"stop": ["never said", word] if as_list else word}
    stopped = conforming(whole, ask(path, **body).text).choices[0]
    assert (text_of(stopped), stopped.finish_reason) == (text[: text.index(word)], "stop")
    pieces = streamed(ask, piece, path, **body)
    assert "".join(text_of(choice) for piece in pieces for choice in piece.choices) == text_of(stopped)
    assert pieces[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("chat/completions", CHAT, "max_tokens"),
        ("chat/completions", CHAT, "max_completion_tokens"),
        ("completions", PLAIN, "max_tokens"),
    ],
)
def test_replies_are_as_long_as_they_may(ask, path, body, field):
    body = {name: value for name, value in body.items() if name != "max_tokens"}
    reply = ask(path, **body, **{field: 5}, ignore_eos=True).json()
    assert (reply["usage"]["completion_tokens"], reply["choices"][0]["finish_reason"]) == (5, "length")


@both
def test_usage_adds_up_and_ends_a_stream(ask, path, body, whole, piece):
    body = body | {"n": 3, "temperature": 1, "ignore_eos": True}
    usage = conforming(whole, ask(path, **body).text).usage
    assert usage.completion_tokens == 3 * 12
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens > 4

    *pieces, last = streamed(ask, piece, path, **body, stream_options={"include_usage": True})
    assert (last.choices, last.usage.model_dump()) == ([], usage.model_dump())
    assert {choice.index for piece in pieces for choice in piece.choices} == {0, 1, 2}
    assert not any(piece.usage for piece in pieces)
    assert not any(piece.usage for piece in streamed(ask, piece, path, **body))


def test_log_probabilities_of_a_chat(ask):
    body = CHAT | {"logprobs": True, "top_logprobs": 3, "max_tokens": 5}  # it does not come to its end
    reply = conforming(ChatCompletion, ask("chat/completions", **body).text)
    tokens = reply.choices[0].logprobs.content
    assert len(tokens) == reply.usage.completion_tokens
    assert b"".join(bytes(token.bytes) for token in tokens).decode() == reply.choices[0].message.content
    for token in tokens:
        assert [alternative.logprob for alternative in token.top_logprobs] == sorted(
            (alternative.logprob for alternative in token.top_logprobs), reverse=True
        )
        assert len(token.top_logprobs) == 3
        assert (token.token, token.logprob) == (token.top_logprobs[0].token, token.top_logprobs[0].logprob)
        assert token.logprob <= 0
    pieces = streamed(ask, ChatCompletionChunk, "chat/completions", **body)
    by_piece = [piece.choices[0].logprobs.content for piece in pieces if piece.choices[0].logprobs]
    assert [token.token for part in by_piece for token in part] == [token.token for token in tokens]
    without = conforming(ChatCompletion, ask("chat/completions", **CHAT).text)
    assert without.choices[0].logprobs is None


def test_log_probabilities_of_a_completion(ask):
    reply = conforming(Completion, ask("completions", **PLAIN, logprobs=3).text)
    [choice] = reply.choices
    said = choice.logprobs
    assert "".join(said.tokens) == choice.text
    assert said.text_offset[:2] == [0, len(said.tokens[0])]
    assert len(said.tokens) == len(said.token_logprobs) == len(said.top_logprobs) == reply.usage.completion_tokens
    for token, logprob, top in zip(said.tokens, said.token_logprobs, said.top_logprobs, strict=True):
        assert len(top) == 3
        assert max(top.values()) == top[token] == logprob <= 0


def test_penalties_keep_a_reply_from_repeating_itself(ask):
    body = {"prompt": "la la la la la la la la", "max_tokens": 24, "temperature": 0, "ignore_eos": True, "logprobs": 0}

    def different_tokens(**penalty) -> int:
        reply = conforming(Completion, ask("completions", **body, **penalty).text)
        return len(set(reply.choices[0].logprobs.tokens))

    plain = different_tokens()
    assert different_tokens(frequency_penalty=2) > plain
    assert different_tokens(presence_penalty=2) > plain
    assert different_tokens(repetition_penalty=2) > plain


def test_a_token_can_be_made_impossible(ask, base_model):
    body = PLAIN | {"max_tokens": 1, "logprobs": 0}
    first = ask("completions", **body).json()["choices"][0]["text"]
    [token] = Tokenizer.from_file(str(base_model / "tokenizer.json")).encode(first).ids
    assert ask("completions", **body, logit_bias={str(token): -100}).json()["choices"][0]["text"] != first


def test_prompts_as_tokens_and_several_at_once(ask, base_model):
    tokens = Tokenizer.from_file(str(base_model / "tokenizer.json")).encode(PLAIN["prompt"]).ids
    as_text = conforming(Completion, ask("completions", **PLAIN).text).choices[0].text
    for prompt in (tokens, [PLAIN["prompt"]], [tokens, tokens]):
        reply = conforming(Completion, ask("completions", **PLAIN | {"prompt": prompt}).text)
        assert {choice.text for choice in reply.choices} == {as_text}
    echoed = conforming(Completion, ask("completions", **PLAIN, echo=True).text)
    assert echoed.choices[0].text == PLAIN["prompt"] + as_text


def test_a_message_may_come_in_parts(ask):
    text = CHAT["messages"][0]["content"]
    parts = [{"role": "user", "content": [{"type": "text", "text": text}], "name": "tarn"}]
    replies = [ask("chat/completions", **CHAT | {"messages": messages}) for messages in (CHAT["messages"], parts)]
    assert len({conforming(ChatCompletion, reply.text).choices[0].message.content for reply in replies}) == 1


def test_what_openai_clients_send_besides_changes_nothing(ask):
    body = CHAT | {"user": "forum-7", "response_format": {"type": "text"}, "n": None, "stop": None, "seed": None}
    body["messages"] = [CHAT["messages"][0] | {"name": None}]
    said = [conforming(ChatCompletion, ask("chat/completions", **each).text) for each in (CHAT, body)]
    assert said[0].choices[0].message.content == said[1].choices[0].message.content
