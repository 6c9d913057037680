"""What the filter believes before it has seen a plot: process noise and priors of both motion models.

Numbers only; what they do to a state stands in `kernels.kalman`, Noise.
"""

import math

from casemate.kernels import kalman

PRIORS = kalman.Noise(
    ballistic_q=0.1,  # m2/s3: wind unknown by 5 m/s bends a round's drag by some 0.3 m/s2 for seconds at a time
    ln_drag_q=1e-3,  # 1/s: the drag curve is wrong by about 15 % over the 20 s of a flight [A]
    level_q=20.0,  # m2/s3: a turn of 3 degrees/s at 100 m/s changes velocity by 5 m/s each second
    level_turn=1.5,  # m/s2: airliners bank by 25 degrees (4.5), mostly not: a gap of 40 s may hide one turn
    climb_q=4.0,  # m2/s3: aircraft and birds climb and sink gently
    sigma_speed=250.0,  # m/s: rounds 70-700, airliners 250 [A]
    sigma_climb=20.0,  # m/s: airliners climb and sink at 10-15
    ln_drag=math.log(2e-4),  # ln m2/kg: K of the generic rounds, 0.9e-4 to 4e-4, `data/rounds.toml`
    sigma_ln_drag=0.8,
    height=5000.0,  # m: half way up to where airliners fly
    sigma_height=4000.0,  # m
    p_ballistic=0.5,
    odds_limit=10.0,  # nats
)
"""Process noise and priors."""
