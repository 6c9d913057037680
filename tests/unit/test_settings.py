"""Settings: every mistake is one sentence with file, key and why."""

import pytest

from casemate.errors import SettingsError
from casemate.io import settings
from casemate.model.catalog import SiteFile

SITE = """
[site]
name = "Alpha"
lat_deg = 33.3
lon_deg = 44.39
height_m = 34

[[sensor]]
name = "radar-1"
lat_deg = 33.3
lon_deg = 44.39
height_m = 44.0
scan_period_s = 1.0
sigma_range_m = 15.0
sigma_azimuth_deg = 0.17
sac = 25
sic = 10
"""
NODE = 'sapient_node = "0d5a1f0a-61b0-4c0b-9d1b-3f2b6c1d4e55"\n'
ZONE = """
[[zone]]
name = "North"
polygon_deg = [[33.30, 44.38], [33.31, 44.38], [33.31, 44.40]]
"""
ROUND = """
[[round]]
name = "mortar-82"
title = "82 mm mortar"
kind = "mortar"
mass_kg = 3.1
calibre_m = 0.082
mach = [0.0, 1.0]
cd = [0.2, 0.4]
drag_sigma_round = 0.02
drag_sigma_make = 0.05
hazard_radius_m = 20.0
sigma_range_share = 0.005
sigma_cross_share = 0.002
p_dud = 0.05
[round.source]
mass_kg = "a test"
"""
SHELL = (
    ROUND.replace('"mortar"', '"shell"')
    + """
[round.spin]
inertia_kgm2 = 0.01
twist_calibres = 20.0
mach = [0.0, 1.0]
cm_alpha = [3.0, 3.5]
cl_alpha = [1.6, 1.8]
c_spin = [-0.01, -0.01]
c_magnus = [-0.4, -0.5]
cd_alpha2 = [4.0, 6.0]
[round.spin.source]
"""
)
ROCKET = ROUND.replace(
    'kind = "mortar"', 'kind = "rocket"\nburn_s = 0.7\nburnout_speed_mps = 400.0\nmass_launch_kg = 4.0'
)


def refusal(tmp_path, text, read=settings.read_site):
    path = tmp_path / "file.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read(path)
    assert caught.value.file == str(path)
    return caught.value.key, caught.value.why


