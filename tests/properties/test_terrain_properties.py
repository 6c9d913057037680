"""A flight segment never steps over ground, however the ground and the segment lie."""

import naive_terrain as naive
import numpy as np
import terrain_cases
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.kernels import terrain as kernel

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=60, deadline=None)
@given(seeds, st.floats(5.0, 120.0), st.floats(0.1, 1000.0), st.floats(-80.0, 80.0), st.floats(-180.0, 180.0))
def test_the_hit_is_that_of_dense_sampling(seed, cell_m, rough_m, lat_deg, lon_deg):
    """Never later than the first sample under the ground; earlier by less than the distance of two samples.

    Earlier by more only where the path dips under between two samples: then it is under there, to 1 mm.
    """
    terrain = terrain_cases.rough(seed, 40, cell_m, rough_m, lat_deg, lon_deg)
    segment = terrain_cases.segment(np.random.default_rng(seed), terrain, 20.0 * cell_m)
    ground, height, _ = naive.surface_at(*segment[0], terrain)
    if height < ground:
        return
    ours, theirs = kernel.first_hit(*segment, terrain), naive.first_hit(*segment, terrain)
    length = np.linalg.norm(np.subtract(segment[2], segment[0]))
    if theirs > 0.0:
        assert ours > 0.0
        assert (ours - theirs) * length < 1e-3
    if ours > 0.0 and (theirs < 0.0 or (theirs - ours) * length > 0.011):
        beside = np.clip(ours + np.linspace(-1e-3, 1e-3, 2001) / length, 0.0, 1.0)
        states = (np.asarray(row) for row in segment[:4])
        assert naive.gaps_along(*states, segment[4], beside, terrain).min() < 1e-3


@settings(max_examples=60, deadline=None)
@given(seeds, st.floats(-60.0, 60.0), st.floats(0.5, 199.0))
def test_a_thin_ridge_is_hit(seed, heading_deg, height_m):
    """Level flights over a plain, lower than a ridge of one row of posts that they cross, end at its slope."""
    rng = np.random.default_rng(seed)
    column = int(rng.integers(20, 45))
    terrain = terrain_cases.ridge(column)
    speed = 900.0
    velocity = speed * np.array([np.cos(np.radians(heading_deg)), np.sin(np.radians(heading_deg)), 0.0])
    start = np.array([-650.0, -0.5 * velocity[1], height_m])
    end = start + velocity
    segment = tuple(tuple(map(float, row)) for row in (start, velocity, end, velocity))
    share = kernel.first_hit(*segment, 1.0, terrain)
    top = (column - 0.5 * 67 + 0.1) * 30.0  # east of the ridge's crest, to some metres at this size
    if end[0] < top + 40.0:
        return
    assert share > 0.0
    foot = top - 30.0 * (1.0 - height_m / 200.0)  # where its west slope is as high as the flight
    assert abs(start[0] + share * velocity[0] - foot) < 5.0  # the raster leans on the site's plane by some metres
