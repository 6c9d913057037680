"""A whole run as one map, for GeoJSON and CZML: what zones were told, where rounds were expected, where tracks went."""

import itertools
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from casemate.errors import ChannelError, SettingsError
from casemate.io.channels.features import Feature, area_feature, position, zone_feature
from casemate.io.channels.files import make_folder, write_whole
from casemate.io.channels.geojson import Collection
from casemate.io.channels.rings import is_place
from casemate.io.channels.texts import iso, status_of
from casemate.model.notices import AnyNotice, AnyPicture, ImpactArea, MapTrack

_NAME = "export"


class RunMap:
    """Gathers the steps of a run."""

    def __init__(self, station: str, geoid_m: float) -> None:
        self.station, self.geoid_m = station, geoid_m
        self.status = "exercise"
        self.t_first_ns, self.t_last_ns = 0, 0
        self.notices: list[AnyNotice] = []
        self.tracks: dict[int, list[MapTrack]] = {}
        self.areas: dict[int, list[tuple[int, ImpactArea]]] = {}  # when it was shown first

    def add(self, t_ns: int, notices: Iterable[AnyNotice], picture: AnyPicture) -> None:
        """Take in what a step told and showed."""
        self.t_first_ns, self.t_last_ns = self.t_first_ns or t_ns, t_ns
        self.status = status_of(picture)
        self.notices.extend(notices)
        for track in picture.tracks:
            points = self.tracks.setdefault(track.track_id, [])
            if is_place(track.lat_deg, track.lon_deg) and (not points or points[-1].t_ns < track.t_ns):
                points.append(track)
        for area in picture.areas:
            shown = self.areas.setdefault(area.track_id, [])
            if not shown or shown[-1][1] != area:
                shown.append((t_ns, area))


def geojson_of(run: RunMap) -> Collection:
    """Return a run as features: each notice with its zone, the last area of impact of each round, tracks as lines."""
    features = [msgspec.structs.replace(zone_feature(each), id=f"notice:{each.notice_id}") for each in run.notices]
    features += [area_feature(shown[-1][1], run.status) for shown in run.areas.values()]
    features += [_line_feature(points, run.status) for points in run.tracks.values() if len(points) > 1]
    return Collection(status=run.status, station=run.station, updated=iso(run.t_last_ns), features=features)


def write_file(folder: Path, name: str, content: object) -> None:
    """Write `content` as JSON into a folder, or raise a SettingsError that says why not."""
    try:
        make_folder(_NAME, folder)
        write_whole(_NAME, folder / name, msgspec.json.encode(content), is_durable=True)
    except ChannelError as error:
        raise SettingsError(str(folder), "", error.why) from None


def _line_feature(points: list[MapTrack], status: str) -> Feature:
    last = points[-1]
    lines = [[position(each.lat_deg, each.lon_deg) for each in part] for part in _parts(points)]
    lines = [line for line in lines if len(line) > 1]
    drill = "" if status == "live" else "EXERCISE: "
    properties: dict[str, Any] = {
        "kind": "track",
        "status": status,
        "name": f"{drill}track {last.track_id}",
        "track_id": last.track_id,
        "track_kind": last.kind,
        "t": [iso(each.t_ns) for each in points],
        "height_msl_m": [each.height_m if math.isfinite(each.height_m) else None for each in points],
    }
    geometry = {"type": "MultiLineString", "coordinates": lines} if lines else None
    return Feature(id=f"track:{last.track_id}", geometry=geometry, properties=properties)


def _parts(points: list[MapTrack]) -> list[list[MapTrack]]:
    """Cut a track where it crosses 180 degrees."""
    parts = [points[:1]]
    for before, each in itertools.pairwise(points):
        if abs(each.lon_deg - before.lon_deg) > 180.0:
            parts.append([])
        parts[-1].append(each)
    return parts
