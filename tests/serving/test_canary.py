"""When a new version is worse than the recipe allows."""

import pytest

from contracts.recipe import Canary
from serving.rollouts.canary import breach, least_share
from serving.rollouts.states import Observed

LIMITS = Canary(most_errors=0.02, slowest=2.0)
GOOD = Observed(answered=100, first_token_s=(0.1,) * 100)


def test_a_version_as_good_as_the_stable_one_is_none():
    assert breach(GOOD, GOOD, LIMITS) is None


def test_no_request_is_no_breach():
    assert breach(Observed(), GOOD, LIMITS) is None
    assert breach(Observed(), Observed(), LIMITS) is None


@pytest.mark.parametrize(("answered", "failed"), [(0, 10), (7, 3), (90, 10), (950, 50)])
def test_errors_beyond_what_chance_explains_are(answered, failed):
    assert "requests failed" in breach(Observed(answered, failed), GOOD, LIMITS)


@pytest.mark.parametrize(("answered", "failed"), [(0, 1), (0, 9), (20, 1), (199, 1), (980, 20)])
def test_as_many_errors_as_chance_explains_are_not(answered, failed):
    assert breach(Observed(answered, failed), GOOD, LIMITS) is None


def test_at_the_end_of_a_step_a_few_failed_requests_are():
    assert "1 of 1 requests failed" in breach(Observed(0, 1), GOOD, LIMITS, least_requests=1)
    assert breach(Observed(9, 1), GOOD, LIMITS, least_requests=1) is None


def test_errors_that_the_stable_version_has_too_are_not():
    assert breach(Observed(90, 10), Observed(900, 100), LIMITS) is None


def test_a_slow_first_token_is():
    slow = Observed(answered=20, first_token_s=(0.3,) * 20)
    assert "the first token takes 0.30 s, 3.0 times as long" in breach(slow, GOOD, LIMITS)


def test_a_few_slow_ones_are_not():
    assert breach(Observed(answered=19, first_token_s=(9.0,) * 19), GOOD, LIMITS) is None
    assert breach(Observed(answered=30, first_token_s=(9.0,) * 14 + (0.1,) * 16), GOOD, LIMITS) is None


def test_the_interval_is_wilsons():
    statsmodels = 0.0552  # proportion_confint(10, 100, method="wilson")[0]
    assert least_share(Observed(90, 10), z=1.96) == pytest.approx(statsmodels, abs=1e-4)


def test_steps_have_to_rise():
    with pytest.raises(ValueError, match="steps have to rise"):
        Canary(steps=(0.5, 0.1))
