"""Settings: TOML files into declarations, or one sentence that says which file, which key and why not.

Everything is checked before anything runs; the rest of the house trusts a declaration.
"""

import importlib.resources
import itertools
import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import msgspec
import msgspec.inspect

from casemate.errors import SettingsError
from casemate.io.profile import StrPath, read_columns, read_profile, suggest
from casemate.io.terrain import raster_of
from casemate.model.catalog import EnvironmentSettings, RoundClass, RoundFile, SiteFile, Spin

if TYPE_CHECKING:  # physics.atmosphere brings numba, which --help must not wait for
    from casemate.physics.profile import Profile

T = TypeVar("T")

__all__ = [
    "check_site",
    "packaged",
    "packaged_names",
    "profile_path",
    "read_profile",
    "read_profiles",
    "read_rounds",
    "read_site",
    "read_toml",
]

MAX_BYTES: Final = 16_000_000
"""Largest settings file that is read: 100 times a country's zones (1,760 polygons, 160 kB), far below a bomb."""
NOT_A_ROUND: Final = "not-a-round"
_BUILT_IN_AIR: Final = ("ussa76", "exponential")
_BUILT_IN_DRAG: Final = ("generic", "constant")
_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<key>.*)`$")
_ABSENT = re.compile(r"^Object missing required field `(?P<key>.*)`$")


def read_toml(path: StrPath, kind: type[T]) -> T:
    """Read a TOML file into a declaration of type `kind`.

    Raises
    ------
    SettingsError
        The file cannot be read, is not TOML, or holds a key or value that `kind` does not allow.
    """
    data = _load(path)
    _check_finite(str(path), "", data)
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        key, why = _explain(str(error), data, kind)
        raise SettingsError(str(path), key, why) from None


def read_site(path: StrPath, rounds: Sequence[RoundClass] | None = None) -> SiteFile:
    """Read a site file and check what single values cannot tell: names, shapes, bands, files it points at.

    `rounds` are the classes that `tracking.drag_curve` may name; None means the packaged ones.
    """
    site = read_toml(path, SiteFile)
    check_site(site, path, rounds)
    return site


def check_site(site: SiteFile, path: StrPath, rounds: Sequence[RoundClass] | None = None) -> None:
    """Raise a SettingsError that names `path` where the site contradicts itself or points at nothing."""
    file = str(path)
    for kind, things in (("sensor", site.sensor), ("zone", site.zone), ("asset", site.asset)):
        _check_unique(file, kind, "name", [thing.name for thing in things])
    _check_sources(file, site)
    # a number stands for a sensor that is no node: unique by itself
    _check_unique(file, "sensor", "sapient_node", [each.sapient_node or i for i, each in enumerate(site.sensor)])
    for i, sensor in enumerate(site.sensor):
        _check_band(file, f"sensor[{i}].range_m", sensor.range_m, 0.0, math.inf)
        _check_band(file, f"sensor[{i}].elevation_deg", sensor.elevation_deg, -90.0, 90.0)
        if sensor.azimuth_deg is not None and not all(0.0 <= az <= 360.0 for az in sensor.azimuth_deg):
            raise SettingsError(file, f"sensor[{i}].azimuth_deg", "lies outside [0, 360]")
    for kind, shapes in (("zone", site.zone), ("asset", site.asset)):
        for i, shape in enumerate(shapes):
            _check_polygon(file, f"{kind}[{i}].polygon_deg", shape.name, shape.polygon_deg)
    _check_drag(file, site.tracking.drag_curve, rounds)
    for key in ("atmosphere", "wind"):
        profile = profile_path(path, site.environment, key)
        if profile is not None:
            read_columns(profile, f"environment.{key} of {file}")
    if site.terrain is not None:
        raster_of(path, site.terrain)


def read_rounds(path: StrPath | None = None) -> tuple[RoundClass, ...]:
    """Read and check a file of round classes; None reads the packaged ones. The index in it is the class index."""
    path = _data_folder() / "rounds.toml" if path is None else path
    file, rounds = str(path), read_toml(path, RoundFile).round
    _check_unique(file, "round", "name", [each.name for each in rounds])
    for i, each in enumerate(rounds):
        _check_curves(file, f"round[{i}]", each.name, each.mach, {"cd": each.cd})
        if each.name in {NOT_A_ROUND, *_BUILT_IN_DRAG}:
            raise SettingsError(file, f"round[{i}].name", f"'{each.name}' has a meaning of its own")
        _check_rocket(file, i, each)
        if each.spin is not None and each.kind != "shell":
            raise SettingsError(file, f"round[{i}].spin", f"{each.name}: belongs to shells only")
        if each.spin is not None:
            check_spin(file, f"round[{i}].spin", each.name, each.spin)
    return rounds


def packaged_names(kind: str) -> tuple[str, ...]:
    """List the names of the packaged files of a kind ("scenarios", "sites")."""
    folder = _data_folder() / kind
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def packaged(kind: str, name: str) -> Path:
    """Return the path of the packaged file `data/<kind>/<name>.toml`.

    Raises
    ------
    SettingsError
        No file of that name is packaged; the sentence lists those that are.
    """
    names = packaged_names(kind)
    if name not in names:
        why = f"is not one of the packaged {kind}{suggest(name, names)}; there are: {', '.join(names) or 'none'}"
        raise SettingsError(name, "", why)
    return _data_folder() / kind / f"{name}.toml"


def profile_path(site_file: StrPath, environment: EnvironmentSettings, key: str) -> Path | None:
    """Return the profile file that `environment.atmosphere` or `.wind` names, relative to the site file, or None."""
    value: str = getattr(environment, key)
    built_in = _BUILT_IN_AIR if key == "atmosphere" else ("none",)
    return None if value in built_in else Path(site_file).parent / value


def read_profiles(site_file: StrPath, environment: EnvironmentSettings) -> tuple["Profile | None", "Profile | None"]:
    """Read the air and the wind profile that a site's environment names; None where it names none."""
    paths = (profile_path(site_file, environment, key) for key in ("atmosphere", "wind"))
    air, wind = (None if path is None else read_profile(path) for path in paths)
    return air, wind


def _data_folder() -> Path:
    return Path(str(importlib.resources.files("casemate"))) / "data"


def _load(path: StrPath) -> dict[str, Any]:
    file = str(path)
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise SettingsError(file, "", f"is larger than {MAX_BYTES // 1_000_000} MB")
        return tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        raise SettingsError(file, "", f"cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(file, "", f"is not UTF-8 text (byte {error.start})") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(file, "", f"is not TOML: {error}") from None
    except RecursionError:
        raise SettingsError(file, "", "is nested too deeply") from None


def _check_finite(file: str, key: str, value: Any) -> None:  # noqa: ANN401 any TOML value
    if isinstance(value, float) and not math.isfinite(value):
        raise SettingsError(file, key, f"must be a finite number, is {value}")
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            _check_finite(file, _join(key, name), inner)
    if isinstance(value, list):
        for i, inner in enumerate(cast("list[Any]", value)):
            _check_finite(file, f"{key}[{i}]", inner)


def _explain(message: str, data: Any, kind: type) -> tuple[str, str]:  # noqa: ANN401 any TOML value
    """Turn a validation message of msgspec into the key's path and a sentence."""
    match = _AT.match(message)
    what, path = (match["what"], match["path"] or "") if match else (message, "")
    if unknown := _UNKNOWN.match(what):
        return _join(
            path, unknown["key"]
        ), f"is not a known key{suggest(unknown['key'], _field_names(kind, path, data))}"
    if absent := _ABSENT.match(what):
        return _join(path, absent["key"]), "is needed and missing"
    value = _value_at(data, path)
    if what.startswith("Invalid value") and isinstance(value, str):
        kinds = _tags(kind, path)
        return path, f"'{value}' is not known{suggest(value, kinds)}; there are: {', '.join(kinds)}"
    shown = "" if isinstance(value, dict | list) else f", is {value!r}"
    return path, f"{what.replace('Expected', 'expected').replace('`', '')}{shown}"


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _steps(path: str) -> Iterator[str | int]:
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        yield int(index) if index else name


