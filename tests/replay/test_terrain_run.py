"""A site with terrain: rounds come down on it, impacts are predicted on it, and a replay needs the very same raster."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio
from rasterio.transform import from_origin

from casemate import rehearsal, station
from casemate.errors import SettingsError
from casemate.io import journal
from casemate.runner import plan_of, terrain_of

STEP_DEG = 1.0 / 3600.0
SITE = """
[site]
name = "Below the plateau"
lat_deg = 46.8
lon_deg = 8.2
height_m = 500.0
geoid_m = 50.0

[terrain]
file = "plateau.tif"
datum = "egm2008"
radius_m = 6000.0

[[sensor]]
name = "radar-1"
lat_deg = 46.8
lon_deg = 8.2
height_m = 512.0
scan_period_s = 1.0
sigma_range_m = 15.0
sigma_azimuth_deg = 0.1
sigma_elevation_deg = 0.1
sigma_range_rate_mps = 1.0

[[zone]]
name = "Plateau"
polygon_deg = [[46.79, 8.21], [46.81, 8.21], [46.81, 8.24], [46.79, 8.24]]
"""
SCENARIO = """
title = "Onto the plateau"
source = "made up for a test"
seed = 5
t_start = 2026-01-01T00:00:00Z
duration_s = 40.0
site = "site.toml"

[[raid]]
round_class = "m120"
count = 3
impact_e_m = 1800.0
impact_n_m = 0.0
impact_sigma_m = 50.0
bearing_deg = 90.0
ground_range_m = [4500.0, 4500.0]
arc = "flat"
start_s = 3.0
spread_s = [4.0, 4.0]
rcs_dbsm = -15.0
rcs_sigma_db = 0.0
"""
PLATEAU_M = 150.0


def write_raster(path, rise_m=PLATEAU_M):
    """Write posts 500 m above the sea, and from 600 m east of the site on rise_m higher."""
    heights = np.full((500, 500), 500.0, "float32")
    heights[:, 280:] += rise_m
    where = from_origin(8.2 - 250.5 * STEP_DEG, 46.8 + 250.5 * STEP_DEG, STEP_DEG, STEP_DEG)
    with rasterio.open(
        path, "w", driver="GTiff", width=500, height=500, count=1, dtype="float32", crs="EPSG:4326", transform=where
    ) as raster:
        raster.write(heights, 1)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("terrain")
    write_raster(folder / "plateau.tif")
    (folder / "site.toml").write_text(SITE, encoding="utf-8")
    (folder / "scenario.toml").write_text(SCENARIO, encoding="utf-8")
    summary = rehearsal.run(str(folder / "scenario.toml"), None, folder / "run", with_intercept=False)
    return folder, summary


def ends(folder):
    rows = pq.read_table(folder / "run" / "truth.parquet").to_pylist()
    return np.array([(row["e_m"], row["n_m"], row["u_m"]) for row in rows if not row["is_alive"]])


def test_rounds_come_down_on_the_terrain(finished):
    folder, _ = finished
    last = ends(folder)
    assert len(last) == 3
    assert np.abs(last[:, 2] - PLATEAU_M).max() < 0.5  # the ellipsoid has curved away by 0.25 m there


def test_impacts_are_predicted_on_the_terrain(finished):
    """Level ground at the site's height would have them some 100 m farther west (150 m, at 55 degrees)."""
    folder, _ = finished
    latest = {}
    for row in pq.read_table(folder / "run" / "impacts.parquet").to_pylist():
        if row["status"] == "ok":
            latest[row["track_id"]] = (row["e_m"], row["n_m"])
    true = ends(folder)[:, :2]
    nearest = [np.linalg.norm(true - point, axis=1).min() for point in latest.values()]
    assert len(nearest) == 3
    assert max(nearest) < 20.0


def test_the_summary_names_the_raster(finished):
    _, summary = finished
    assert set(summary["inputs"]) == {"scenario.toml", "site.toml", "plateau.tif"}


def test_a_replay_reads_the_raster_again_and_gives_the_same_events(finished, tmp_path):
    folder, _ = finished
    station.replay(folder / "run", tmp_path / "again")
    events = [list(journal.read_events(run / "journal.sqlite")) for run in (folder / "run", tmp_path / "again")]
    assert events[0] == events[1]


def test_a_replay_refuses_a_raster_that_changed_or_is_gone(finished, tmp_path):
    folder, _ = finished
    raster = folder / "plateau.tif"
    kept = raster.read_bytes()
    try:
        write_raster(raster, 151.0)
        with pytest.raises(SettingsError, match="holds something else now"):
            station.replay(folder / "run", tmp_path / "again")
        raster.unlink()
        with pytest.raises(SettingsError, match="which is gone"):
            station.replay(folder / "run", tmp_path / "again")
    finally:
        raster.write_bytes(kept)
    assert not (tmp_path / "again").exists()


def test_a_site_without_terrain_has_none(finished):
    folder, _ = finished
    text = SITE.replace('[terrain]\nfile = "plateau.tif"\ndatum = "egm2008"\nradius_m = 6000.0\n', "")
    (folder / "level.toml").write_text(text, encoding="utf-8")
    plan = plan_of(folder / "level.toml")
    assert plan.raster is None
    assert terrain_of(plan, folder / "level.toml") is None
