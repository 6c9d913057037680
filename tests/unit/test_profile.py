import numpy as np
import pytest

from casemate.errors import DomainError, SettingsError
from casemate.io.profile import read_profile
from casemate.kernels.air import air_at
from casemate.physics.atmosphere import ussa76
from casemate.physics.profile import STANDARD_AIR, Profile, build_air, virtual_temperature_k

CALM = np.zeros(2)


def write(tmp_path, text):
    path = tmp_path / "air.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_radiosonde_of_wyoming_is_read(tmp_path):
    path = write(
        tmp_path,
        "time,longitude,latitude,pressure_hPa,geopotential height_m,temperature_C,dew point temperature_C,"
        "ice point temperature_C,relative humidity_%,humidity wrt ice_%,mixing ratio_g/kg,wind direction_degree,"
        "wind speed_m/s\n"
        "2026-11-22 00:00:00,9.0,47.2,1000.0,120,15.0,10.0,9.0,72,70,7.7,270,5.0\n"
        "2026-11-22 00:00:05,9.0,47.2,900.0,1000,8.0,6.0,,88,,6.5,180,10.0\n",
    )
    read = read_profile(path)
    assert np.allclose(read.height_m, [120.00227, 1000.15734], atol=1e-4)  # R h / (R - h), R = 6356766 m
    assert np.allclose(read.pressure_pa, [1e5, 9e4])
    assert np.allclose(read.temperature_k, [288.15, 281.15])
    assert np.allclose(read.relative_humidity_percent, [72.0, 88.0])
    assert np.allclose(read.wind_e_mps, [5.0, 0.0], atol=1e-12)  # from the west: toward east
    assert np.allclose(read.wind_n_mps, [0.0, 10.0], atol=1e-12)


def test_a_reanalysis_whose_names_are_a_comment_is_read(tmp_path):
    text = "# geopotential_height_m_MSL,pressure_hPa,temperature_K,u_east_mps,v_north_mps  (ERA5, some time)\n"
    read = read_profile(write(tmp_path, text + "0.0,1013.0,290.0,1.0,-2.0\n1000.0,900.0,284.0,3.0,-4.0\n"))
    assert np.allclose(read.pressure_pa, [101300.0, 90000.0])
    assert read.wind_n_mps.tolist() == [-2.0, -4.0]
    assert read.relative_humidity_percent is None


@pytest.mark.parametrize(("text", "key", "why"), [
    ("height_m,temprature_c\n0,1\n1,2\n", "temprature_c", "did you mean 'temperature_c'?"),
    ("height_m,geopotential_height_m\n0,0\n1,1\n", "geopotential_height_m", "gives height_m a second time"),
    ("height_m,wind_speed_mps\n0,1\n1,1\n", "wind_from_deg", "is missing beside wind_speed_mps"),
    ("height_m,wind_speed_mps,wind_from_deg,wind_e_mps\n0,1,2,3\n1,1,2,3\n", "wind_e_mps", "both give the wind"),
    ("height_m,wind_speed_mps,wind_from_deg\n0,-1,2\n1,1,2\n", "row 1, wind_speed_mps", "outside [0, inf]"),
    ("height_m,wind_speed_mps,wind_from_deg\n0,1,2\n1,1,361\n", "row 2, wind_from_deg", "outside [0, 360]"),
    ("height_m,relative_humidity_percent\n0,1\n1,111\n", "row 2, relative_humidity_percent", "outside [0, 110]"),
    ("height_m,temperature_c\n0,15\n1,-280\n", "row 2, temperature_c", "not above zero"),
    ("geopotential_height_m,wind_e_mps\n5,1\n5,2\n", "row 2, geopotential_height_m", "is not above the row before"),
    ("# somebody's numbers\n0,1\n1,2\n3,4\n", "somebody's numbers", "not a known column"),
])  # fmt: skip
def test_a_mistake_is_named(tmp_path, text, key, why):
    path = write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        read_profile(path)
    assert (caught.value.file, caught.value.key) == (str(path), key)
    assert why in caught.value.why


def test_standard_air_given_as_levels_is_the_standard():
    # Between levels of 500 m what bends is read as straight: 1.3e-4 of the density, 5e-4 in the tropopause's own cell.
    z = np.arange(-500.0, 30_000.0, 500.0)
    air = ussa76(z)
    profile = Profile(z, air.pressure_pa, air.temperature_k, 0.0 * z, 0.0 * z)
    for geoid in (0.0, -40.0):
        measured = build_air(profile, None, geoid)
        for h in np.linspace(-900.0, 60_000.0, 321):
            ours, given = air_at(h + geoid, measured), air_at(h, STANDARD_AIR)
            assert np.allclose(ours, given, rtol=6e-4)


def test_moist_air_is_lighter():
    # Saturated at 30 degrees, e = 4247 Pa in the steam tables: rho = (p - 0.378 e) / (R T) = 1.1459 kg/m3, dry 1.1644.
    warm = virtual_temperature_k(np.array([303.15]), np.array([101_325.0]), np.array([100.0]))
    assert 101_325.0 / (287.053 * warm[0]) == pytest.approx(1.1459, abs=1e-4)
    assert virtual_temperature_k(np.array([280.0]), np.array([9e4]), None)[0] == 280.0


@pytest.mark.parametrize(("name", "profile"), [
    ("height_m", Profile(np.array([10.0, 10.0]), None, None, CALM, CALM)),
    ("height_m", Profile(np.array([10.0, np.nan]), None, None, CALM, CALM)),
    ("wind_mps", Profile(np.array([0.0, 10.0]), None, None, CALM, np.array([0.0, np.inf]))),
])  # fmt: skip
def test_wind_that_makes_no_sense_is_refused(name, profile):
    with pytest.raises(DomainError, match=name):
        build_air(None, profile)


def test_air_that_makes_no_sense_is_refused():
    z = np.array([0.0, 10.0])
    for pressure, temperature, name in (
        ([1e5, 0.0], [280.0, 280.0], "pressure_pa"),
        ([1e5, 1e5], [280.0, np.nan], "temp"),
    ):
        with pytest.raises(DomainError, match=name):
            build_air(Profile(z, np.array(pressure), np.array(temperature), CALM, CALM))
    with pytest.raises(ValueError, match="needs pressure"):
        build_air(Profile(z, None, None, CALM, CALM))
