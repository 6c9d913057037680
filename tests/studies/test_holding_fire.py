"""A helicopter in the sector, closed loop: no round comes near where it truly is, and the rule is what keeps it so."""

import hold_cases
import pytest


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 3])
def test_the_friend_is_never_inside_a_danger_volume_and_would_have_been(seed):
    # seeds at which fire that nobody holds comes within 50 m of it; flown round by round against the truth
    held = hold_cases.run("friendly-in-sector", seed)
    assert held.n_bursts > 0
    assert held.n_inside == 0
    assert held.least_m > 50.0
    assert held.outcome.traffic_hit == 0
