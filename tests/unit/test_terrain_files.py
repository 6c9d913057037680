"""Real rasters, written and sampled by GDAL itself: what is read is what it holds, and no datum is guessed."""

import builtins

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling
from rasterio.shutil import copy
from rasterio.transform import from_origin
from rasterio.warp import reproject, transform

from casemate.errors import SettingsError
from casemate.io.terrain import read_terrain
from casemate.kernels.terrain import surface_at
from casemate.model.catalog import TerrainFile
from casemate.physics.geodesy import SiteFrame

FRAME = SiteFrame(46.51, 8.52, 550.0, 50.0)


def hills(n_y, n_x, dtype="int16"):
    y, x = np.mgrid[:n_y, :n_x]
    heights = 900.0 + 400.0 * np.sin(0.11 * x) * np.cos(0.07 * y) + 3.0 * ((x * 7 + y * 13) % 11)
    return heights.astype(dtype)


def write(path, heights, step_deg, crs="EPSG:4326", corner=(8.0, 47.0), unit=None, **options):
    """Write a GeoTIFF whose first post, the middle of its first pixel, stands at the corner."""
    where = from_origin(corner[0] - 0.5 * step_deg, corner[1] + 0.5 * step_deg, step_deg, step_deg)
    size = {"height": heights.shape[0], "width": heights.shape[1]}
    with rasterio.open(
        path, "w", driver="GTiff", count=1, dtype=heights.dtype, crs=crs, transform=where, **size, **options
    ) as raster:
        raster.write(heights, 1)
        if unit:
            raster.units = (unit,)
    return path


def read(path, datum=None, radius_m=5_000.0, frame=FRAME, *, is_geoid_known=True):
    declared = TerrainFile(file=path.name, datum=datum, radius_m=radius_m)
    return read_terrain(path.parent / "site.toml", declared, frame, is_geoid_known=is_geoid_known)


def ground(terrain, lon, lat, frame=FRAME):
    """Return the height of the ground over the ellipsoid at a longitude and latitude."""
    height, _, is_inside = surface_at(*frame.geodetic_to_enu(lat, lon, 1000.0)[0].tolist(), terrain)
    assert is_inside
    return height


def gdal_bilinear(path, lon, lat):
    """Return what GDAL's own bilinear resampling makes of a raster at a longitude and latitude."""
    with rasterio.open(path) as raster:
        step_x, step_y = raster.transform.a, -raster.transform.e
        out = np.full((1, 1), np.nan)
        around = from_origin(lon - 0.5 * step_x, lat + 0.5 * step_y, step_x, step_y)
        source = raster.read(1).astype(float)
        reproject(
            source, out, src_transform=raster.transform, src_crs=raster.crs,
            dst_transform=around, dst_crs=raster.crs, resampling=Resampling.bilinear,
        )  # fmt: skip
    return float(out[0, 0])


def formats(tmp_path):
    tif = write(tmp_path / "g.tif", hills(600, 600), 1.0 / 600, crs="EPSG:4326+5773")
    dted = write(tmp_path / "d.tif", hills(1201, 1201), 1.0 / 1200, nodata=-32767)
    hgt = write(tmp_path / "h.tif", hills(1201, 1201), 1.0 / 1200, nodata=-32768)
    copy(dted, tmp_path / "n46.dt1", driver="DTED")
    copy(hgt, tmp_path / "N46E008.hgt", driver="SRTMHGT")
    return tif, tmp_path / "n46.dt1", tmp_path / "N46E008.hgt"


def test_geotiff_dted_and_hgt_hold_what_gdal_finds_in_them(tmp_path):
    rng = np.random.default_rng(1)
    for path in formats(tmp_path):
        terrain = read(path)
        assert terrain.heights.size < 600 * 600  # cut to the circle
        for lon, lat in FRAME.enu_to_geodetic(rng.uniform(-3000.0, 3000.0, (20, 3)))[:, [1, 0]]:
            # 50 m of geoid. GDAL's kernel takes its weights in 32 bits: 1e-3 of 400 m of relief between posts.
            assert ground(terrain, lon, lat) == pytest.approx(gdal_bilinear(path, lon, lat) + 50.0, abs=0.05)


