"""A GeoJSON file with what the map shows now: zones under alarm, areas of impact, tracks; written anew at each change.

Any map that can be told to fetch a file again reads it. It tells how old it is (`updated`) and how old its picture is
(`heartbeat`), and keeps an all-clear until that expires, so that the end is told and not only missed.
"""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from casemate.io.channels.channel import OnReply
from casemate.io.channels.features import Feature, area_feature, track_feature, zone_feature
from casemate.io.channels.files import make_folder, write_whole
from casemate.io.channels.texts import clean, iso, status_of
from casemate.model.catalog import Declaration, Name
from casemate.model.notices import AnyHeartbeat, AnyNotice, AnyPicture

_MAX_BYTES: Final = 50_000_000
_NEEDED: Final = frozenset({"kind", "zone", "incident", "n", "sent", "expires", "is_alarm", "status"})


class Settings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="geojson"):
    """A GeoJSON file: `kind = "geojson"`."""

    name: Name
    audience: Literal["live", "drill"]
    path: Annotated[str, Meta(min_length=1)] = "picture.geojson"  # in the run folder, unless it is absolute


class Collection(msgspec.Struct, kw_only=True):
    """The file: a FeatureCollection with members of its own, as RFC 7946, section 6.1, allows."""

    type: str = "FeatureCollection"
    status: str
    station: str = ""
    updated: str = ""
    heartbeat: dict[str, Any] | None = None
    features: list[Feature]


class GeoJson:
    """A file of features.

    Parameters
    ----------
    settings : Settings
    folder : Path
        Of the run: where the file is, unless its path is absolute.
    on_reply : OnReply
        Not used: nothing comes back from a file.
    """

    def __init__(self, settings: Settings, folder: Path, on_reply: OnReply) -> None:
        del on_reply
        self.name = settings.name
        self._path = folder / settings.path
        self._is_live = settings.audience == "live"
        self._shown = Collection(status="live" if self._is_live else "exercise", features=[])
        self._zones: dict[str, Feature] = {}
        self._areas: dict[int, Feature] = {}
        self._tracks: list[Feature] = []

    def open(self) -> None:
        """Take over the zones of a file that is there, which a restart must not clear; or raise `ChannelError`."""
        make_folder(self.name, self._path.parent)
        for feature in _zones_in(self._path):
            if (feature.properties["status"] == "live") == self._is_live:
                self._zones.setdefault(feature.properties["zone"], feature)

    def send(self, notice: AnyNotice) -> None:
        """Show what a zone is told, unless something newer is shown; back when it is on the disk."""
        feature = zone_feature(notice)
        shown = self._zones.get(feature.properties["zone"])
        if shown is None or _is_newer(feature, shown):
            self._zones[feature.properties["zone"]] = feature
            for area in notice.areas:
                self._areas[area.track_id] = area_feature(area, status_of(notice))
        self._write(notice.station, notice.t_sent_ns, is_durable=True)

    def show(self, picture: AnyPicture) -> None:
        """Show tracks and areas of impact in place of those before."""
        status = status_of(picture)
        self._areas = {area.track_id: area_feature(area, status) for area in picture.areas}
        self._tracks = [track_feature(track, status) for track in picture.tracks]
        self._write(picture.station, picture.t_ns, is_durable=False)

    def beat(self, heartbeat: AnyHeartbeat) -> None:
        """Say that the station lives, how old its picture is, and what it does not watch."""
        self._shown.heartbeat = {
            "status": status_of(heartbeat),
            "sent": iso(heartbeat.t_sent_ns),
            "picture": iso(heartbeat.t_picture_ns) if heartbeat.t_picture_ns else None,
            "unwatched": {
                clean(zone.zone, 250): clean(zone.why, 250) for zone in heartbeat.zones if not zone.is_watched
            },
            "sensors": dict(heartbeat.sensors),
        }
        self._write(heartbeat.station, heartbeat.t_sent_ns, is_durable=False)

    def close(self) -> None:
        """Leave the file where it is: its age tells."""

    def _write(self, station: str, t_ns: int, *, is_durable: bool) -> None:
        now = iso(t_ns)
        over = [zone for zone, each in self._zones.items() if not each.properties["is_alarm"] and _is_past(each, now)]
        for zone in over:
            del self._zones[zone]
        shown = self._shown
        shown.station, shown.updated = clean(station, 250), now
        shown.features = [*self._zones.values(), *self._areas.values(), *self._tracks]
        write_whole(self.name, self._path, msgspec.json.encode(shown), is_durable=is_durable)


def _is_newer(feature: Feature, shown: Feature) -> bool:
    new, old = feature.properties, shown.properties
    return bool(new["n"] > old["n"] if new["incident"] == old["incident"] else new["sent"] > old["sent"])


def _is_past(feature: Feature, now: str) -> bool:
    return bool(feature.properties["expires"] < now)


def _zones_in(path: Path) -> list[Feature]:
    """Return the zones of a file that this channel wrote; none where it is another, torn or not there."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            return []
        features = msgspec.json.decode(path.read_bytes(), type=Collection).features
    except (OSError, ValueError):  # msgspec's errors are ValueErrors
        return []
    return [each for each in features if each.properties.keys() >= _NEEDED and each.properties["kind"] == "zone"]
