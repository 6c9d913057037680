"""Terrain files: GeoTIFF, DTED or HGT into the terrain of a site, cut to a circle, the vertical datum checked.

Reads through rasterio, an optional extra. What a raster's heights count from is taken from the file where it says so
and must be declared where it does not; nothing is guessed.
"""

import math
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.errors import DomainError, SettingsError
from casemate.io.profile import StrPath
from casemate.model.catalog import TerrainFile

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

    from casemate.physics.geodesy import SiteFrame
    from casemate.physics.terrain import Terrain

__all__ = ["raster_of", "read_terrain"]

Array = NDArray[np.float64]

MAX_POSTS: Final = 50_000_000
"""Most posts that are read: 400 MB of heights, ten times a circle of 40 km at one arc second."""

_FORMATS: Final = ("GTiff", "DTED", "SRTMHGT")
_VOIDS: Final = (-32_767.0, -32_768.0)  # MIL-PRF-89020B, 3.11.2; SRTM user guide, section 2.2
_HEIGHTS_M: Final = (-500.0, 9_000.0)  # from the shore of the Dead Sea to Everest, with room
_UNITS_M: Final = {"": 1.0, "m": 1.0, "metre": 1.0, "meter": 1.0, "metres": 1.0, "meters": 1.0,
                   "ft": 0.3048, "foot": 0.3048, "feet": 0.3048, "us survey foot": 1200.0 / 3937.0,
                   "us-ft": 1200.0 / 3937.0}  # fmt: skip
_WARP_PIXELS: Final = 0.01  # how far GDAL may misplace a post to be fast; at its own 0.125 a test was 4 cm too high
_M_PER_DEG: Final = 110_574.0  # of latitude at the equator, the shortest; a circle is never cut too small


class _Posts(NamedTuple):
    # Rows from north or south, columns from west; NaN where there is no height.
    lat_deg: Array
    lon_deg: Array
    height_m: Array


def raster_of(declared_in: StrPath, declared: TerrainFile) -> Path:
    """Return the raster that a settings file names, relative to that file; a SettingsError where there is none."""
    path = Path(declared_in).parent / declared.file
    if not path.is_file():
        raise SettingsError(str(declared_in), "terrain.file", f"there is no {path}")
    return path


def read_terrain(declared_in: StrPath, declared: TerrainFile, frame: "SiteFrame", *, is_geoid_known: bool) -> "Terrain":
    """Read the terrain that a settings file declares.

    Parameters
    ----------
    declared_in : str or path
        The settings file, beside which the raster is looked for and which errors name.
    declared : TerrainFile
        Its `[terrain]` table.
    frame : SiteFrame
        Of the site, or of the start of a flight.
    is_geoid_known : bool
        Whether the settings say how high mean sea level lies over the ellipsoid.

    Returns
    -------
    Terrain
        All posts in a square of twice `radius_m` around the frame's origin, and one more on each side.

    Raises
    ------
    SettingsError
        rasterio is not installed; the raster cannot be read, does not cover the site, has voids near it, or holds no
        heights in metres or feet; its vertical datum is unknown, contradicted, or needs a geoid.
    """
    from casemate.physics.terrain import build_terrain  # noqa: PLC0415 numba comes with it

    path = raster_of(declared_in, declared)
    posts, said = _read(path, frame, declared.radius_m, str(declared_in))
    kind = _settle(said, declared.datum, path.name, str(declared_in))
    if kind == "ellipsoid" and not is_geoid_known:
        why = (
            f"{path.name} holds heights over the ellipsoid, and the other heights are above mean sea level: "
            "say beside height_m how high that lies here, geoid_m = (of EGM2008, in metres)"
        )
        raise SettingsError(str(declared_in), "terrain.datum", why)
    n_voids = int(np.count_nonzero(np.isnan(posts.height_m)))
    if n_voids:
        share = f"{n_voids:,} of {posts.height_m.size:,} posts within {declared.radius_m:g} m of the site"
        raise SettingsError(str(path), "", f"has no height at {share}: fill these voids, or take a smaller radius_m")
    try:
        return build_terrain(*posts, "ellipsoid" if kind == "ellipsoid" else "msl", frame)
    except DomainError as error:
        raise SettingsError(str(path), "", f"cannot be used: {error}") from None


