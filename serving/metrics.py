"""The Prometheus metrics of ours: what Ray Serve and vLLM cannot count, since only we know versions and rollouts.

Each is made once in a process; Ray's agent on the machine hands it out as `ray_bardloop_...`, counters with `_total`.
Requests that are under way, HTTP statuses and replicas are Serve's own (`ray_serve_...`), the queue and the KV cache
vLLM's (`ray_vllm_...`, see serving/engine_stats.py).
"""

from collections.abc import Mapping

from ray.util.metrics import Counter, Gauge, Histogram

SECONDS = [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10, 20, 30, 60, 120]
BETWEEN_TOKENS = [0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1]
"""Limits of the buckets. Ray adds the middle of a bucket to `_sum`, not the value: only quantiles are to be trusted."""
LONGEST_NAME = 64


class RequestMetrics:
    """What becomes of requests, by the version that replied. Told once a reply: Ray takes too long for every token."""

    def __init__(self):
        version = ("version",)
        self._requests = Counter("bardloop_requests", "Requests by version and outcome", ("version", "outcome"))
        self._prompt = Counter("bardloop_prompt_tokens", "Tokens of prompts that were replied to", version)
        self._reply = Counter("bardloop_reply_tokens", "Tokens of replies", version)
        what = "Seconds to the first token of a streamed reply"
        self._first = Histogram("bardloop_first_token_seconds", what, boundaries=SECONDS, tag_keys=version)
        what = "Mean seconds between the tokens of a streamed reply"
        self._between = Histogram("bardloop_token_seconds", what, boundaries=BETWEEN_TOKENS, tag_keys=version)
        what = "Seconds of a whole reply"
        self._whole = Histogram("bardloop_reply_seconds", what, boundaries=SECONDS, tag_keys=version)

    def count(
        self,
        version: str,
        outcome: str,
        tokens: tuple[int, int],
        seconds: float,
        first_token_s: float | None,
        token_s: float | None,
    ) -> None:
        """One request. `tokens`: of prompt and reply; times are None where there are none."""
        tags = {"version": version}
        self._requests.inc(1, tags | {"outcome": outcome})
        for counter, number in zip((self._prompt, self._reply), tokens, strict=True):
            if number:  # Ray refuses to add nothing
                counter.inc(number, tags)
        if outcome == "answered":
            self._whole.observe(seconds, tags)
        if first_token_s is not None:
            self._first.observe(first_token_s, tags)
        if token_s is not None:
            self._between.observe(token_s, tags)


class RefusedMetrics:
    """Requests that were not admitted (403, 429): they reach no version."""

    def __init__(self):
        self._refused = Counter("bardloop_refused", "Requests that were not admitted, by key and why", ("key", "code"))

    def count(self, key: str, code: str) -> None:
        """One of them."""
        self._refused.inc(1, {"key": key, "code": code})


class VersionMetrics:
    """Which versions a replica holds of those that are wanted."""

    def __init__(self):
        self._held = Gauge("bardloop_version_held", "1: loaded on this replica, 0: wanted and not held", ("version",))

    def tell(self, held: Mapping[str, bool]) -> None:
        """By version. Has to be told again every few seconds: Ray forgets what it hears no more of."""
        for version, is_held in held.items():
            self._held.set(is_held, {"version": version})


class RolloutMetrics:
    """What happened to adapters, as the history has it."""

    def __init__(self):
        what = "Lines of the history of rollouts, by event and adapter name"
        self._events = Counter("bardloop_rollout_events", what, ("event", "name"))

    def count(self, event: str, name: str) -> None:
        """One line; a version counts for its name."""
        self._events.inc(1, {"event": event, "name": name.partition("@")[0][:LONGEST_NAME]})
