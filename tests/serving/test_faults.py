"""Two replicas under a steady load: rollouts cost nothing, and what is killed is back by itself with the right state.

The faults are those of `make bench-serving-faults`, with fewer rollouts.
"""

import pytest

from benchmarks.serving.faults import MOST_FAILED, bench, faults

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]  # the first test waits for all faults

FAULTS = (
    "4 rollouts and rollbacks",
    "engine process killed",
    "replica killed, canary under way",
    "rollout control killed, canary under way",
    "Ray Serve's controller killed",
    "registry truncated, rollout control killed",
    "disk full at a rollout",
    "Ray's head killed",
)


@pytest.fixture(scope="module")
def outcomes(base_model, tmp_path_factory):
    home = tmp_path_factory.mktemp("faults")
    (home / "models").symlink_to(base_model.parent)
    with bench(home) as made:
        return {fault: made.outcome(fault, act) for fault, act in faults(made, rollouts=4)}


def test_these_are_all(outcomes):
    assert tuple(outcomes) == FAULTS


@pytest.mark.parametrize("fault", FAULTS)
def test_the_state_is_right_afterwards_and_requests_are_answered(outcomes, fault):
    assert outcomes[fault].wrong == ""
    assert outcomes[fault].sent - outcomes[fault].failed > 10


@pytest.mark.parametrize("fault", FAULTS)
def test_no_more_requests_fail_than_ran_on_what_was_killed(outcomes, fault):
    assert outcomes[fault].failed <= MOST_FAILED.get(fault, 0), outcomes[fault]
