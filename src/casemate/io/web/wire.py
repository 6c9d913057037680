"""A scene as text: the frames of the WebSocket, the state that REST tells, and the hash that both sides hold it to."""

import copy
import hashlib
from collections.abc import Iterable
from typing import Annotated, Any, Final, NamedTuple, Self

import msgspec
import numpy as np

from casemate.io.web.facts import Alarm, Fact
from casemate.io.web.scene import Premises, Scene
from casemate.model.catalog import Ring
from casemate.model.records import Kind

VERSION: Final = 1
KINDS: Final = tuple(kind.name.lower() for kind in Kind)
_N_HASH: Final = 16


MAX_SPEED: Final = 100.0
"""Of a replay, either way."""


class Visitor(NamedTuple):
    """Who looks at a page."""

    user: str
    role: str


class Resync(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="resync"):
    """A page asks for everything: it lost count."""


class Play(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="play"):
    """A page asks for a moment of a replay, and how it goes on from there."""

    t_ns: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    speed: Annotated[float, msgspec.Meta(ge=-MAX_SPEED, le=MAX_SPEED)] = 1.0  # negative: backwards; 0: it stands


Said = Resync | Play
"""All that a page ever says."""


def state_hash(alarms: Iterable[Alarm]) -> str:
    """Return what two holders of the same alarms agree on: 16 hexadecimal digits.

    Notes
    -----
    The first of SHA-256 over the alarms that are not over, by incident, one a line:
    `incident|serial|phase|who acknowledged it, or -`.
    """
    open_ones = sorted((each for each in alarms if not each.is_over), key=lambda each: each.incident)
    lines = [
        f"{each.incident}|{each.serial}|{each.phase.value}|{each.acknowledged.by if each.acknowledged else '-'}"
        for each in open_ones
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:_N_HASH]


class Ledger:
    """A scene and the numbered frames that were told of it.

    Parameters
    ----------
    scene : Scene
    epoch : int
        Of the server's life, or of a playhead's jump: numbers begin anew with it.
    span_ns : (int, int), optional
        What can be played; None: nothing, it is live.
    """

    def __init__(self, scene: Scene, epoch: int, span_ns: tuple[int, int] | None = None) -> None:
        self.scene, self.epoch, self.n, self.span_ns = scene, epoch, 0, span_ns
        self._fixed = fixed_of(scene.premises)

    def restart(self, scene: Scene, epoch: int) -> None:
        """Go on elsewhere: another scene under another epoch, counted from the start."""
        self.scene, self.epoch, self.n = scene, epoch, 0

    def showing(self, scene: Scene) -> Self:
        """Return a ledger like this one over another scene."""
        other = copy.copy(self)
        other.scene = scene
        return other

    def frames(self, facts: Iterable[Fact]) -> list[str]:
        """Give facts their numbers, and return them as frames."""
        out: list[str] = []
        for fact in facts:
            self.n += 1
            body = msgspec.json.encode(fact).decode()
            out.append(f'{{"v":{VERSION},"epoch":{self.epoch},"n":{self.n},{body[1:]}')
        return out

    def hello(self, visitor: Visitor) -> str:
        """Return the frame that holds everything."""
        head = {"v": VERSION, "epoch": self.epoch, "n": self.n, "kind": "hello"}
        return msgspec.json.encode({**head, **self.state(visitor)}).decode()

    def state(self, visitor: Visitor) -> dict[str, Any]:
        """Return everything."""
        scene = self.scene
        return {
            **self._fixed,
            "alarms": list(scene.alarms.values()),
            "sensor_states": list(scene.sensors.values()),
            "zone_states": list(scene.zones.values()),
            "channels": list(scene.channels.values()),
            "role": visitor.role,
            "user": visitor.user,
            "span_ns": self.span_ns,
            "t_ns": scene.t_ns,
        }

    def beat(self, server_ns: int, picture_age_s: float) -> str:
        """Return the frame that says that the server lives, and how old what it knows is.

        Parameters
        ----------
        server_ns : int
            The station's clock.
        picture_age_s : float
            Since the newest step was taken in [s].
        """
        beat = {
            "v": VERSION,
            "epoch": self.epoch,
            "n": self.n,
            "kind": "beat",
            "t_ns": self.scene.t_ns,
            "server_ns": server_ns,
            "picture_age_s": round(picture_age_s, 3),
            "n_tracks": len(self.scene.tracks),
            "hash": state_hash(self.scene.alarms.values()),
        }
        return msgspec.json.encode(beat).decode()


def fixed_of(premises: Premises) -> dict[str, Any]:
    """Return what a page is told of mark, run and site: it stays."""
    site = premises.place.site
    point = site.site
    return {
        "mark": premises.mark,
        "station": point.name,
        "run": premises.run,
        "data": premises.data,
        "site": {
            "name": point.name,
            "lat_deg": point.lat_deg,
            "lon_deg": point.lon_deg,
            "height_m": point.height_m,
            "geoid_m": point.geoid_m,
        },
        "kinds": KINDS,
        "zones": [
            {
                "name": zone.name,
                "ring_deg": zone.polygon_deg,
                "ring_m": _ring_m(premises, zone.polygon_deg),
                "shelter_s": zone.shelter_s,
            }
            for zone in site.zone
        ],
        "assets": [
            {
                "name": asset.name,
                "ring_deg": asset.polygon_deg,
                "ring_m": _ring_m(premises, asset.polygon_deg),
                "priority": asset.priority,
            }
            for asset in site.asset
        ],
        "sensors": [_sensor(premises, i) for i in range(len(site.sensor))],
    }


def _sensor(premises: Premises, i: int) -> dict[str, Any]:
    radar, place = premises.place.site.sensor[i], premises.sensors[i].position_m.round(1).tolist()
    return {
        "name": radar.name,
        "lat_deg": radar.lat_deg,
        "lon_deg": radar.lon_deg,
        **dict(zip(("e_m", "n_m", "u_m"), place, strict=True)),
        "range_m": radar.range_m,
        "azimuth_deg": radar.azimuth_deg,
    }


def _ring_m(premises: Premises, ring: Ring) -> list[list[float]]:
    lat_deg, lon_deg = np.array(ring, np.float64).T
    rows = premises.place.frame.msl_to_enu(lat_deg, lon_deg, premises.place.frame.height_msl_m)
    return rows[:, :2].round(1).tolist()