def _read(path: Path, frame: "SiteFrame", radius_m: float, declared_in: str) -> tuple[_Posts, str | None]:
    # The posts around the site, and what the raster says that its heights count from.
    try:
        import rasterio  # noqa: PLC0415 late: a quarter of a second, and only terrain needs it
        from rasterio.enums import Resampling  # noqa: PLC0415
        from rasterio.errors import NotGeoreferencedWarning, RasterioError  # noqa: PLC0415
        from rasterio.vrt import WarpedVRT  # noqa: PLC0415
    except ImportError:
        why = "needs rasterio to be read: pip install 'casemate[terrain]'"
        raise SettingsError(declared_in, "terrain.file", why) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # the sentence below says it
            raster = rasterio.open(path)
        with raster:
            said = _datum_of(raster, path)
            if _is_plain(raster):
                return _crop(raster, raster, path, frame, radius_m), said
            with WarpedVRT(
                raster,
                crs="EPSG:4326",
                resampling=Resampling.bilinear,
                nodata=math.nan,
                dtype="float64",
                tolerance=_WARP_PIXELS,
            ) as warped:
                return _without_collar(_crop(warped, raster, path, frame, radius_m), path, frame), said
    except RasterioError as error:
        raise SettingsError(str(path), "", f"cannot be read as GeoTIFF, DTED or HGT: {error}") from None


def _datum_of(raster: "DatasetReader", path: Path) -> str | None:
    # What the heights count from, as the file's format or its coordinate system says; None where neither does.
    if raster.driver not in _FORMATS:
        raise SettingsError(str(path), "", f"is {raster.driver}; terrain is read from GeoTIFF, DTED or HGT")
    if raster.crs is None:
        raise SettingsError(str(path), "", "says no coordinate system")
    if raster.driver in {"DTED", "SRTMHGT"}:  # MIL-PRF-89020B, 3.10; SRTM user guide, section 2.2
        return "egm96"
    text = raster.crs.to_wkt().lower()
    vertical = re.search(r'vert(?:_cs|crs)\["([^"]*)"', text)
    if "ellipsoidal height" in text or (vertical and "ellipsoid" in vertical[1]):
        return "ellipsoid"
    if vertical is None:
        return None
    named = re.search(r"egm ?(96|2008)", vertical[1])
    return f"egm{named[1]}" if named else "msl"


def _settle(said: str | None, declared: str | None, raster: str, declared_in: str) -> str:
    # One vertical datum from what the raster says and what the settings declare.
    if said is None and declared is None:
        kinds = 'datum = "egm96", "egm2008", "msl" or "ellipsoid"'
        why = f"{raster} does not say what its heights count from: declare {kinds}"
        raise SettingsError(declared_in, "terrain.datum", why)
    if said is None or declared is None or said == declared:
        return said or declared or ""
    if declared == "msl" and said != "ellipsoid":
        return said
    raise SettingsError(declared_in, "terrain.datum", f"is {declared!r}, and {raster} itself says {said}")


def _is_plain(raster: "DatasetReader") -> bool:
    # Whether rows are latitudes and columns longitudes on WGS 84, so that its posts can be taken as they are.
    at, crs = raster.transform, raster.crs
    return at.b == at.d == 0.0 and crs is not None and crs.is_geographic and crs.to_dict().get("datum") == "WGS84"


