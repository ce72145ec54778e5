"""What vLLM's scheduler says of itself for Prometheus: requests that run and that wait, use of the KV cache.

vLLM's own `RayPrometheusStatLogger` does it. Told of every step, it raised the front end's processor time from 562 to
718 us a streamed token (eight streams, two cores); all that it would add, serving/metrics.py counts by version. So it
hears of the scheduler only, and at most once a second: 591 us, which is within the noise.
"""

import dataclasses
import time

from vllm.v1.metrics.ray_wrappers import RayPrometheusStatLogger
from vllm.v1.metrics.stats import PrefixCacheStats

EVERY_S = 1.0


class EngineStats(RayPrometheusStatLogger):
    """A `stat_logger` of `AsyncLLM`."""

    made_tokens_at = float("-inf")
    """time.monotonic() of the last step that made tokens, for whomever: the engine of this process can generate."""
    _told_at = float("-inf")

    def record(self, scheduler_stats, iteration_stats, mm_cache_stats=None, engine_idx=0) -> None:
        """Called by vLLM after every step."""
        now = time.monotonic()
        if iteration_stats is not None and iteration_stats.num_generation_tokens:
            EngineStats.made_tokens_at = now
        if scheduler_stats is None or (scheduler_stats.num_running_reqs and now - self._told_at < EVERY_S):
            return
        self._told_at = now
        # Steps are left out, so what is counted by step would be wrong.
        scheduler_stats = dataclasses.replace(scheduler_stats, prefix_cache_stats=PrefixCacheStats())
        super().record(scheduler_stats, None, None, engine_idx)
