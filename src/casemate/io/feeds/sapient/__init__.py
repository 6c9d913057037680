"""SAPIENT (BSI Flex 335 v2.0): sensors that speak it, and recordings of them, into plots.

The messages come with an extra, `pip install 'casemate[sapient]'`; without it nothing here can be used, and says so.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from casemate.errors import SettingsError
from casemate.io.profile import StrPath
from casemate.model.catalog import SiteFile

if TYPE_CHECKING:
    from casemate.io.feeds.asterix import ImportResult
    from casemate.io.feeds.sapient.feed import SapientFeed
    from casemate.io.feeds.wire_feed import Clock

SCHEMES = ("sapient", "sapient+connect")
"""Of the URLs that `open_feed` takes."""


def open_feed(url: str, site: SiteFile, clock: "Clock") -> "SapientFeed":
    """Make the feed of a URL: `sapient://HOST:PORT` listens, `sapient+connect://HOST:PORT` connects.

    Raises
    ------
    SettingsError
        The extra is not installed, the URL cannot be used, or no sensor of the site has a `sapient_node`.
    """
    _need_extra(url)
    from casemate.io.feeds.sapient.feed import SapientFeed  # noqa: PLC0415 late: only who speaks it needs the extra

    return SapientFeed(url, site, clock)


def is_recording(path: StrPath) -> bool:
    """Tell whether a file begins with a SAPIENT frame; no, where the extra is not installed."""
    if not _has_extra():
        return False
    from casemate.io.feeds.sapient.recording import is_sapient  # noqa: PLC0415 as above

    return is_sapient(path)


def import_sapient(path: StrPath, site: SiteFile) -> "ImportResult":
    """Import a file of SAPIENT frames as a plot table.

    Raises
    ------
    SettingsError
        The extra is not installed, the file cannot be read, or no sensor of the site has a `sapient_node`.
    """
    _need_extra(str(path))
    from casemate.io.feeds.sapient import recording  # noqa: PLC0415 as above

    return recording.import_sapient(path, site)


def _has_extra() -> bool:
    return find_spec("sapient_msg") is not None and find_spec("utm") is not None


def _need_extra(what: str) -> None:
    if not _has_extra():
        raise SettingsError(what, "", "SAPIENT needs an extra: pip install 'casemate[sapient]'")
