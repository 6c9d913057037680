"""Which channels a run may open, by the stamp of its data: local ones; drill ones for drills; live ones if armed.

This is where the types close the door: a drill's stamp does not fit where live channels are opened, nor the live stamp
where drill channels are, and live channels take an `Armed`, which only two verified keys make.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from casemate.errors import SettingsError
from casemate.io.channels import log, sound
from casemate.io.channels.areas import Place
from casemate.io.channels.arming import Armed
from casemate.io.channels.audit import AuditLog
from casemate.io.channels.channel import Reply
from casemate.io.channels.courier import ALWAYS_NS, Courier
from casemate.io.channels.dispatcher import Dispatcher, Rhythm
from casemate.io.channels.herald import Herald
from casemate.io.channels.opening import AnySettings, ChannelsFile, make_channel
from casemate.io.channels.stamps import Stamp
from casemate.io.channels.unfinished import unfinished
from casemate.model.catalog import SiteFile
from casemate.model.notices import (
    AnyHeartbeat,
    AnyNotice,
    AnyPicture,
    DrillHeartbeat,
    DrillNotice,
    DrillPicture,
    LiveHeartbeat,
    LiveNotice,
    LivePicture,
    Notice,
)

N = TypeVar("N", bound=AnyNotice)
P = TypeVar("P", bound=AnyPicture)
H = TypeVar("H", bound=AnyHeartbeat)
D = TypeVar("D", bound=DrillNotice)

OWN_LOG: Final = log.Settings(name="run folder", lines="notices.jsonl")
"""What every run has, without any settings: the notices as lines of a file."""
OWN_SOUND: Final = sound.Settings(name="sound")


class Desk(NamedTuple):
    """What couriers of one run share."""

    folder: Path
    audit: AuditLog
    now_ns: Callable[[], int]
    is_patient: bool = False
    before: Path | None = None  # folder of the run that was broken off
    site: SiteFile | None = None  # what channels that introduce the station say of it
    heartbeat_s: float = ChannelsFile().heartbeat_s


def left_by(desk: Desk, stamp: Stamp[N, P, H]) -> tuple[N, ...]:
    """Return what the run before left unfinished, noted in the audit log."""
    if desk.before is None:
        return ()
    try:
        left = unfinished(desk.before, OWN_LOG.lines, stamp, desk.now_ns())
    except SettingsError:
        desk.audit.close()
        raise
    for each in left:
        desk.audit.note(
            "taken-over", desk.now_ns(), notice=each.notice_id, incident=each.incident, zone=each.zone, phase=each.phase
        )
    return left


def local_couriers(
    declared: Sequence[AnySettings], stamp: Stamp[N, P, H], desk: Desk, *, with_sound: bool = False
) -> list[Courier[N, P, H]]:
    """Open what stays at the station, whatever its data is: the run folder's log, a sound, and declared local ones."""
    own: list[AnySettings] = [OWN_LOG, OWN_SOUND] if with_sound else [OWN_LOG]
    return [_courier(each, stamp, desk) for each in (*own, *declared) if each.audience == "local"]


def drill_couriers(
    declared: Sequence[AnySettings], stamp: Stamp[D, DrillPicture, DrillHeartbeat], desk: Desk
) -> list[Courier[D, DrillPicture, DrillHeartbeat]]:
    """Open the drill channels for an exercise or a rehearsal."""
    return [_courier(each, stamp, desk) for each in declared if each.audience == "drill"]


def live_couriers(
    declared: Sequence[AnySettings], armed: Armed, stamp: Stamp[LiveNotice, LivePicture, LiveHeartbeat], desk: Desk
) -> list[Courier[LiveNotice, LivePicture, LiveHeartbeat]]:
    """Open the live channels until the arming ends.

    Parameters
    ----------
    declared : sequence of settings
    armed : Armed
        That two holders of keys armed them.
    stamp : Stamp
        Of live feeds: no other fits.
    desk : Desk
    """
    return [_courier(each, stamp, desk, armed.t_until_ns) for each in declared if each.audience == "live"]


def only_logged(
    stamp: Stamp[N, P, H],
    place: Place,
    run: str,
    hold_s: float,
    desk: Desk,
    listeners: Sequence[Callable[[Notice], None]] = (),
) -> Dispatcher[N, P, H]:
    """Return the dispatcher of a run without channels: it has the notices logged, and beats nowhere."""
    couriers = local_couriers((), stamp, desk)
    herald = Herald(stamp, place, run, hold_s)
    return Dispatcher(
        herald, couriers, desk.audit, desk.now_ns, Rhythm(), is_patient=desk.is_patient, listeners=listeners
    )


def rhythm_of(declared: ChannelsFile) -> Rhythm:
    """Return how often the channels of a file are told that the station lives."""
    return Rhythm(declared.heartbeat_s, declared.picture_s)


def _courier(declared: AnySettings, stamp: Stamp[N, P, H], desk: Desk, until_ns: int = ALWAYS_NS) -> Courier[N, P, H]:
    def note(reply: Reply) -> None:
        desk.audit.note(
            reply.kind, reply.t_ns, channel=reply.channel, notice=reply.notice_id, who=reply.who, why=reply.why
        )

    channel = make_channel(declared, desk.folder, note)
    introduce: Callable[[SiteFile, float], None] | None = getattr(channel, "introduce", None)
    if introduce is not None and desk.site is not None:
        introduce(desk.site, desk.heartbeat_s)
    return Courier(channel, stamp, desk.audit, desk.now_ns, until_ns, is_patient=desk.is_patient)