def test_posts_are_the_middles_of_pixels(tmp_path):
    for path in formats(tmp_path):
        terrain = read(path)
        with rasterio.open(path) as raster:
            x, y = raster.xy(*raster.index(8.52, 46.51))
            (height,) = next(raster.sample([(x, y)]))
        assert ground(terrain, x, y) == pytest.approx(height + 50.0, abs=1e-4)


def test_a_projected_raster_is_resampled(tmp_path):
    """A plane in UTM stays one, but for GDAL's kernel, widened where posts are sparser than pixels: 4 cm here."""
    (x0,), (y0,) = transform("EPSG:4326", "EPSG:32632", [8.52], [46.51])
    y, x = np.mgrid[:500, :500]
    plane = (700.0 + 0.8 * x - 0.5 * y).astype("float32")
    where = from_origin(x0 - 250.5 * 20.0, y0 + 249.5 * 20.0, 20.0, 20.0)
    path = tmp_path / "utm.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=1, dtype="float32", crs="EPSG:32632", height=500, width=500, transform=where
    ) as raster:
        raster.write(plane, 1)
    terrain = read(path, "egm2008", 40_000.0)  # wider than the raster: its slanted edges are cut off
    rng = np.random.default_rng(2)
    for lon, lat in FRAME.enu_to_geodetic(rng.uniform(-4000.0, 4000.0, (20, 3)))[:, [1, 0]]:
        (x,), (y,) = transform("EPSG:4326", "EPSG:32632", [lon], [lat])
        true = 700.0 + 0.8 * (x - x0 + 250.0 * 20.0) / 20.0 + 0.5 * (y - y0 - 249.0 * 20.0) / 20.0
        assert ground(terrain, lon, lat) == pytest.approx(true + 50.0, abs=0.05)
    assert min(terrain.heights.shape) > 200


@pytest.mark.parametrize(
    ("crs", "declared", "lift_m"),
    [
        ("EPSG:4326+5773", None, 50.0),  # EGM96
        ("EPSG:4326+3855", "egm2008", 50.0),
        ("EPSG:4326+5703", "msl", 50.0),  # NAVD88, a sea level of its own
        ("EPSG:4326", "msl", 50.0),
        ("EPSG:4979", None, 0.0),  # heights over the ellipsoid
        ("EPSG:4326", "ellipsoid", 0.0),
    ],
)
def test_the_vertical_datum_is_the_files_or_declared(tmp_path, crs, declared, lift_m):
    path = write(tmp_path / "t.tif", np.full((100, 100), 900, "int16"), 0.01, crs)
    assert ground(read(path, declared), 8.52, 46.51) == pytest.approx(900.0 + lift_m, abs=1e-6)


@pytest.mark.parametrize(
    ("crs", "declared", "why"),
    [
        ("EPSG:4326", None, "does not say what its heights count from"),
        ("EPSG:4326+5773", "ellipsoid", "itself says egm96"),
        ("EPSG:4326+5773", "egm2008", "itself says egm96"),
        ("EPSG:4979", "msl", "itself says ellipsoid"),
    ],
)
def test_a_datum_that_is_unknown_or_contradicted_is_refused(tmp_path, crs, declared, why):
    path = write(tmp_path / "t.tif", np.full((100, 100), 900, "int16"), 0.01, crs)
    with pytest.raises(SettingsError, match=why) as caught:
        read(path, declared)
    assert (caught.value.file, caught.value.key) == (str(tmp_path / "site.toml"), "terrain.datum")