def _crop(source: "DatasetReader", raster: "DatasetReader", path: Path, frame: "SiteFrame", radius_m: float) -> _Posts:
    # The posts of `source`, which is `raster` or a warp of it, in a square around the site.
    from rasterio.windows import Window  # noqa: PLC0415

    at = source.transform  # of pixels' corners: a post is a pixel's middle
    lat_deg = at.f + at.e * (np.arange(source.height, dtype=np.float64) + 0.5)
    lon_deg = at.c + at.a * (np.arange(source.width, dtype=np.float64) + 0.5)
    half_deg = radius_m / _M_PER_DEG
    middle = frame.lon_deg + 360.0 * round((float(lon_deg.mean()) - frame.lon_deg) / 360.0)
    widened = half_deg / max(math.cos(math.radians(min(abs(frame.lat_deg) + half_deg, 89.0))), 1e-9)
    rows, columns = _part(lat_deg, frame.lat_deg, half_deg), _part(lon_deg, middle, widened)
    if rows is None or columns is None:
        raise _uncovered(path, frame, lat_deg, lon_deg)
    (top, n_y), (left, n_x) = rows, columns
    if n_y * n_x > MAX_POSTS:
        why = f"holds {n_y * n_x:,} posts within radius_m = {radius_m:g} m, more than {MAX_POSTS:,}: take less of it"
        raise SettingsError(str(path), "", why)
    rows_read = source.read(1, window=Window(left, top, n_x, n_y), masked=True, out_dtype="float64")
    height = np.array(rows_read.filled(math.nan))
    height[np.isin(height, _VOIDS)] = math.nan
    height = (height * raster.scales[0] + raster.offsets[0]) * _unit_m(raster, path)
    _check_heights(height, path)
    return _Posts(lat_deg[top : top + n_y], lon_deg[left : left + n_x], height)


def _part(posts: Array, middle: float, half: float) -> tuple[int, int] | None:
    # First and number of the posts within half of the middle, and one more on each side; None where it lies outside.
    if not posts.min() <= middle <= posts.max():
        return None
    near = np.flatnonzero(np.abs(posts - middle) <= half)
    if not near.size:
        near = np.array([int(np.argmin(np.abs(posts - middle)))])
    first, last = max(int(near[0]) - 1, 0), min(int(near[-1]) + 1, posts.size - 1)
    return first, last - first + 1


def _unit_m(raster: "DatasetReader", path: Path) -> float:
    unit = (raster.units[0] or "").strip().lower()
    if unit not in _UNITS_M:
        raise SettingsError(str(path), "", f"holds heights in {unit!r}, not in metres or feet")
    return _UNITS_M[unit]


def _check_heights(height_m: Array, path: Path) -> None:
    if np.isfinite(height_m).any():
        low, high = float(np.nanmin(height_m)), float(np.nanmax(height_m))
        if low < _HEIGHTS_M[0] or high > _HEIGHTS_M[1]:
            why = f"holds heights from {low:g} to {high:g} m: no terrain of this Earth, or voids that it does not mark"
            raise SettingsError(str(path), "", why)


def _without_collar(posts: _Posts, path: Path, frame: "SiteFrame") -> _Posts:
    # A projected raster lies askew in latitude and longitude: what is beyond its edges is cut off, line by line, the
    # emptiest first. Voids inside stay, and are refused as in any raster.
    empty = ~np.isfinite(posts.height_m)
    top, left, (bottom, right) = 0, 0, empty.shape
    while bottom - top > 1 and right - left > 1:
        part = empty[top:bottom, left:right]
        shares = [float(line.mean()) for line in (part[0], part[-1], part[:, 0], part[:, -1])]
        i = int(np.argmax(shares))
        if shares[i] == 0.0:
            break
        top, bottom, left, right = top + (i == 0), bottom - (i == 1), left + (i == 2), right - (i == 3)
    lat, lon = posts.lat_deg[top:bottom], posts.lon_deg[left:right]
    middle = frame.lon_deg + 360.0 * round((float(lon.mean()) - frame.lon_deg) / 360.0)
    if not (lat.min() <= frame.lat_deg <= lat.max() and lon.min() <= middle <= lon.max()):
        raise _uncovered(path, frame, lat, lon)
    return _Posts(lat, lon, posts.height_m[top:bottom, left:right])


def _uncovered(path: Path, frame: "SiteFrame", lat_deg: Array, lon_deg: Array) -> SettingsError:
    box = f"lat {lat_deg.min():.4f} to {lat_deg.max():.4f}, lon {lon_deg.min():.4f} to {lon_deg.max():.4f}"
    return SettingsError(str(path), "", f"covers {box}: not lat {frame.lat_deg:g}, lon {frame.lon_deg:g} of the site")
