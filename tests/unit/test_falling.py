"""What falls over several nights: nothing lost, the same for any number of workers, duds as declared."""

import msgspec
import numpy as np
import pytest

from casemate.cli.protection import residue
from casemate.errors import SettingsError
from casemate.io import settings
from casemate.model.catalog import SiteFile
from casemate.physics.geodesy import SiteFrame
from casemate.sim.intercept.debris import UNBURST
from casemate.sim.people import Crowd
from casemate.sim.scenario import People, Scenario
from casemate.study.falling import Fell, Mean, falling_of, with_duds
from casemate.study.nights import fly_all

SCENARIO = settings.read_toml(settings.packaged("scenarios", "debris-over-town"), Scenario)
SITE = settings.read_toml(settings.packaged("sites", SCENARIO.site), SiteFile)
FRAME = SiteFrame.of(SITE.site)


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """Return the file of a night of two rounds."""
    text = settings.packaged("scenarios", "debris-over-town").read_text(encoding="utf-8")
    for key, value in (
        ("count = 21", "count = 2"),
        ("duration_s = 300.0", "duration_s = 1.0"),
        ("70.0, 70.0", "2.0, 2.0"),
        ("start_s = 20.0", "start_s = 0.0"),
    ):
        assert key in text
        text = text.replace(key, value)
    file = tmp_path_factory.mktemp("short") / "short.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def study(name, seeds, p_dud, folder, workers=1):
    (nights,) = fly_all(Fell, [with_duds(name, p_dud)], seeds, folder, workers).values()
    return falling_of(name, min(seeds), p_dud, nights)


@pytest.mark.slow  # without the compiler
def test_nothing_is_lost_and_workers_do_not_matter(short, tmp_path):
    alone, many = (study(short, range(1, 3), 1.0, tmp_path / str(workers), workers) for workers in (1, 2))
    assert alone.imbalance_share < 1e-9
    cell_km2 = (1e-3 * (alone.edges_m[1] - alone.edges_m[0])) ** 2
    on_grid_kg = float(np.sum(alone.kg_per_km2)) * cell_km2
    assert on_grid_kg + alone.beyond_kg.value == pytest.approx(alone.fell_kg.value, rel=1e-9)
    assert msgspec.to_builtins(many) == msgspec.to_builtins(alone)
    unburst = sum(line.n for line in alone.lines if line.what == UNBURST)
    assert unburst > 0.9 * 2.0 * alone.shots.value > 100.0  # some strike the ground before; none destroys itself


@pytest.mark.slow  # without the compiler
def test_the_command_prints_and_draws(short, tmp_path, capsys):
    residue(
        short, seeds=1, first_seed=1, p_dud=0.0, workers=1, output=tmp_path / "map.png", nights=tmp_path, as_json=False
    )
    said = capsys.readouterr().out
    assert "people live where" in said
    assert UNBURST not in said
    assert (tmp_path / "map.png").stat().st_size > 20_000
    assert "| live things on the ground |" in (tmp_path / "map.md").read_text(encoding="utf-8")


def test_a_night_without_a_raid_lets_nothing_fall(tmp_path, capsys):
    text = settings.packaged("scenarios", "debris-over-town").read_text(encoding="utf-8")
    start, end = text.index("[[raid]]"), text.index("[[gun]]")
    file = tmp_path / "quiet.toml"
    file.write_text((text[:start] + text[end:]).replace("duration_s = 300.0", "duration_s = 2.0"), encoding="utf-8")
    found = study(str(file), [1, 2], 0.5, tmp_path / "nights")
    assert (found.shots.value, found.fell_kg.value, found.lines) == (0.0, 0.0, ())
    assert [each.n_people for each in found.under] == [0.0, 0.0, 0.0]
    residue(
        str(file),
        seeds=1,
        first_seed=1,
        p_dud=None,
        workers=1,
        output=tmp_path / "map.png",
        nights=tmp_path,
        as_json=False,
    )
    assert "rounds fired: 0" in capsys.readouterr().out


def test_people_are_where_they_are_declared():
    crowd = Crowd(SCENARIO, SITE, FRAME)
    places = np.array([[-600.0, -500.0], [2000.0, 0.0], [5000.0, 5000.0], [np.nan, 0.0]])
    assert (1e6 * crowd.per_m2_at(places)).tolist() == pytest.approx([2000.0, 15000.0, 3000.0, 0.0])
    assert [crowd.zones[i] if i >= 0 else "" for i in crowd.zone_at(places)[:3]] == [
        "Alpha South-West",
        "Market Quarter",
        "",
    ]


def test_a_zone_that_says_how_many_it_holds_has_them():
    zone = msgspec.structs.replace(SITE.zone[0], people=1200)
    crowd = Crowd(msgspec.structs.replace(SCENARIO, people=()), msgspec.structs.replace(SITE, zone=(zone,)), FRAME)
    assert crowd.per_m2_in_zones[0] * crowd.areas_m2[0] == pytest.approx(1200.0)
    assert crowd.per_m2_elsewhere == 0.0


def test_people_in_no_zone_of_the_site_are_refused():
    lost = msgspec.structs.replace(SCENARIO, people=(People(people_per_km2=1.0, zones=("Atlantis",)),))
    with pytest.raises(SettingsError, match=r"people\[0\]\.zones.*'Atlantis' is no zone"):
        Crowd(lost, SITE, FRAME)


def test_a_mean_says_its_interval():
    mean = Mean.of([1.0, 2.0, 3.0])
    assert (mean.value, mean.high - mean.value) == (2.0, pytest.approx(4.302653 / np.sqrt(3.0), rel=1e-6))
    assert str(Mean.of([1000.0, 1000.0])) == "1,000 (1,000 to 1,000)"
    assert Mean.of([5.0]).low == -np.inf
