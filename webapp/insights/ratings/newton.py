"""Newton's method for a convex loss, which notices where there is no minimum.

In: loss, gradient and Hessian. Out: the minimum, or `NoMinimum`. SciPy's solvers stop at a norm of the gradient, which
says nothing about a model with three votes among a million; here the step itself must vanish, in every coordinate.
"""

from collections.abc import Callable

import numpy as np

STEPS = 30
"""Where the loss only falls towards infinity, a step adds about 1 to a log-odds each time; 30 is past any real data."""
STILL = 1e-7
"""A step with no coordinate larger than this is the last: after it the error is its square."""


class NoMinimum(ValueError):
    """The loss has no finite minimum. `step` is the last step: large where it runs away."""

    def __init__(self, step: np.ndarray):
        super().__init__("no finite minimum")
        self.step = step


def minimise(
    loss: Callable[[np.ndarray], float],
    slopes: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    start: np.ndarray,
) -> tuple[np.ndarray, int]:
    """The minimum and the steps that it took.

    Args:
        loss: convex; infinite outside its domain.
        slopes: gradient (p,) and positive definite Hessian (p, p).
        start: (p,) a point with finite loss.

    Raises:
        NoMinimum: the steps did not vanish.
    """
    here, at, step = start, loss(start), np.zeros_like(start)
    for taken in range(1, STEPS + 1):
        gradient, hessian = slopes(here)
        try:
            # Not a Cholesky factor: OpenBLAS spreads that over threads even at a hundred models, which then wait for
            # one another, a hundred times as long as they work, when other processes use the cores.
            step = -np.linalg.solve(hessian, gradient)
        except np.linalg.LinAlgError as error:
            raise NoMinimum(step) from error
        if np.abs(step).max() < STILL:
            return here + step, taken
        promised, part = -gradient @ step, 1.0
        if not promised > 0:  # the curvature is lost in rounding: far out, where the loss is flat
            raise NoMinimum(step)
        # The last term lets a good step pass whose gain is below the rounding of a sum over a million votes.
        while not (there := loss(here + part * step)) <= at - 1e-4 * part * promised + 1e-12 * abs(at):
            part /= 2
            if part < 1e-9:
                raise NoMinimum(step)
        here, at = here + part * step, there
    raise NoMinimum(step)
