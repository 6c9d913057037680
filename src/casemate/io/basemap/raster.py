"""Maps that are pictures: a GeoTIFF cut into tiles, or tiles that lie in a folder already.

Tiles are Web Mercator (EPSG:3857), 256 pixels wide, numbered as in OpenStreetMap.
"""

import functools
import itertools
import math
import pathlib
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.errors import SettingsError

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

Said = Callable[[str], None]
Tile = tuple[int, int, int]  # z, x, y

_SIDE: Final = 256
_HALF_M: Final = 20_037_508.342789244
"""Half the width of the Web Mercator square [m]: pi times the semi-major axis of WGS 84 (EPSG:3857)."""
_LEAST_ACROSS: Final = 1  # tiles of the least zoom
_MOST_TILES: Final = 2_000_000
_MOST_ZOOM: Final = 19  # 0.3 m a pixel on the equator
_SUFFIXES: Final = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


class _Bounds(NamedTuple):
    west_m: float
    south_m: float
    east_m: float
    north_m: float


def from_folder(source: pathlib.Path, target: pathlib.Path, attribution: str, said: Said) -> None:
    """Make an archive of a folder of tiles z/x/y.png (.jpg, .webp)."""
    paths = {tile: path for path in source.glob("*/*/*") if (tile := _tile_of(path)) is not None}
    kinds = {_SUFFIXES[path.suffix.lower()] for path in paths.values()}
    if len(kinds) != 1:
        what = "holds no tiles z/x/y.png, .jpg or .webp" if not kinds else f"mixes tiles of {', '.join(sorted(kinds))}"
        raise SettingsError(str(source), "", what)
    said(f"{len(paths):,} tiles")
    most = max(z for z, _, _ in paths)
    edges = np.array([_edges(tile) for tile in paths if tile[0] == most])
    bounds = _Bounds(*edges[:, :2].min(axis=0), *edges[:, 2:].max(axis=0))
    _write(target, list(paths), lambda tile: paths[tile].read_bytes(), kinds.pop(), bounds, attribution)


def from_picture(source: pathlib.Path, target: pathlib.Path, attribution: str, said: Said) -> None:
    """Cut a GeoTIFF of 8 bits (grey, colours, with or without a mask, or a palette) into PNG tiles.

    Raises
    ------
    SettingsError
        It says not where it lies, is no such picture, or would take too many tiles.
    """
    import rasterio  # noqa: PLC0415 an extra
    from rasterio.errors import NotGeoreferencedWarning, RasterioError  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # said below, as an error
        try:
            with rasterio.open(source) as picture:
                _check(source, picture)
                _cut(source, picture, target, attribution, said)
        except RasterioError as error:
            raise SettingsError(str(source), "", f"cannot be read as a picture: {str(error).splitlines()[0]}") from None


def _check(source: pathlib.Path, picture: "DatasetReader") -> None:
    if picture.crs is None:
        raise SettingsError(str(source), "", "says no coordinate system, so nobody knows where it lies")
    if set(picture.dtypes) != {"uint8"} or len(picture.dtypes) > 4:
        found = f"{len(picture.dtypes)} band(s) of {', '.join(sorted(set(picture.dtypes)))}"
        why = f"is no picture of 8 bits but {found}; `gdal_translate -ot Byte -scale` makes one"
        raise SettingsError(str(source), "", why)


def _cut(source: pathlib.Path, picture: "DatasetReader", target: pathlib.Path, attribution: str, said: Said) -> None:
    from rasterio.enums import Resampling  # noqa: PLC0415 an extra
    from rasterio.transform import from_bounds  # noqa: PLC0415
    from rasterio.vrt import WarpedVRT  # noqa: PLC0415

    palette = _palette_of(picture)
    how = Resampling.nearest if palette is not None else Resampling.bilinear  # colours by number do not mix
    flat = functools.partial(WarpedVRT, picture, crs="EPSG:3857", resampling=how, add_alpha=palette is None)
    with flat() as whole:
        bounds, pixel_m = _Bounds(*whole.bounds), abs(whole.transform.a)
    most = min(max(round(math.log2(2.0 * _HALF_M / _SIDE / pixel_m)), 0), _MOST_ZOOM)
    tiles = list(_tiles_of(bounds, most))
    if len(tiles) > _MOST_TILES:
        raise SettingsError(str(source), "", f"would take {len(tiles):,} tiles; {_MOST_TILES:,} are the most")
    n_drawn = itertools.count(1)

    def draw(tile: Tile) -> bytes:
        said(f"tiles: {next(n_drawn):,} of {len(tiles):,}")
        place = from_bounds(*_edges(tile), _SIDE, _SIDE)
        with flat(transform=place, width=_SIDE, height=_SIDE) as cut:
            bands = cut.read()
        return _png(bands if palette is None else palette[bands[0]].transpose(2, 0, 1))

    _write(target, tiles, draw, "png", bounds, attribution)


