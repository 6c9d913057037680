import numpy as np
import pytest
import terrain_cases

from casemate.errors import DomainError
from casemate.physics.exact import Trajectory
from casemate.physics.geodesy import SiteFrame
from casemate.physics.terrain import build_terrain, ground_height_m, impact_of

FRAME = SiteFrame(46.8, 8.2, 550.0, 50.0)
LAT, LON = 46.8 + 0.001 * np.arange(-20, 21), 8.2 + 0.001 * np.arange(-20, 21)
SLOPE = 500.0 + np.broadcast_to(1000.0 * (LON - 8.2), (41, 41))  # 1 m a column toward the east, over sea level


def falling(height_m, e_m=0.0, speed_mps=100.0, n=11):
    """Return a fall straight down from a height over the site, in the vacuum of a textbook."""
    t = np.linspace(0.0, 10.0, n)
    fall = height_m - speed_mps * t - 0.5 * 9.81 * t * t
    zero = np.zeros_like(t)
    return Trajectory(
        t, np.column_stack((zero + e_m, zero, fall)), np.column_stack((zero, zero, -speed_mps - 9.81 * t))
    )


def test_heights_over_the_sea_are_lifted_by_the_geoid_and_others_are_not():
    assert ground_height_m(build_terrain(LAT, LON, SLOPE, "msl", FRAME), 0.0, 0.0) == pytest.approx(550.0, abs=1e-6)
    assert ground_height_m(build_terrain(LAT, LON, SLOPE, "ellipsoid", FRAME), 0.0, 0.0) == pytest.approx(
        500.0, abs=1e-6
    )


def test_a_raster_may_lie_any_way_up():
    plain = build_terrain(LAT, LON, SLOPE, "msl", FRAME)
    for turned in (
        build_terrain(LAT[::-1], LON, SLOPE[::-1], "msl", FRAME),
        build_terrain(LAT, LON[::-1], SLOPE[:, ::-1], "msl", FRAME),
        build_terrain(LAT, LON + 360.0, SLOPE, "msl", FRAME),
    ):
        assert np.array_equal(turned.heights, plain.heights)
        assert ground_height_m(turned, 500.0, 30.0) == pytest.approx(ground_height_m(plain, 500.0, 30.0), abs=1e-6)


def test_the_ground_climbs_as_the_raster_does():
    terrain = build_terrain(LAT, LON, SLOPE, "msl", FRAME)
    east = FRAME.geodetic_to_enu(46.8, 8.2107, 560.7)[0]
    assert ground_height_m(terrain, east[0], east[1]) == pytest.approx(560.7, abs=1e-3)


def test_beyond_the_raster_the_ground_is_at_the_height_of_the_site():
    assert ground_height_m(build_terrain(LAT, LON, SLOPE + 70.0, "msl", FRAME), 5e3, 0.0) == 550.0


def test_tiles_know_their_highest_post_and_their_neighbours_first():
    heights = np.zeros((40, 47))
    heights[16, 32] = 9.0  # the corner of four tiles
    terrain = terrain_cases.put(heights, geoid_m=0.0)
    assert np.array_equal(terrain.tile_tops, [[0.0, 9.0, 9.0], [0.0, 9.0, 9.0], [0.0, 0.0, 0.0]])
    assert (terrain.min_m, terrain.max_m) == (0.0, 500.0)  # the site's own height counts as ground beyond the raster


def test_a_flight_ends_on_the_ground():
    terrain = build_terrain(LAT, LON, SLOPE, "msl", FRAME)
    flight = impact_of(falling(400.0), terrain)
    time = (np.sqrt(100.0**2 + 2.0 * 9.81 * 400.0) - 100.0) / 9.81
    assert flight.t_s[-1] == pytest.approx(time, abs=1e-6)
    assert np.allclose(flight.pos_m[-1], [0.0, 0.0, 0.0], atol=1e-3)
    assert flight.vel_mps[-1, 2] == pytest.approx(-100.0 - 9.81 * time, abs=1e-5)
    assert np.array_equal(flight.t_s[:-1], np.arange(flight.t_s.size - 1.0))


def test_higher_ground_is_met_earlier():
    terrain = build_terrain(LAT, LON, SLOPE, "msl", FRAME)
    low, high = (impact_of(falling(400.0, e_m), terrain).flight_s for e_m in (-1000.0, 1000.0))
    assert high < impact_of(falling(400.0), terrain).flight_s < low


def test_a_flight_that_ends_on_the_ground_is_left_as_it_is():
    terrain = build_terrain(LAT, LON, SLOPE, "msl", FRAME)
    flight = impact_of(falling(400.0), terrain)
    assert impact_of(flight, terrain).t_s[-1] == pytest.approx(flight.t_s[-1], abs=1e-6)


@pytest.mark.parametrize(("height_m", "name"), [(-5.0, "start_over_ground_m"), (5000.0, "end_over_ground_m")])
def test_a_flight_that_begins_under_the_ground_or_ends_over_it_is_refused(height_m, name):
    with pytest.raises(DomainError, match=name):
        impact_of(falling(height_m), build_terrain(LAT, LON, SLOPE, "msl", FRAME))


def test_posts_without_a_height_are_refused_and_counted():
    holes = SLOPE.copy()
    holes[3, 4:7] = np.nan
    with pytest.raises(DomainError, match="n_voids = 3"):
        build_terrain(LAT, LON, holes, "msl", FRAME)


@pytest.mark.parametrize(
    ("lat", "lon", "name"),
    [
        (LAT + 43.0, LON, "lat_deg"),
        (LAT, np.linspace(-100.0, 100.0, 41), "width_deg"),
        (np.concatenate((LAT[:-1], [47.0])), LON, "uneven"),
        (LAT, np.full(41, np.nan), "uneven"),
    ],
)
def test_a_raster_that_no_frame_can_hold_is_refused(lat, lon, name):
    with pytest.raises(DomainError, match=name):
        build_terrain(lat, lon, SLOPE, "msl", FRAME)


def test_misuse_is_refused():
    with pytest.raises(ValueError, match="datum"):
        build_terrain(LAT, LON, SLOPE, "sea", FRAME)
    with pytest.raises(ValueError, match="shape"):
        build_terrain(LAT, LON[1:], SLOPE, "msl", FRAME)
    with pytest.raises(ValueError, match="shape"):
        build_terrain(LAT[:1], LON, SLOPE[:1], "msl", FRAME)
    with pytest.raises(DomainError, match="e_m"):
        ground_height_m(build_terrain(LAT, LON, SLOPE, "msl", FRAME), np.nan, 0.0)
