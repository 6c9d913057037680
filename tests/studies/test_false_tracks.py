"""Study: false confirmed tracks in pure clutter stay below the bound that the tracker states."""

import math

import bench_false_tracks
import pytest

from casemate.tracking.tracker import Settings


@pytest.mark.slow
@pytest.mark.parametrize(("false_plots", "hours"), [(10.0, 1.0), (100.0, 0.5)])
def test_false_tracks_in_clutter_stay_below_the_bound(false_plots, hours):
    """At a loose setting, so that there is something to count."""
    loose = Settings(false_tracks_per_hour=100.0)
    n, bound = bench_false_tracks.confirmed_in_clutter(false_plots, hours, 20_201_122, loose)
    assert bound == pytest.approx(100.0)
    assert 0 < n <= bound * hours + 3.0 * math.sqrt(bound * hours)