def test_heights_over_the_ellipsoid_need_to_know_the_sea(tmp_path):
    path = write(tmp_path / "t.tif", np.full((100, 100), 900, "int16"), 0.01, "EPSG:4979")
    with pytest.raises(SettingsError, match="geoid_m"):
        read(path, is_geoid_known=False)
    read(write(tmp_path / "u.tif", np.full((100, 100), 900, "int16"), 0.01), "msl", is_geoid_known=False)


def test_feet_become_metres(tmp_path):
    path = write(tmp_path / "t.tif", np.full((100, 100), 1000, "int16"), 0.01, unit="ft")
    assert ground(read(path, "msl"), 8.52, 46.51) == pytest.approx(354.8, abs=1e-6)


@pytest.mark.parametrize(("name", "void"), [("N46E008.hgt", -32768), ("n46.dt1", -32767)])
def test_voids_near_the_site_are_counted_and_refused(tmp_path, name, void):
    heights = hills(1201, 1201)
    heights[560:563, 620] = void  # 2.5 km from the site
    heights[0, 0] = void  # 60 km away: out of the circle, no matter
    plain = write(tmp_path / "t.tif", heights, 1.0 / 1200, nodata=void)
    copy(plain, tmp_path / name, driver="SRTMHGT" if name.endswith("hgt") else "DTED")
    with pytest.raises(SettingsError, match="no height at 3 of"):
        read(tmp_path / name)
    read(tmp_path / name, radius_m=1_000.0)
    heights[heights == void] = -32767  # and where the file does not mark them
    with pytest.raises(SettingsError, match="no height at 3 of"):
        read(write(tmp_path / "u.tif", heights, 1.0 / 1200), "msl")


def test_what_is_no_terrain_is_refused(tmp_path):
    far = SiteFrame(10.0, 10.0, 0.0)
    plain = write(tmp_path / "t.tif", hills(100, 100), 0.01)
    sunk = write(tmp_path / "deep.tif", hills(100, 100) - 9999, 0.01)
    odd = write(tmp_path / "k.tif", hills(100, 100), 0.01, unit="fathom")
    junk = tmp_path / "junk.tif"
    junk.write_text("no raster")
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        bare = write(tmp_path / "bare.tif", hills(9, 9), 1.0, crs=None, corner=(0.5, -0.5))
    picture = tmp_path / "p.png"
    copy(write(tmp_path / "b.tif", hills(100, 100, "uint8"), 0.01), picture, driver="PNG")
    for path, frame, why in (
        (plain, far, "covers lat 46.0100 to 47.0000, lon 8.0000 to 8.9900: not lat 10, lon 10"),
        (sunk, FRAME, "no terrain of this Earth"),
        (odd, FRAME, "'fathom'"),
        (junk, FRAME, "cannot be read as GeoTIFF, DTED or HGT"),
        (bare, FRAME, "no coordinate system"),
        (picture, FRAME, "is PNG"),
        (tmp_path / "none.tif", FRAME, "there is no"),
    ):
        with pytest.raises(SettingsError, match=why):
            read(path, "msl", frame=frame)


def test_a_raster_that_is_too_fine_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("casemate.io.terrain.MAX_POSTS", 1000)
    with pytest.raises(SettingsError, match="take less of it"):
        read(write(tmp_path / "t.tif", hills(600, 600), 1.0 / 600), "msl")


def test_across_the_antimeridian(tmp_path):
    frame = SiteFrame(-16.5, -179.999, 50.0)
    path = write(tmp_path / "t.tif", np.full((200, 200), 77, "int16"), 0.005, corner=(179.5, -16.0))
    terrain = read(path, "msl", frame=frame)
    for lon in (179.99, -179.97):
        assert ground(terrain, lon, -16.5, frame) == pytest.approx(77.0, abs=1e-9)


def test_without_rasterio_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    path = write(tmp_path / "t.tif", hills(100, 100), 0.01)
    real = builtins.__import__

    def without(name, *args):
        if name.startswith("rasterio"):
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SettingsError, match=r"pip install 'casemate\[terrain\]'"):
        read(path, "msl")
