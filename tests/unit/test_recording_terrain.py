"""A plan's terrain must hold its assets: beyond the raster the ground is only assumed."""

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from casemate.errors import SettingsError
from casemate.physics.geodesy import SiteFrame
from casemate.physics.terrain import build_terrain, covers
from casemate.runner import plan_of, terrain_of

SITE = """
[site]
name = "s"
lat_deg = 46.5
lon_deg = 8.5
height_m = 500.0
geoid_m = 50.0

[terrain]
file = "plain.tif"
datum = "egm2008"
radius_m = 3000.0

[[sensor]]
name = "radar-1"
lat_deg = 46.5
lon_deg = 8.5
height_m = 520.0
scan_period_s = 1.0
sigma_range_m = 20.0
sigma_azimuth_deg = 0.2
sigma_elevation_deg = 0.3

[[asset]]
name = "depot"
polygon_deg = [[46.50, 8.50], [46.50, {lon}], [46.51, 8.50]]
priority = 1
"""


def plan_beside(tmp_path, lon):
    where = from_origin(8.4, 46.6, 0.001, 0.001)
    heights = np.full((200, 200), 500.0, np.float32)
    with rasterio.open(
        tmp_path / "plain.tif", "w", driver="GTiff", count=1, dtype="float32", crs="EPSG:4326", transform=where,
        height=200, width=200,
    ) as raster:  # fmt: skip
        raster.write(heights, 1)
    path = tmp_path / "site.toml"
    path.write_text(SITE.format(lon=lon), encoding="utf-8")
    return plan_of(path), path


def test_an_asset_on_the_raster_is_taken(tmp_path):
    terrain = terrain_of(*plan_beside(tmp_path, 8.51))
    assert terrain is not None


def test_an_asset_beyond_the_raster_is_refused_by_file_key_and_corner(tmp_path):
    plan, path = plan_beside(tmp_path, 8.7)
    with pytest.raises(SettingsError) as caught:
        terrain_of(plan, path)
    assert (caught.value.file, caught.value.key) == (str(path), "asset[0].polygon_deg")
    assert "[46.5, 8.7] of 'depot' lies outside the terrain of plain.tif" in caught.value.why


def test_a_raster_covers_its_edges_across_the_date_line_too():
    lat, lon = np.linspace(-17.0, -16.0, 11), np.linspace(179.5, 180.5, 11)
    terrain = build_terrain(lat, lon, np.zeros((11, 11)), "msl", SiteFrame(-16.5, 180.0, 0.0, 0.0))
    at = np.array([-16.5, -16.5, -16.5, -17.0, -17.2, -16.5])
    along = np.array([180.0, -179.9, -179.4, 179.5, 179.6, 179.4])
    assert covers(terrain, at, along).tolist() == [True, True, False, True, False, False]
