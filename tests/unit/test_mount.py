import msgspec
import numpy as np
import pytest

from casemate.model.catalog import EnvironmentSettings
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.sim.intercept.gun import Gun, GunKind, packaged_kinds
from casemate.sim.intercept.mount import Mount

S = 1_000_000_000
FRAME = SiteFrame(33.3, 44.39, 34.0)
AIR = build_environment(EnvironmentSettings(), FRAME, drag_shape_of("generic"))


def mount(kind="g20", **changes):
    figures = msgspec.convert(msgspec.to_builtins(packaged_kinds()[kind]) | changes, GunKind)
    return Mount(Gun(name="gun", lat_deg=33.3, lon_deg=44.39, height_m=34.0, figures=figures), FRAME, AIR)


def test_it_turns_at_its_rates_the_short_way_and_settles():
    gun = mount(slew_train_degps=100.0, slew_elevate_degps=50.0, settle_s=0.4)
    gun.az_rad = np.radians(170.0)
    turn_s = gun.turn_s(np.radians([-170.0, 170.0, 160.0]), np.radians([0.0, 50.0, 0.0]))
    assert turn_s == pytest.approx([0.6, 1.4, 0.5])


def test_it_serves_its_band_and_only_as_far_as_its_rounds_fly():
    gun = mount()
    assert gun.shots.reach_m < gun.kind.range_m[1]  # 1,800 m is past the self-destruction of the early ones
    assert gun.covers(np.radians([30.0, 30.0, 88.0, -2.0]), np.array([1000.0, 200.0, 1000.0, 1000.0])).tolist() == [
        True,
        False,
        False,
        False,
    ]
    az, el, range_m = gun.look(gun.place_m + np.array([[300.0, 400.0, 500.0]]))
    assert (az[0], el[0], range_m[0]) == pytest.approx((np.arctan2(3.0, 4.0), np.pi / 4.0, 500.0 * 2.0**0.5))


def test_the_magazine_empties_and_comes_back_after_the_reload():
    gun = mount(n_magazine=150, reload_s=60.0, n_hot=10_000)
    assert gun.n_ready(0) == 150
    gun.book(0, 5 * S, 120, 0.1, 0.2)
    assert (gun.n_ready(5 * S), gun.free_ns, gun.az_rad, gun.el_rad) == (30, 5 * S, 0.1, 0.2)
    gun.book(6 * S, 9 * S, 30, 0.1, 0.2)
    end_s = 6.0 + gun.kind.burst_s(30)
    assert gun.n_ready(round((end_s + 59.0) * S)) == 0
    assert gun.n_ready(round((end_s + 61.0) * S)) == 150
    assert mount(n_magazine=0, reload_s=0.0).n_ready(S) == 0


def test_a_hot_barrel_fires_less_until_it_has_cooled():
    gun = mount(n_hot=200, cool_per_min=60.0)
    gun.book(0, 5 * S, 120, 0.0, 0.0)
    end_s = gun.kind.burst_s(120)
    assert gun.n_ready(round(end_s * S)) == 80
    assert gun.n_ready(round((end_s + 30.0) * S)) == 110
    assert gun.n_ready(round((end_s + 300.0) * S)) == 200
