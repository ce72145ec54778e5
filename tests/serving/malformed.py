"""Requests that are wrong in many ways, made from a seed: what a broken or a hostile client sends.

Out: `Malformed` requests as bytes. Each knows which statuses may answer it; none of them asks for a long reply.
"""

import dataclasses
import importlib.util
import itertools
import json
import pathlib
import random
import re
from collections.abc import Iterator

JSON = ("Content-Type", b"application/json")
HUGE = "<huge>"
"""Stands for a number of 5,000 digits, which Python does not write."""
ODD = [
    *(None, [], {}, "", "x", True, False, 0, -1, 1.5, 10**30, -(10**30), 1e308, float("nan"), float("-inf"), HUGE),
    *("\ud800", "\udfff\ud800", "\x00", "a" * 5000, "🜲" * 300, [[[]]], {"a": {"b": [None]}}, [None], ["x", 1], "NaN"),
]
PLAIN = {"prompt": "Once", "max_tokens": 2, "temperature": 0}
CHAT = {"messages": [{"role": "user", "content": "Once"}], "max_tokens": 2, "temperature": 0}
FIELDS = [
    *("model", "n", "stop", "stream", "stream_options", "temperature", "top_p", "seed", "frequency_penalty"),
    *("presence_penalty", "logit_bias", "top_k", "min_p", "repetition_penalty", "min_tokens", "user", "logprobs"),
    *("prompt", "messages", "echo", "response_format", "top_logprobs"),
]
EXPONENTIAL = "(a|a|aa)*" * 20 + "b"
URL = "http://127.0.0.1:9/fetched"
FOREIGN = [  # what vLLM would take, or other services do
    ("guided_regex", EXPONENTIAL),
    ("structured_outputs", {"regex": EXPONENTIAL}),
    ("structured_outputs", {"json": {"type": "object", "patternProperties": {EXPONENTIAL: {}}}}),
    ("response_format", {"type": "json_schema", "json_schema": {"name": "x", "schema": {"pattern": EXPONENTIAL}}}),
    ("response_format", {"type": "structural_tag", "structures": [], "triggers": []}),
    ("logits_processors", ["os.system"]),
    ("prompt_embeds", "gASVAAAAAAAAAA=="),
    ("n", 5),
    ("n", 10_000),
    ("best_of", 10_000),
    ("use_beam_search", True),
    ("logprobs", 100_000),
    ("top_logprobs", 100_000),
    ("prompt_logprobs", 100_000),
    ("bad_words", ["x"] * 10_000),
    ("stop", ["x"] * 10_000),
    ("stop", ["x" * 100_000]),
    ("stop_token_ids", [2**40]),
    ("allowed_token_ids", []),
    ("logit_bias", {str(token): 1 for token in range(2000)}),
    ("logit_bias", {"99999999": 1}),
    ("chat_template", "{% for a in range(10**9) %}{% for b in range(10**9) %}x{% endfor %}{% endfor %}"),
    ("chat_template_kwargs", {"tools": "x"}),
    ("tools", [{"type": "function", "function": {"name": "x", "parameters": {"pattern": EXPONENTIAL}}}]),
    ("mm_processor_kwargs", {"device": "cuda"}),
    ("media_io_kwargs", {"image": {"path": "/etc/passwd"}}),
    ("documents", [{"title": "x", "text": "x"}]),
    ("kv_transfer_params", {"remote_host": "127.0.0.1"}),
    ("vllm_xargs", {"x": 1}),
    ("priority", -(2**62)),
    ("request_id", "own-1"),
    ("cache_salt", "x"),
    ("truncate_prompt_tokens", 2**62),
    ("max_tokens", 2**62),
    ("max_tokens", 4097),
    ("min_tokens", 3),
]
MEDIA = [
    {"type": "image_url", "image_url": {"url": URL}},
    {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}},
    {"type": "video_url", "video_url": {"url": URL}},
    {"type": "audio_url", "audio_url": {"url": URL}},
    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
    {"type": "file", "file": {"file_id": "x"}},
    {"type": "image_embeds", "image_embeds": "gASV"},
]
OURS = {"/v1/models", "/v1/chat/completions", "/v1/completions", "/health"}
KNOWN = [
    ("GET", "/v1/models"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/chat/completions"),
    ("GET", "/v1/openapi.json"),
]
TRAVERSALS = [
    *("/v1/../admin/registry", "/v1/models/../../admin/registry", "//admin/registry", "/v1//models", "/./v1/models"),
    *("/v1/models/..%2f..%2fadmin%2fregistry", "/v1/models/%2e%2e/%2e%2e/etc/passwd", "/v1/models/%00", "/%ff%fe"),
    *(
        "/v1/models/..%5c..%5cwindows",
        "/../../../../etc/passwd",
        "/v1/models/" + "a" * 9000,
        "/v1/models/",
        "/V1/models",
    ),
    *("/static/../serving/keys.json", "/.env", "/.git/config", "/v1/models;x", "/v1/models%20", "/v1/models/{{7*7}}"),
]


@dataclasses.dataclass(frozen=True)
class Malformed:
    """A request, and the statuses that are right for it."""

    kind: str
    method: str
    path: str
    headers: tuple[tuple[str, bytes], ...]
    body: bytes
    statuses: frozenset[int]


def routes_of_vllm() -> list[str]:
    """Every route in the code of the vLLM that is installed, but those that we have too."""
    [folder] = importlib.util.find_spec("vllm").submodule_search_locations
    sources = pathlib.Path(folder, "entrypoints").rglob("*.py")
    found = {route for source in sources for route in re.findall(r'@router\.\w+\(\s*"(/[^"]+)"', source.read_text())}
    return [*sorted(found - OURS), "/metrics", "/docs", "/redoc", "/openapi.json", "/server_info?config_format=json"]


class Maker:
    """Makes the requests. `user` and `admin` are keys that open what they are for."""

    def __init__(self, base: str, user: str, admin: str, seed: int):
        self._rng = random.Random(seed)
        self._base, self._user, self._admin = base, user, admin
        self._routes = routes_of_vllm()

    def make(self, count: int) -> Iterator[Malformed]:
        """So many of all kinds; the lists of what is dangerous are gone through in full first."""
        for good, (field, value) in itertools.product((PLAIN, CHAT), FOREIGN):
            yield self._post("foreign field", good | {field: value}, 400)
            count -= 1
        for part in MEDIA:
            messages = [{"role": "user", "content": [{"type": "text", "text": "x"}, part]}]
            yield self._post("media", CHAT | {"messages": messages}, 400)
            count -= 1
        for route in self._routes:
            yield self._request("route of vLLM", self._any("GET", "POST"), route, self._key(), b"{}", 404)
            count -= 1
        for path in TRAVERSALS:
            yield self._request("path", "GET", path, self._key(), b"", 404, 403)
            count -= 1
        others = [
            self._odd_field,
            self._odd_field,
            self._odd_message,
            self._nested,
            self._broken_json,
            self._lost_field,
        ]
        others += [self._content_type, self._authorization, self._odd_header, self._method, self._unknown_field]
        others += [self._admin_body, self._query]
        for _ in range(8):
            yield self._too_large()
        for _ in range(count - 8):
            yield self._any(*others)()

    def _any(self, *values):
        return self._rng.choice(values)

    def _key(self) -> bytes:
        return f"Bearer {self._any(self._user, self._admin)}".encode()

    def _good(self) -> dict:
        return {"model": self._base} | self._any(PLAIN, CHAT)

    def _post(self, kind: str, body: dict | bytes, *statuses: int, headers=(JSON,)) -> Malformed:
        chat = isinstance(body, dict) and "messages" in body
        if isinstance(body, dict):
            body = json.dumps({"model": self._base} | body).replace(json.dumps(HUGE), "9" * 5000).encode()
        path = "/v1/chat/completions" if chat else "/v1/completions"
        key = ("Authorization", f"Bearer {self._user}".encode())
        return Malformed(kind, "POST", path, (key, *headers), body, frozenset(statuses))

    def _request(self, kind: str, method: str, path: str, key: bytes, body: bytes, *statuses: int) -> Malformed:
        return Malformed(kind, method, path, (("Authorization", key), JSON), body, frozenset(statuses))

    def _odd_field(self) -> Malformed:
        return self._post("odd value", self._good() | {self._any(*FIELDS): self._any(*ODD)}, 200, 400, 404)

    def _lost_field(self) -> Malformed:
        body = self._good()
        lost = self._any("prompt" if "prompt" in body else "messages", "model")
        text = json.dumps({field: value for field, value in body.items() if field != lost})
        return self._post("lost field", text.encode(), 400)

    def _unknown_field(self) -> Malformed:
        name = "".join(self._any("a", "É", "\ud83d", '"', "\x00", "__proto__", ".", "$where") for _ in range(3))
        return self._post("unknown field", self._good() | {name: self._any(*ODD)}, 400)

    def _odd_message(self) -> Malformed:
        message = {"role": "user", "content": "Once"} | {
            self._any("role", "content", "name", "tool_calls"): self._any(*ODD)
        }
        return self._post("odd message", CHAT | {"messages": [message]}, 200, 400)

    def _nested(self) -> Malformed:
        depth, (left, right) = self._any(10, 500, 990, 5000, 100_000), self._any(("[", "]"), ('{"a":', "}"))
        deep = left * depth + ("1" if left == "[" else "{}") + right * depth * self._any(0, 1)
        text = json.dumps(self._good() | {self._any("prompt", "messages", "stop", "x"): HUGE})
        return self._post("nested", text.replace(json.dumps(HUGE), deep).encode(), 400)

    def _broken_json(self) -> Malformed:
        good = json.dumps(self._good()).encode()
        place = self._rng.randrange(1, len(good) - 1)
        broken = [
            good[:place],
            good[:place] + b"\xff\xfe" + good[place:],
            good + b"}",
            b"",
            b"\xef\xbb\xbf\xef\xbb\xbf" + good,
            good.replace(b":", b"=", 1),
            b"// x\n" + good,
            good[:-1] + b",}",
            b"[" + good + b"]",
            json.dumps(good.decode()).encode(),
            b"null",
            self._rng.randbytes(place),
            good[:-1] + b', "max_tokens": "x"}',  # twice: the last one counts
            good.decode().encode("utf-16")[: place // 2 * 2],
        ]
        return self._post("broken JSON", self._any(*broken), 400)

    def _content_type(self) -> Malformed:
        kinds = [b"text/plain", b"application/xml", b"multipart/form-data; boundary=x", b"", b"\xff/\xfe", b"json"]
        kinds += [b"application/x-www-form-urlencoded", b"application/octet-stream", b"a" * 5000]
        body = json.dumps(self._good()).encode()
        return self._post("content type", body, 400, headers=(("Content-Type", self._any(*kinds)),))

    def _authorization(self) -> Malformed:
        wrong = [b"", b"Bearer", b"Bearer ", b"Basic dGVzdDp0ZXN0", b"Bearer \xe9\xff", b"Bearer " + b"x" * 50_000]
        wrong += [self._user.encode(), b"Bearer " + self._user.upper().encode(), b"Bearer x " + self._user.encode()]
        path = self._any("/v1/models", "/v1/models/x", "/admin/registry", "/admin/rollouts")
        return self._request("authorization", "GET", path, self._any(*wrong), b"", 401)

    def _odd_header(self) -> Malformed:
        values = [
            b"\xff\xfe",
            "Tarn é".encode(),
            "é".encode("latin-1"),
            b"x" * 40_000,
            b"",
            b"0.001",
            b"?1",
            b"-1",
            b"%00",
        ]
        names = ["X-Request-Id", "X-Conversation-Id", "X-Request-Timeout-Seconds", "X-Request-Disconnect-Disabled"]
        names += [
            "serve_multiplexed_model_id",
            "X-Session-Id",
            "traceparent",
            "X-Data-Parallel-Rank",
            "X-Odd",
            "Cookie",
        ]
        names += ["X-Forwarded-For", "X-HTTP-Method-Override", "Range", "If-None-Match", "Accept", "Origin"]
        headers = (JSON, (self._any(*names), self._any(*values)))
        if self._any(True, False):
            return self._post("header", json.dumps(self._good() | {"max_tokens": 0}).encode(), 400, headers=headers)
        key = ("Authorization", f"Bearer {self._user}".encode())
        return Malformed("header", "GET", "/v1/models", (key, *headers), b"", frozenset({200}))

    def _method(self) -> Malformed:
        right, path = self._any(*KNOWN)
        method = self._any("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "POST" if right == "GET" else "GET", "HEAD")
        statuses = (200, 405) if (method, path) == ("HEAD", "/v1/openapi.json") else (405,)
        return self._request("method", method, path, self._key(), b"{}", *statuses)

    def _admin_body(self) -> Malformed:
        path = self._any("rollouts", "rollbacks", "retirements")
        body = {"adapter": "none"} if path == "rollouts" else {"name": "none"}
        body |= {self._any("adapter", "name", "why", "who", "canary", "x"): self._any(*ODD, "../../x@000000000000")}
        text = json.dumps(body).replace(json.dumps(HUGE), "9" * 5000).encode()
        return self._request("admin", "POST", f"/admin/{path}", self._key(), text, 400, 403, 404, 422)

    def _query(self) -> Malformed:
        last = self._any("-1", "0", "99999999", "9" * 5000, "%ff", "%00", "1.5", "NaN", "1&last=2&last=x", "")
        return self._request("query", "GET", f"/admin/history?last={last}", self._key(), b"", 400, 403)

    def _too_large(self) -> Malformed:
        body = json.dumps(self._good() | {"user": "x" * self._rng.randrange(1_048_576, 1_500_000)}).encode()
        return self._post("too large", body, 413)
