"""The shelf of basemaps: a folder of PMTiles archives, each read by its own header."""

import gzip
import os
import pathlib
import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from casemate.errors import SettingsError

_HEADER: Final = 127
_VECTOR, _RASTER = frozenset({1}), frozenset({2, 3, 4, 5})  # tile types of the PMTiles specification, version 3
_MAGIC: Final = b"PMTiles\x03"
_GZIP: Final = 2  # of the specification's compressions
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MOST_BYTES: Final = 64_000_000  # of metadata, before it is taken for something else


class Basemap(msgspec.Struct, frozen=True, kw_only=True):
    """One archive of tiles."""

    name: str
    kind: str  # vector or raster
    bounds_deg: tuple[float, float, float, float]  # west, south, east, north
    zooms: tuple[int, int]  # least and most
    layers: tuple[str, ...]  # of vector tiles
    attribution: str  # to be shown wherever the map is
    size_bytes: int


def default_folder() -> pathlib.Path:
    """Return where basemaps are kept, by the XDG base directory specification."""
    root = os.environ.get("XDG_DATA_HOME")
    home = pathlib.Path(root) if root else pathlib.Path("~", ".local", "share").expanduser()
    return home / "casemate" / "basemaps"


class Shelf:
    """Basemaps in a folder.

    Parameters
    ----------
    folder : Path, optional
        `default_folder()` where none is given; made when the first map is added.
    """

    def __init__(self, folder: pathlib.Path | None = None) -> None:
        self.folder = folder or default_folder()

    def all(self) -> tuple[Basemap, ...]:
        """Return what can be read, by name; what is no archive is left out."""
        found: list[Basemap] = []
        for path in sorted(self.folder.glob("*.pmtiles")):
            try:
                found.append(read_basemap(path))
            except SettingsError:
                continue
        return tuple(found)

    def path_of(self, name: str) -> pathlib.Path:
        """Return where a map of this name is or would be.

        Raises
        ------
        SettingsError
            The name is none: small letters, digits, - and _.
        """
        if not _NAME.fullmatch(name):
            raise SettingsError("--name", "", f"must be small letters, digits, - and _, at most 64, got {name!r}")
        return self.folder / f"{name}.pmtiles"

    def add(self, name: str, make: Callable[[pathlib.Path], None]) -> Basemap:
        """Have a map made beside its place, look whether it is one, and put it there: whole or not at all.

        Raises
        ------
        SettingsError
            The folder cannot be written, or what was made is no map.
        """
        target = self.path_of(name)
        part = target.with_suffix(".part.pmtiles")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part.touch()
        except OSError as error:
            raise SettingsError(str(self.folder), "", f"cannot be written: {error.strerror or error}") from None
        try:
            make(part)
            made = msgspec.structs.replace(read_basemap(part), name=name)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return made

    def remove(self, name: str) -> None:
        """Take a map off the shelf."""
        path = self.path_of(name)
        if not path.exists():
            there = ", ".join(each.name for each in self.all()) or "none"
            raise SettingsError(name, "", f"is no basemap of {self.folder}; there: {there}")
        path.unlink()


def name_of(source: pathlib.Path) -> str:
    """Make a name of a file's own: small letters, digits and dashes."""
    stem = source.name.split(".")[0].lower()
    return re.sub(r"[^a-z0-9_-]+", "-", stem).strip("-_")[:64] or "map"


def read_basemap(path: pathlib.Path) -> Basemap:
    """Read what an archive says of itself (PMTiles specification, version 3, section 3).

    Raises
    ------
    SettingsError
        It is no PMTiles archive of version 3, or damaged.
    """
    from pmtiles.tile import deserialize_header  # noqa: PLC0415 an extra

    try:
        with path.open("rb") as stream:
            head = stream.read(_HEADER)
            if len(head) < _HEADER or not head.startswith(_MAGIC):
                raise SettingsError(str(path), "", "is no PMTiles archive of version 3")
            header: dict[str, Any] = deserialize_header(head)
            size_bytes = path.stat().st_size
            said = _metadata(stream.read, stream.seek, header, size_bytes)
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise SettingsError(str(path), "", f"is a damaged PMTiles archive: {error}") from None
    kind = int(header["tile_type"].value)
    if kind not in _VECTOR | _RASTER or not header["addressed_tiles_count"]:
        raise SettingsError(str(path), "", "holds no tiles that a map can show")
    edges = (header[f"{name}_e7"] / 1e7 for name in ("min_lon", "min_lat", "max_lon", "max_lat"))
    return Basemap(
        name=path.name.split(".")[0],
        kind="vector" if kind in _VECTOR else "raster",
        bounds_deg=(next(edges), next(edges), next(edges), next(edges)),
        zooms=(int(header["min_zoom"]), int(header["max_zoom"])),
        layers=tuple(str(each["id"]) for each in said.get("vector_layers", [])),
        attribution=str(said.get("attribution") or ""),
        size_bytes=size_bytes,
    )


def _metadata(
    read: Callable[[int], bytes], seek: Callable[[int], int], header: dict[str, Any], size_bytes: int
) -> dict[str, Any]:
    offset, length = int(header["metadata_offset"]), int(header["metadata_length"])
    if offset + length > size_bytes or length > _MOST_BYTES:
        raise ValueError("it ends before its metadata")
    tiles_end = int(header["tile_data_offset"]) + int(header["tile_data_length"])
    if tiles_end > size_bytes:
        raise ValueError("it ends before its tiles")
    seek(offset)
    content = read(length)
    if int(header["internal_compression"].value) == _GZIP:
        content = gzip.decompress(content)
    said = msgspec.json.decode(content, type=dict[str, Any])
    layers = said.get("json")  # what was an MBTiles archive keeps its layers there
    return said | msgspec.json.decode(layers, type=dict[str, Any]) if isinstance(layers, str) else said
