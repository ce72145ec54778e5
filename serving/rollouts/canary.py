"""Is the new version as good as the stable one? Judged on requests that real users sent, while it gets a share of them.

In: what was observed of both, the recipe's limits. Out: a sentence that says what is wrong, or None.
"""

import math
import statistics

from contracts.recipe import Canary
from serving.rollouts.states import Observed

Z = 3.0
"""Of a 99.7 % interval, not 95 %: it is looked at after every report, and one look in twenty may not be wrong."""
LEAST_REQUESTS = 10
"""While a step lasts, fewer requests are waited out."""
LEAST_FIRST_TOKENS = 20
"""Medians of fewer replies than this say nothing."""


def breach(canary: Observed, stable: Observed, limits: Canary, least_requests: int = LEAST_REQUESTS) -> str | None:
    """What the canary does worse than the recipe allows, None while there is nothing.

    Errors: the lower end of the interval of its share against the stable version's share plus the allowance.
    First token: the ratio of the medians, once both have enough streamed replies.
    """
    least, allowed = least_share(canary), _share(stable) + limits.most_errors
    if canary.answered + canary.failed >= least_requests and least > allowed:
        return (
            f"{canary.failed} of {canary.answered + canary.failed} requests failed (at least {least:.1%}), "
            f"{allowed:.1%} are allowed"
        )
    if min(len(canary.first_token_s), len(stable.first_token_s)) >= LEAST_FIRST_TOKENS:
        own, other = statistics.median(canary.first_token_s), statistics.median(stable.first_token_s)
        if own > limits.slowest * other:
            return f"the first token takes {own:.2f} s, {own / other:.1f} times as long; {limits.slowest} are allowed"
    return None


def least_share(observed: Observed, z: float = Z) -> float:
    """Lower end of Wilson's score interval of the share of failed requests; 0 where none failed.

    Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927), equation 1.
    """
    total = observed.answered + observed.failed
    if not observed.failed:
        return 0.0
    share, extra = observed.failed / total, z**2 / total
    spread = z * math.sqrt(share * (1 - share) / total + extra / (4 * total))
    return (share + extra / 2 - spread) / (1 + extra)


def _share(observed: Observed) -> float:
    total = observed.answered + observed.failed
    return observed.failed / total if total else 0.0