def test_a_good_site_is_read(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(SITE + ZONE)
    site = settings.read_site(path)
    assert isinstance(site, SiteFile)
    assert site.sensor[0].sic == 10
    assert site.zone[0].shelter_s == 10.0


@pytest.mark.parametrize(
    ("text", "key", "why"),
    [
        (SITE.replace("sigma_range_m", "sigma_rnge_m"), "sensor[0].sigma_rnge_m", "did you mean 'sigma_range_m'?"),
        (SITE.replace("[site]", "[sit]"), "sit", "did you mean 'site'?"),
        (SITE.replace("sigma_range_m = 15.0", "sigma_range_m = -15.0"), "sensor[0].sigma_range_m", "is -15.0"),
        (SITE.replace("sigma_range_m = 15.0", 'sigma_range_m = "15"'), "sensor[0].sigma_range_m", "got str, is '15'"),
        (SITE.replace("sigma_range_m = 15.0\n", ""), "sensor[0].sigma_range_m", "is needed and missing"),
        (SITE.replace("lat_deg = 33.3", "lat_deg = 133.3", 1), "site.lat_deg", "<= 90.0, is 133.3"),
        (SITE + '[environment]\nearth = "disc"\n', "environment.earth", "is 'disc'"),
        (SITE + "range_m = [900.0, 500.0]\n", "sensor[0].range_m", "ascending"),
        (SITE + "range_m = [-1.0, 500.0]\n", "sensor[0].range_m", "from 0 up"),
        (SITE + "elevation_deg = [0.0, 95.0]\n", "sensor[0].elevation_deg", "within [-90, 90]"),
        (SITE + "azimuth_deg = [0.0, 361.0]\n", "sensor[0].azimuth_deg", "[0, 360]"),
        (SITE.replace("sic = 10\n", ""), "sensor[0].sac", "missing"),
        (SITE + SITE[SITE.index("[[sensor]]") :], "sensor[1].name", "'radar-1' is used twice"),
        (
            SITE + SITE[SITE.index("[[sensor]]") :].replace("radar-1", "radar-2"),
            "sensor[1].sic",
            "SAC 25 SIC 10 is used twice",
        ),
        (
            (SITE + NODE)
            + (SITE + NODE)[SITE.index("[[sensor]]") :].replace("radar-1", "radar-2").replace("sic = 10", "sic = 11"),
            "sensor[1].sapient_node",
            "'0d5a1f0a-61b0-4c0b-9d1b-3f2b6c1d4e55' is used twice",
        ),
        (SITE + NODE.replace("-4c0b", "-1c0b"), "sensor[0].sapient_node", "0d5a1f0a-61b0-1c0b"),
        (SITE + ZONE + ZONE, "zone[1].name", "'North' is used twice"),
        (SITE + '[tracking]\ndrag_curve = "genric"\n', "tracking.drag_curve", "did you mean 'generic'?"),
        (SITE + '[environment]\nwind = "wind.csv"\n', "environment.wind of", "cannot be read: No such file"),
        ("a = 1\nb = \n", "", "is not TOML"),
    ],
)
def test_a_mistake_in_a_site_is_named(tmp_path, text, key, why):
    read = lambda path: settings.read_site(path, rounds=())  # noqa: E731 one line says it
    path = tmp_path / "file.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read(path)
    assert caught.value.key.startswith(key)
    assert why in caught.value.why
    assert "\n" not in str(caught.value)


def test_a_toml_mistake_says_its_line(tmp_path):
    _, why = refusal(tmp_path, "a = 1\nb = \n")
    assert "line 2" in why


def test_a_zone_that_crosses_itself_is_refused_by_name(tmp_path):
    bow = ZONE.replace("[33.31, 44.38], [33.31, 44.40]", "[33.31, 44.40], [33.31, 44.38], [33.30, 44.40]")
    key, why = refusal(tmp_path, SITE + bow)
    assert key == "zone[0].polygon_deg"
    assert why == "'North' crosses itself near lat 33.305, lon 44.39"


def test_a_zone_without_area_is_refused(tmp_path):
    flat = ZONE.replace("[33.31, 44.40]", "[33.32, 44.38]")
    assert "'North'" in refusal(tmp_path, SITE + flat)[1]


def test_unreadable_files_are_named(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        settings.read_toml(tmp_path / "none.toml", SiteFile)
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        settings.read_toml(tmp_path, SiteFile)
    (tmp_path / "latin.toml").write_bytes(b'name = "caf\xe9"')
    with pytest.raises(SettingsError, match="not UTF-8"):
        settings.read_toml(tmp_path / "latin.toml", SiteFile)
    (tmp_path / "deep.toml").write_text("a = " + "[" * 100_000)
    with pytest.raises(SettingsError, match=r"nested too deeply|not TOML"):
        settings.read_toml(tmp_path / "deep.toml", SiteFile)


def test_a_huge_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "MAX_BYTES", 100)
    assert "larger than" in refusal(tmp_path, SITE)[1]


@pytest.mark.parametrize(
    ("text", "key", "why"),
    [
        (ROUND.replace("[0.0, 1.0]", "[1.0, 1.0]"), "round[0].mach", "not ascending"),
        (ROUND.replace("[0.2, 0.4]", "[0.2, 0.4, 0.5]"), "round[0].cd", "3 values for 2"),
        (ROUND + ROUND, "round[1].name", "used twice"),
        (ROUND.replace("mortar-82", "not-a-round"), "round[0].name", "meaning of its own"),
        (ROUND.replace('"mortar"', '"rocket"'), "round[0].burn_s", "needed for a rocket"),
        (ROUND.replace("mass_kg = 3.1", "mass_kg = 3.1\nburn_s = 1.0"), "round[0].burn_s", "rockets only"),
        (ROCKET.replace("mass_launch_kg = 4.0", "mass_launch_kg = 3.0"), "round[0].mass_launch_kg", "more than"),
        (SHELL.replace('"shell"', '"mortar"'), "round[0].spin", "shells only"),
        (SHELL.replace("[1.6, 1.8]", "[1.6, 1.8, 2.0]"), "round[0].spin.cl_alpha", "3 values for 2"),
        (SHELL.replace("mach = [0.0, 1.0]\ncm", "mach = [1.0, 0.0]\ncm"), "round[0].spin.mach", "not ascending"),
        (SHELL.replace("= 20.0\nmach", "= 0.0\nmach"), "round[0].spin.twist_calibres", "must not be 0"),
        (SHELL.replace("[-0.4, -0.5]", "[-0.4, 0.5]"), "round[0].spin.c_magnus", "not be positive"),
        (SHELL.replace("c_spin =", "cspin ="), "round[0].spin.cspin", "c_spin"),
    ],
)
def test_a_mistake_in_a_round_is_named(tmp_path, text, key, why):
    found = refusal(tmp_path, text, settings.read_rounds)
    assert found[0] == key
    assert why in found[1]


def test_rounds_are_read_in_order(tmp_path):
    path = tmp_path / "rounds.toml"
    path.write_text(ROUND + ROCKET.replace("mortar-82", "rocket-82") + SHELL.replace("mortar-82", "shell-82"))
    assert [each.name for each in settings.read_rounds(path)] == ["mortar-82", "rocket-82", "shell-82"]


def test_a_drag_curve_may_be_a_round_class(tmp_path):
    (tmp_path / "rounds.toml").write_text(ROUND)
    (tmp_path / "site.toml").write_text(SITE + '[tracking]\ndrag_curve = "mortar-82"\n')
    rounds = settings.read_rounds(tmp_path / "rounds.toml")
    assert settings.read_site(tmp_path / "site.toml", rounds).tracking.drag_curve == "mortar-82"


def test_a_packaged_name_that_does_not_exist_is_refused():
    with pytest.raises(SettingsError, match="there are: "):
        settings.packaged("scenarios", "../rounds")
    for name in settings.packaged_names("scenarios"):
        assert settings.packaged("scenarios", name).is_file()


def test_a_profile_is_read(tmp_path):
    path = tmp_path / "air.csv"
    path.write_text("# made up\nheight_m, wind_e_mps\n0, 1.0\n100, 2.5\n")
    profile = settings.read_profile(path)
    assert list(profile.height_m) == [0.0, 100.0]
    assert list(profile.wind_e_mps) == [1.0, 2.5]
    assert list(profile.wind_n_mps) == [0.0, 0.0]
    assert profile.pressure_pa is None


@pytest.mark.parametrize(
    ("text", "key", "why"),
    [
        ("height_m,wind_e_mps\n0,1\n100,nan\n", "row 2, wind_e_mps", "'nan' is not a finite number"),
        ("height_m,wind_e_mps\n0,1\n100,x\n", "row 2, wind_e_mps", "'x'"),
        ("height_m,wind_e_mps\n0,1\n100\n", "row 2", "1 values for 2 columns"),
        ("height_m,wind_e_mps\n100,1\n0,1\n", "row 2, height_m", "not above"),
        ("height_m,wind_east_mps\n0,1\n100,2\n", "wind_east_mps", "did you mean 'wind_e_mps'?"),
        ("wind_e_mps\n0\n100\n", "height_m", "missing"),
        ("height_m,temperature_k\n0,288\n100,-3\n", "row 2, temperature_k", "above zero"),
        ("height_m\n0\n", "", "at least two rows"),
    ],
)
def test_a_mistake_in_a_profile_is_named(tmp_path, text, key, why):
    path = tmp_path / "air.csv"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        settings.read_profile(path)
    assert (caught.value.file, caught.value.key) == (str(path), key)
    assert why in caught.value.why


def test_a_profile_is_found_beside_its_site(tmp_path):
    (tmp_path / "wind.csv").write_text("height_m,wind_e_mps\n0,1\n100,2\n")
    (tmp_path / "site.toml").write_text(SITE + '[environment]\nwind = "wind.csv"\n')
    site = settings.read_site(tmp_path / "site.toml")
    air, wind = settings.read_profiles(tmp_path / "site.toml", site.environment)
    assert air is None
    assert wind is not None
    assert wind.wind_e_mps[1] == 2.0


def test_a_raster_that_is_not_there_is_named(tmp_path):
    (tmp_path / "site.toml").write_text(SITE + '[terrain]\nfile = "hills.tif"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"terrain.file: there is no .*hills.tif"):
        settings.read_site(tmp_path / "site.toml")