def _value_at(data: Any, path: str) -> Any:  # noqa: ANN401 any TOML value
    for step in _steps(path):
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return {}
    return data


def _field_names(kind: type, path: str, data: Any) -> list[str]:  # noqa: ANN401 any TOML value
    """Return the names allowed at a path inside a declaration."""
    node: Any = msgspec.inspect.type_info(kind)
    for step in _steps(path):
        node = _inside(node, step)
    node = _struct_of(node, _value_at(data, path))
    return [field.encode_name for field in node.fields] if isinstance(node, msgspec.inspect.StructType) else []


def _struct_of(node: Any, value: Any = None) -> Any:  # noqa: ANN401 msgspec's type tree, any TOML value
    options: Any = node.types if isinstance(node, msgspec.inspect.UnionType) else (node,)
    inner: list[Any] = [option.type if isinstance(option, msgspec.inspect.Metadata) else option for option in options]
    inner = [option for option in inner if not isinstance(option, msgspec.inspect.NoneType)]
    said: dict[str, Any] = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    tagged = (each for each in inner if getattr(each, "tag", None) and said.get(each.tag_field) == each.tag)
    return next(tagged, inner[0] if inner else None)


def _tags(kind: type, path: str) -> list[str]:
    """Return the tags that a union of structs at a path may have."""
    node: Any = msgspec.inspect.type_info(kind)
    for step in list(_steps(path))[:-1]:
        node = _inside(node, step)
    options: Any = node.types if isinstance(node, msgspec.inspect.UnionType) else (node,)
    return sorted(str(option.tag) for option in options if getattr(option, "tag", None))


