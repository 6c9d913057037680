from importlib import resources

import msgspec
import numpy as np
import pytest

from casemate.errors import SettingsError
from casemate.io.settings import read_toml
from casemate.sim.intercept.gun import Gun, GunFile, GunKind, packaged_kinds
from casemate.sim.scenario import Scenario

PLACE = {"name": "gun-1", "lat_deg": 33.3, "lon_deg": 44.39, "height_m": 34.0}


def figures(**changes):
    return msgspec.to_builtins(packaged_kinds()["g20"]) | changes


def test_the_packaged_kinds_lie_in_their_bands_and_say_where_each_figure_is_from():
    kinds = packaged_kinds()
    assert sorted(kinds) == ["g20", "g35", "g35-contact"]
    for kind in kinds.values():
        for name, (low, high) in kind.band.items():
            assert low <= getattr(kind, name) <= high, name
            assert name in kind.source, name


def test_a_scenario_names_a_kind_or_gives_its_own_figures():
    assert msgspec.convert(PLACE | {"kind": "g35"}, Gun).resolved() is packaged_kinds()["g35"]
    own = msgspec.convert(PLACE | {"figures": figures(n_burst=60)}, Gun)
    assert own.resolved().n_burst == 60


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"rate_per_min": 0.0}, "rate_per_min"),
        ({"n_magazine": -1}, "n_magazine"),
        ({"scatter_mrad": 0.0}, "scatter_mrad"),
        ({"p_kill_given_hit": 1.2}, "p_kill_given_hit"),
        ({"range_m": [1800.0, 300.0]}, "range_m"),
        ({"elevation_deg": [0.0, 95.0]}, "elevation_deg"),
        ({"cd": [0.2, 0.3]}, "one length"),
        ({"reload_s": -1.0}, "reload_s"),
        ({"n_hot": 0}, "n_hot"),
        ({"cool_per_min": 0.0}, "cool_per_min"),
        ({"muzzle_mps": 0.0}, "muzzle_mps"),
        ({"self_destruct_s": 0.0}, "self_destruct_s"),
        ({"p_self_destruct_fails": 1.1}, "p_self_destruct_fails"),
        ({"charge_kg": 0.1}, "mass_kg must exceed"),
        ({"share_broken": 0.5}, "exceed 1"),
        ({"n_pieces": 152}, "together"),
        ({"scater_mrad": 1.0}, "scater_mrad"),
    ],
)
def test_a_figure_that_cannot_be_is_refused_by_name(change, word):
    with pytest.raises(msgspec.ValidationError, match=word):
        msgspec.convert(figures(**change), GunKind)


def test_an_unknown_kind_and_a_misspelt_key_are_refused():
    with pytest.raises(msgspec.ValidationError, match=r"g99.*known are g20, g35, g35-contact"):
        msgspec.convert(PLACE | {"kind": "g99"}, Gun)
    with pytest.raises(msgspec.ValidationError, match="knd"):
        msgspec.convert(PLACE | {"knd": "g20"}, Gun)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"gun": []}, GunFile)


def test_a_burst_lasts_its_spin_up_and_then_full_rate():
    kind = packaged_kinds()["g20"]
    in_spin_up = 0.5 * 75.0 * 0.5
    assert kind.burst_s(120) == pytest.approx(0.5 + (120 - in_spin_up) / 75.0)
    assert kind.burst_s(round(in_spin_up)) == pytest.approx(0.5, abs=0.01)
    assert 0.0 < kind.burst_s(5) < 0.5


def test_contact_rounds_reach_the_body_and_clouds_enclose_it():
    radius, p = packaged_kinds()["g20"].reach()
    assert np.pi * radius**2 == pytest.approx(0.02)
    assert p == 0.6
    radius, p = packaged_kinds()["g35"].reach()
    assert radius == 2.2
    assert p == pytest.approx(0.6 * (1.0 - np.exp(-152 * 0.02 / (np.pi * 2.2**2))))


def test_each_round_leaves_at_its_own_time():
    kind = packaged_kinds()["g20"]
    times = kind.rounds_s(120)
    assert times[-1] == kind.burst_s(120)
    assert np.all(np.diff(times) > 0.0)
    assert np.sum(times <= kind.spin_up_s) == int(0.5 * 75.0 * 0.5)
    assert np.diff(times)[-1] == pytest.approx(1.0 / 75.0)
    still = msgspec.convert(figures(spin_up_s=0.0), GunKind).rounds_s(3)
    assert still == pytest.approx([1 / 75.0, 2 / 75.0, 3 / 75.0])


@pytest.mark.parametrize(("key", "bad"), [("rate_per_min", "0.0"), ("n_magazine", "-1"), ("n_burst", "0")])
def test_a_scenario_with_a_gun_that_cannot_be_names_file_key_and_cause(tmp_path, key, bad):
    text = resources.files("casemate").joinpath("data", "guns.toml").read_text().split("[[gun]]")[1]
    text = text.replace("[gun.", "[gun.figures.")
    place = "\n".join(f"{name} = {value!r}" for name, value in PLACE.items())
    lines = f"[[gun]]\n{place}\n[gun.figures]\n{text}".splitlines()
    changed = [
        f"{key} = {bad}" if line.startswith(f"{key} = ") and '"' not in line and "[" not in line else line
        for line in lines
    ]
    assert changed != lines
    head = 'title = "t"\nsource = "s"\nseed = 1\nt_start = 1\nduration_s = 10.0\nsite = "site-alpha"\n'
    file = tmp_path / "night.toml"
    file.write_text(head + "\n".join(changed))
    with pytest.raises(SettingsError) as caught:
        read_toml(file, Scenario)
    assert caught.value.file.endswith("night.toml")
    assert caught.value.key.endswith(key)
    assert ">= " in caught.value.why or "> " in caught.value.why
