"""The doctor: what is installed, warm and writable on this machine, and what is not."""

import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

import msgspec

from casemate import __version__, kernels
from casemate.errors import SettingsError
from casemate.io import settings

_PACKAGES = (
    "numpy",
    "scipy",
    "numba",
    "msgspec",
    "pyarrow",
    "typer",
    "rich",
    "libasterix",
    "matplotlib",
    "plotly",
    "shapely",
)
_OLDEST_PYTHON = (3, 11)
_DISK_GB = 1.0  # a busy hour's run folder takes about a tenth of it


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at. What is not needed may be absent."""

    name: str
    is_well: bool
    is_needed: bool
    found: str


def examine() -> list[Check]:
    """Look at everything that Casemate needs, and at what makes it faster."""
    return [
        _python(),
        *map(_package, _PACKAGES),
        _extra("rasterio", "terrain", "terrain"),
        _extra("sapient-proto", "sapient", "SAPIENT"),
        _data(),
        _cache(),
        _warm(),
        _disk(),
        _temporary(),
    ]


def _python() -> Check:
    return Check(
        name="Python 3.11 or newer",
        is_well=sys.version_info[:2] >= _OLDEST_PYTHON,
        is_needed=True,
        found=f"{platform.python_version()}, casemate {__version__}, {platform.machine()}, {os.cpu_count()} cores",
    )


def _package(name: str) -> Check:
    try:
        found, is_well = importlib.metadata.version(name), True
    except importlib.metadata.PackageNotFoundError:
        found, is_well = f"not installed: pip install {name}", False
    return Check(name=name, is_well=is_well, is_needed=True, found=found)


def _extra(package: str, extra: str, what: str) -> Check:
    try:
        found, is_well = importlib.metadata.version(package), True
    except importlib.metadata.PackageNotFoundError:
        found, is_well = f"not installed, only {what} needs it: pip install 'casemate[{extra}]'", False
    return Check(name=package, is_well=is_well, is_needed=False, found=found)


def _data() -> Check:
    try:
        rounds = settings.read_rounds()
        sites = [settings.read_site(settings.packaged("sites", name)) for name in settings.packaged_names("sites")]
    except SettingsError as error:
        return Check(name="packaged data", is_well=False, is_needed=True, found=str(error))
    n_scenarios = len(settings.packaged_names("scenarios"))
    found = f"{len(rounds)} round classes, {len(sites)} sites, {n_scenarios} scenarios"
    return Check(name="packaged data", is_well=True, is_needed=True, found=found)


def _cache() -> Check:
    folder = kernels.cache_folder()
    is_well = os.access(folder if folder.exists() else folder.parent, os.W_OK)
    return Check(name="kernel cache writable", is_well=is_well, is_needed=False, found=str(folder))


def _warm() -> Check:
    marks = sorted(path.name.removeprefix("compiled-") for path in kernels.cache_folder().glob("compiled-*"))
    found = f"compiled for: {', '.join(marks)}" if marks else "not yet: the first run takes about a minute longer"
    return Check(name="kernels warm", is_well=bool(marks), is_needed=False, found=found)


def _disk() -> Check:
    free_gb = shutil.disk_usage(Path.cwd()).free / 1e9
    return Check(name="disk", is_well=free_gb > _DISK_GB, is_needed=True, found=f"{free_gb:,.1f} GB free here")


def _temporary() -> Check:
    try:
        with tempfile.TemporaryFile():
            pass
    except OSError as error:
        return Check(name="temporary files", is_well=False, is_needed=True, found=str(error))
    return Check(name="temporary files", is_well=True, is_needed=True, found=tempfile.gettempdir())