def _palette_of(picture: "DatasetReader") -> NDArray[np.uint8] | None:
    from rasterio.enums import ColorInterp  # noqa: PLC0415 an extra

    if picture.colorinterp[0] != ColorInterp.palette:
        return None
    colours = np.zeros((256, 4), np.uint8)
    for value, colour in picture.colormap(1).items():
        colours[value] = colour
    return colours


def _png(bands: NDArray[np.uint8]) -> bytes:
    from rasterio.io import MemoryFile  # noqa: PLC0415 an extra

    count, height, width = bands.shape
    with MemoryFile() as memory:
        with memory.open(driver="PNG", dtype="uint8", count=count, height=height, width=width) as tile:
            tile.write(np.ascontiguousarray(bands))
        return memory.read()


def _tiles_of(bounds: _Bounds, most: int) -> Iterator[Tile]:
    # From the zoom at which one tile is as wide as the map, to that of its own pixels.
    across = max(bounds.east_m - bounds.west_m, bounds.north_m - bounds.south_m, 1.0)
    least = min(max(math.floor(math.log2(2.0 * _HALF_M / across * _LEAST_ACROSS)), 0), most)
    for z in range(least, most + 1):
        wide_m, last = 2.0 * _HALF_M / 2**z, 2**z - 1
        x0, x1 = (min(max(int((e + _HALF_M) / wide_m), 0), last) for e in (bounds.west_m, bounds.east_m - 1e-6))
        y0, y1 = (min(max(int((_HALF_M - n) / wide_m), 0), last) for n in (bounds.north_m, bounds.south_m + 1e-6))
        yield from ((z, x, y) for x in range(x0, x1 + 1) for y in range(y0, y1 + 1))


def _edges(tile: Tile) -> tuple[float, float, float, float]:
    z, x, y = tile
    wide_m = 2.0 * _HALF_M / 2**z
    west_m, north_m = x * wide_m - _HALF_M, _HALF_M - y * wide_m
    return west_m, north_m - wide_m, west_m + wide_m, north_m


def _tile_of(path: pathlib.Path) -> Tile | None:
    numbers = (path.parent.parent.name, path.parent.name, path.stem)
    if path.suffix.lower() not in _SUFFIXES or not all(each.isascii() and each.isdecimal() for each in numbers):
        return None
    z, x, y = (int(each) for each in numbers)
    return (z, x, y) if z <= 30 and x < 2**z and y < 2**z else None


def _write(
    target: pathlib.Path,
    tiles: list[Tile],
    content_of: Callable[[Tile], bytes],
    kind: str,
    bounds: _Bounds,
    attribution: str,
) -> None:
    from pmtiles.tile import Compression, TileType, zxy_to_tileid  # noqa: PLC0415 an extra
    from pmtiles.writer import write  # noqa: PLC0415

    west_deg, south_deg = _degrees(bounds.west_m, bounds.south_m)
    east_deg, north_deg = _degrees(bounds.east_m, bounds.north_m)
    header: dict[str, Any] = {
        "tile_type": TileType[kind.upper()],
        "tile_compression": Compression.NONE,
        "min_lon_e7": round(west_deg * 1e7),
        "min_lat_e7": round(south_deg * 1e7),
        "max_lon_e7": round(east_deg * 1e7),
        "max_lat_e7": round(north_deg * 1e7),
        "center_zoom": 0,
        "center_lon_e7": round((west_deg + east_deg) * 5e6),
        "center_lat_e7": round((south_deg + north_deg) * 5e6),
    }
    with write(str(target)) as writer:
        for tile in sorted(tiles, key=lambda each: zxy_to_tileid(*each)):
            writer.write_tile(zxy_to_tileid(*tile), content_of(tile))
        writer.finalize(header, {"attribution": attribution})


def _degrees(e_m: float, n_m: float) -> tuple[float, float]:
    lat_rad = 2.0 * math.atan(math.exp(n_m / _HALF_M * math.pi)) - 0.5 * math.pi
    return e_m / _HALF_M * 180.0, math.degrees(lat_rad)
