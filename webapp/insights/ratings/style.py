"""Style as a covariate of a vote: how much longer, or more broken up, one reply was than the other.

In: texts, then a figure of the left and of the right reply for each vote. Out: a column for `Battles.covariates`.
"""

import re
from collections.abc import Callable, Mapping

import numpy as np

_BLANK_LINES = re.compile(r"\n\s*\n")


def _paragraphs(text: str) -> int:
    return len(_BLANK_LINES.split(text.strip())) if text.strip() else 0


FIGURES: Mapping[str, Callable[[str], int]] = {"length": len, "paragraphs": _paragraphs}
"""What is taken of a reply: characters, and paragraphs, which blank lines part. Several replies of one model add up."""


def difference(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(n,) normalised difference (left - right) / (left + right), scaled to a mean square of 1.

    Chatbot Arena's style control (Li, Angelopoulos and Chiang 2024, "Does style matter?"). They also take the mean
    off; we leave it, so that two replies alike in style push to neither side. Ratings without that push differ only
    where there is no side-bias intercept to take it up. Two zeros differ by zero.

    Args:
        left: (n,) figures of the left reply, such as its length; none negative.
        right: the same of the right reply.

    Raises:
        ValueError: a figure is negative or not finite.
    """
    left, right = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    if not (np.isfinite(left).all() and np.isfinite(right).all() and (left >= 0).all() and (right >= 0).all()):
        raise ValueError("style: expected finite figures that are not negative")
    total = left + right
    share = np.divide(left - right, total, out=np.zeros_like(total), where=total > 0)
    scale = np.sqrt(np.mean(share**2)) if len(share) else 0.0
    return share / scale if scale > 0 else share
