"""Which key asks, and whether it may ask now: rate, requests under way, room in the engine's queue.

In: the Authorization header, the key file, the recipe's limits. Out: an admitted request, or an error in OpenAI's
form. Limits are those of one replica of the engine.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator

from fastapi import Request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from contracts.recipe import Serving
from serving.api.errors import ApiError
from serving.keys import Key, KeyFile
from serving.metrics import RefusedMetrics

LIMIT = "rate_limit_error"
SMOOTHING = 0.1
"""Share of the newest request in the running mean of how long requests take."""


class Access:
    """Admits requests. One for a replica."""

    def __init__(self, keys: KeyFile, serving: Serving):
        self._keys, self._serving = keys, serving
        self._rates = MovingWindowRateLimiter(MemoryStorage())
        self._under_way: Counter[str] = Counter()
        self._takes_s = 1.0
        self._refused = RefusedMetrics()

    def key(self, admin: bool):
        """A FastAPI dependency: the request's key. 401 without a known one, 403 with one of the other kind."""

        async def check(request: Request) -> Key:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            key = self._keys.of(given.strip()) if scheme.lower() == "bearer" else None
            if key is None:
                message = "No valid key in the Authorization header (Bearer …)."
                raise ApiError(401, message, "invalid_api_key", "authentication_error")
            if key.admin != admin:
                message = f"The key {key.name!r} is {'not ' if admin else ''}for operations."
                raise ApiError(403, message, "wrong_key", "permission_error")
            return key

        return check

    def check_model(self, key: Key, model: str) -> None:
        """Raises ApiError: 403, the model is not the key's."""
        if not key.may_ask(model):
            message = f"The key {key.name!r} may not ask {model!r}."
            raise self._told(key, ApiError(403, message, "model_not_allowed", "permission_error"))

    def admit(self, key: Key, replies: int) -> contextlib.AbstractContextManager:
        """Count a request for so many replies as under way until the context ends.

        Raises:
            ApiError: 429, the key or the engine has too much to do.
        """
        if key.streams is not None and self._under_way[key.name] + replies > key.streams:
            message = f"The key {key.name!r} may have {key.streams} requests under way, not more."
            raise self._told(key, ApiError(429, message, "too_many_streams", LIMIT, retry_after=self._takes_s))
        waiting = self._under_way.total() + replies - self._serving.max_num_seqs
        if waiting > self._serving.max_waiting:
            message = f"{waiting - replies} requests wait for the engine already."
            rounds = waiting / self._serving.max_num_seqs
            raise self._told(key, ApiError(429, message, "queue_full", LIMIT, retry_after=self._takes_s * rounds))
        if key.requests_per_minute is not None:
            self._check_rate(key)
        return self._counted(key, replies)

    def _told(self, key: Key, error: ApiError) -> ApiError:
        self._refused.count(key.name, error.code)
        return error

    def _check_rate(self, key: Key) -> None:
        rate = RateLimitItemPerMinute(key.requests_per_minute)
        if not self._rates.hit(rate, key.name):
            again = self._rates.get_window_stats(rate, key.name).reset_time - time.time()
            message = f"The key {key.name!r} may ask {key.requests_per_minute} times a minute."
            raise self._told(key, ApiError(429, message, "rate_limited", LIMIT, retry_after=again))

    @contextlib.contextmanager
    def _counted(self, key: Key, replies: int) -> Iterator[None]:
        began = time.monotonic()
        self._under_way[key.name] += replies
        try:
            yield
        finally:
            self._under_way[key.name] -= replies
            self._takes_s += SMOOTHING * (time.monotonic() - began - self._takes_s)
