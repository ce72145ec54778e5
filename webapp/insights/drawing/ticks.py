"""Round numbers for an axis.

In: what has to fit. Out: ticks, evenly spread, the last at or beyond the largest value.
"""

import math


def ticks(most: float, about: int = 4) -> list[float]:
    """From 0 up, in steps of 1, 2 or 5 times a power of ten."""
    if not most > 0:
        return [0.0, 1.0]
    rough = most / about
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * size for factor in (1, 2, 5, 10) if factor * size >= rough * (1 - 1e-9))
    return [number * step for number in range(math.ceil(most / step - 1e-9) + 1)]


def powers_of_ten(least: float, most: float, at_most: int = 6) -> list[int]:
    """Exponents from that of `least` to that of `most`, not more than `at_most` of them; both positive."""
    first, last = math.floor(math.log10(least) + 1e-9), math.ceil(math.log10(most) - 1e-9)
    last = max(last, first + 1)
    step = math.ceil((last - first) / (at_most - 1))
    return list(range(first, last + step, step))
