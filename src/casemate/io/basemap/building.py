"""What kind of map a file is, and the way from it to tiles."""

import pathlib
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Final

from casemate.errors import SettingsError
from casemate.io.basemap import raster, vector
from casemate.io.basemap.shelf import read_basemap

Said = Callable[[str], None]
"""Told what is being done, for a person who waits."""

OSM_CREDIT: Final = "© OpenStreetMap contributors, ODbL"
KINDS: Final = ".pmtiles, .mbtiles, .osm.pbf, .osm, .gpkg, .geojson, .json, .shp, .fgb, .tif, .tiff, or a folder z/x/y"
_VECTOR: Final = (".gpkg", ".geojson", ".json", ".shp", ".fgb")


def build(source: pathlib.Path, target: pathlib.Path, attribution: str = "", said: Said = lambda _: None) -> None:
    """Make one PMTiles archive of a map file.

    Parameters
    ----------
    source : Path
        PMTiles, MBTiles, OpenStreetMap extract, GeoPackage, GeoJSON, Shapefile, FlatGeobuf, GeoTIFF, or a folder of
        tiles z/x/y.
    target : Path
        Written anew.
    attribution : str
        Whom to credit; of an OpenStreetMap extract that is known.

    Raises
    ------
    SettingsError
        It is no such map, or a package that its kind takes is missing.
    """
    name = source.name.lower()
    if not source.exists():
        raise SettingsError(str(source), "", "does not exist")
    try:
        if source.is_dir():
            raster.from_folder(source, target, attribution, said)
        elif name.endswith(".pmtiles"):
            read_basemap(source)
            said("copying")
            shutil.copyfile(source, target)
        elif name.endswith(".mbtiles"):
            _from_mbtiles(source, target, said)
        elif name.endswith((".osm.pbf", ".osm")):
            vector.from_osm(source, target, attribution or OSM_CREDIT, said)
        elif name.endswith(_VECTOR):
            vector.from_file(source, target, attribution, said)
        elif name.endswith((".tif", ".tiff")):
            raster.from_picture(source, target, attribution, said)
        else:
            raise SettingsError(str(source), "", f"is no map by its name; known are {KINDS}")
    except ModuleNotFoundError as error:
        why = f"its kind needs the package {error.name}: pip install 'casemate[basemap]'"
        raise SettingsError(str(source), "", why) from None


def _from_mbtiles(source: pathlib.Path, target: pathlib.Path, said: Said) -> None:
    from pmtiles.convert import mbtiles_to_pmtiles  # noqa: PLC0415 an extra

    said("copying tiles")
    try:  # looked at first: the converter leaves its files open where it fails
        with closing(sqlite3.connect(f"file:{source.resolve()}?mode=ro", uri=True)) as archive:
            said_of = dict(archive.execute("SELECT name, value FROM metadata"))
            (n_tiles,) = archive.execute("SELECT count(*) FROM tiles").fetchone()
        lacking = {"format", "minzoom", "maxzoom"} - said_of.keys()
    except sqlite3.Error as error:
        raise SettingsError(str(source), "", f"is no MBTiles archive: {error}") from None
    if lacking or not n_tiles:
        what = f"does not say its {', '.join(sorted(lacking))}" if lacking else "holds no tiles"
        raise SettingsError(str(source), "", f"{what}, so no map can be made of it")
    mbtiles_to_pmtiles(str(source), str(target), None)
