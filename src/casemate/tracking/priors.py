"""What the filter believes before it has seen a plot: process noise and priors of both motion models.

Numbers only; what they do to a state stands in `kernels.kalman`, Noise.
"""

import math

from casemate.kernels import kalman

PRIORS = kalman.Noise(
    ballistic_q=1e-3,  # m2/s3: what linearising leaves over, 10 cm/s after 10 s; ten times more is too timid
    level_q=20.0,  # m2/s3: a turn of 3 degrees/s at 100 m/s changes velocity by 5 m/s each second
    level_turn=1.5,  # m/s2: airliners bank by 25 degrees (4.5), mostly not: a gap of 40 s may hide one turn
    climb_q=4.0,  # m2/s3: aircraft and birds climb and sink gently
    sigma_speed=250.0,  # m/s: rounds 70-700, airliners 250 [A]
    sigma_climb=20.0,  # m/s: airliners climb and sink at 10-15
    wind_s=12.0,  # s: with it, squared errors in a steady unknown wind are 0.97 to 1.05 of what they should be
    ln_drag=math.log(1.5e-4),  # ln m2/kg: K of the generic rounds, 0.6e-4 to 2.8e-4, `data/rounds.toml`
    sigma_ln_drag=0.65,  # their spread, 0.57, that between makes, 0.15, and a little [A]
    height=5000.0,  # m: half way up to where airliners fly
    sigma_height=4000.0,  # m
    p_ballistic=0.5,
    odds_limit=10.0,  # nats
)
"""Process noise and priors."""