def _inside(node: Any, step: str | int) -> Any:  # noqa: ANN401 msgspec's type tree
    node = _struct_of(node)
    if isinstance(step, int):
        return getattr(node, "item_type", None)
    fields = cast("tuple[msgspec.inspect.Field, ...]", getattr(node, "fields", ()))
    return next((field.type for field in fields if field.encode_name == step), None)


def _check_unique(file: str, kind: str, field: str, values: Sequence[object]) -> None:
    for i, value in enumerate(values):
        if value in values[:i]:
            raise SettingsError(file, f"{kind}[{i}].{field}", f"'{value}' is used twice")


def _check_sources(file: str, site: SiteFile) -> None:
    seen: set[tuple[int, int]] = set()
    for i, sensor in enumerate(site.sensor):
        if sensor.sac is None and sensor.sic is None:
            continue
        if sensor.sac is None or sensor.sic is None:
            raise SettingsError(file, f"sensor[{i}].sac", "and sic belong together, one of them is missing")
        source = (sensor.sac, sensor.sic)
        if source in seen:
            raise SettingsError(file, f"sensor[{i}].sic", f"SAC {source[0]} SIC {source[1]} is used twice")
        seen.add(source)


def _check_band(file: str, key: str, band: tuple[float, float], low: float, high: float) -> None:
    if not low <= band[0] < band[1] <= high:
        bounds = f" within [{low:g}, {high:g}]" if high < math.inf else f" from {low:g} up"
        raise SettingsError(file, key, f"must be two ascending values{bounds}, is [{band[0]:g}, {band[1]:g}]")


def _check_polygon(file: str, key: str, name: str, ring: Sequence[tuple[float, float]]) -> None:
    import shapely  # noqa: PLC0415 late: only sites with zones pay for it

    polygon = shapely.Polygon([(lon, lat) for lat, lon in ring])
    if not shapely.is_valid(polygon):
        reason = str(shapely.is_valid_reason(polygon))
        crossing = re.match(r"^Self-intersection\[(\S+) (\S+)\]$", reason)
        why = f"crosses itself near lat {crossing[2]}, lon {crossing[1]}" if crossing else f"is not simple: {reason}"
        raise SettingsError(file, key, f"'{name}' {why}")
    if polygon.area == 0.0:
        raise SettingsError(file, key, f"'{name}' has no area")


def _check_drag(file: str, drag_curve: str, rounds: Sequence[RoundClass] | None) -> None:
    if drag_curve in _BUILT_IN_DRAG:
        return
    names = [*_BUILT_IN_DRAG, *(each.name for each in (read_rounds() if rounds is None else rounds))]
    if drag_curve not in names:
        why = f"'{drag_curve}' is not a round class{suggest(drag_curve, names)}; there are: {', '.join(names)}"
        raise SettingsError(file, "tracking.drag_curve", why)


def _check_rocket(file: str, i: int, each: RoundClass) -> None:
    burn = {name: getattr(each, name) for name in ("burn_s", "burnout_speed_mps", "mass_launch_kg")}
    for name, value in burn.items():
        if each.kind == "rocket" and value is None:
            raise SettingsError(file, f"round[{i}].{name}", f"{each.name}: is needed for a rocket")
        if each.kind != "rocket" and value is not None:
            raise SettingsError(file, f"round[{i}].{name}", f"{each.name}: belongs to rockets only")
    if each.mass_launch_kg is not None and each.mass_launch_kg <= each.mass_kg:
        raise SettingsError(file, f"round[{i}].mass_launch_kg", f"{each.name}: must be more than mass_kg")


def _check_curves(
    file: str, key: str, name: str, mach: tuple[float, ...], curves: Mapping[str, tuple[float, ...]]
) -> None:
    for column, values in curves.items():
        if len(mach) != len(values):
            why = f"has {len(values)} values for {len(mach)} of mach"
            raise SettingsError(file, f"{key}.{column}", f"{name}: {why}")
    if any(b <= a for a, b in itertools.pairwise(mach)):
        raise SettingsError(file, f"{key}.mach", f"{name}: is not ascending")


def check_spin(file: str, key: str, name: str, spin: Spin) -> None:
    """Refuse a declared spin whose curves do not fit their Mach numbers, or whose signs make no spinning shell.

    Raises
    ------
    SettingsError
        At `key`, of the thing called `name`.
    """
    curves = ("cm_alpha", "cl_alpha", "c_spin", "c_magnus", "cd_alpha2")
    _check_curves(file, key, name, spin.mach, {curve: getattr(spin, curve) for curve in curves})
    if spin.twist_calibres == 0.0:
        raise SettingsError(file, f"{key}.twist_calibres", f"{name}: must not be 0; leave the spin out")
    for curve in ("c_spin", "c_magnus"):  # by the sign of STANAG 4355; the other one would speed the spin up
        if max(getattr(spin, curve)) > 0.0:
            raise SettingsError(file, f"{key}.{curve}", f"{name}: must not be positive")
