"""What a page shows: a snapshot for who comes, and after it only what changed. Pure.

Every message is a JSON object with the version of this language, a number that counts up by one from message to
message, and whether all in it is live or a drill. Whoever misses a number asks for nothing: it connects anew.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from casemate.io.channels.features import OVER
from casemate.io.channels.texts import status_of
from casemate.model.notices import AnyHeartbeat, AnyNotice, AnyPicture, ImpactArea, MapTrack

VERSION: Final = 1


class Board:
    """All that holds now; each change returns the message that tells it."""

    def __init__(self) -> None:
        self.seq = 0
        self._status = ""
        self._alarms: dict[str, AnyNotice] = {}  # by incident
        self._tracks: dict[int, MapTrack] = {}
        self._areas: dict[int, ImpactArea] = {}
        self._t_picture_ns = 0
        self._heartbeat: AnyHeartbeat | None = None
        self._snapshot: tuple[int, bytes] = (-1, b"")

    def note(self, notice: AnyNotice) -> bytes:
        """Note what a zone is told."""
        self._alarms.pop(notice.incident, None)
        if notice.phase not in OVER:
            self._alarms[notice.incident] = notice
        return self._change("notice", notice, {"notice": told(notice)})

    def show(self, picture: AnyPicture) -> bytes:
        """Show a picture: what of it is new or other than before, and the ids of what is gone."""
        tracks = {each.track_id: each for each in picture.tracks}
        areas = {each.track_id: each for each in picture.areas}
        changes = {
            "t_ns": picture.t_ns,
            "tracks": _named(each for i, each in tracks.items() if self._tracks.get(i) != each),
            "gone_tracks": [i for i in self._tracks if i not in tracks],
            "areas": _named(each for i, each in areas.items() if self._areas.get(i) != each),
            "gone_areas": [i for i in self._areas if i not in areas],
        }
        self._tracks, self._areas, self._t_picture_ns = tracks, areas, picture.t_ns
        return self._change("picture", picture, changes)

    def beat(self, heartbeat: AnyHeartbeat) -> bytes:
        """Say that the station lives, and forget alarms that hold no more."""
        t_ns = heartbeat.t_sent_ns
        self._alarms = {i: each for i, each in self._alarms.items() if each.t_expires_ns > t_ns}
        self._heartbeat = heartbeat
        return self._change("heartbeat", heartbeat, {"heartbeat": heard(heartbeat)})

    def snapshot(self) -> bytes:
        """Return all that holds now; the next change has the next number."""
        if self._snapshot[0] != self.seq:
            content = {
                "alarms": [told(each) for each in self._alarms.values()],
                "t_ns": self._t_picture_ns,
                "tracks": _named(self._tracks.values()),
                "areas": _named(self._areas.values()),
                "heartbeat": None if self._heartbeat is None else heard(self._heartbeat),
            }
            self._snapshot = (self.seq, self._message("snapshot", content))
        return self._snapshot[1]

    def _change(self, kind: str, said: AnyNotice | AnyPicture | AnyHeartbeat, content: dict[str, Any]) -> bytes:
        self.seq += 1
        self._status = status_of(said)
        return self._message(kind, content)

    def _message(self, kind: str, content: dict[str, Any]) -> bytes:
        head = {"v": VERSION, "seq": self.seq, "type": kind, "status": self._status}
        return msgspec.json.encode({**head, **content})


def told(notice: AnyNotice) -> dict[str, Any]:
    """Return a notice with its parts by name; its name says what to call it, and whether it is a drill."""
    status = status_of(notice)
    name = notice.zone if status == "live" else f"EXERCISE: {notice.zone}"
    parts = {"areas": _named(notice.areas), "references": _named(notice.references)}
    return {"status": status, "name": name, **msgspec.structs.asdict(notice), **parts}


def heard(heartbeat: AnyHeartbeat) -> dict[str, Any]:
    """Return a heartbeat with its parts by name."""
    sensors = dict(heartbeat.sensors)
    return {**msgspec.structs.asdict(heartbeat), "zones": _named(heartbeat.zones), "sensors": sensors}


def _named(parts: Iterable[Any]) -> list[dict[str, Any]]:
    return [each._asdict() for each in parts]
