"""What the type checker must refuse: each ignored line is an error, and pyright fails where it no longer is one.

Never run: `scripts/check` reads it with the rest. An ignore that nothing needs is an error of its own
(reportUnnecessaryTypeIgnoreComment), so a door that came open shows here.
"""

from collections.abc import Sequence
from pathlib import Path

from casemate.io.channels import desks
from casemate.io.channels.areas import Place
from casemate.io.channels.arming import Armed
from casemate.io.channels.courier import Courier
from casemate.io.channels.desks import Desk
from casemate.io.channels.dispatcher import Dispatcher, Rhythm
from casemate.io.channels.herald import Herald
from casemate.io.channels.live import LIVE
from casemate.io.channels.log import LogChannel
from casemate.io.channels.opening import AnySettings
from casemate.io.channels.stamps import EXERCISE, REHEARSAL, Stamp
from casemate.model.notices import (
    DrillHeartbeat,
    DrillNotice,
    DrillPicture,
    ExerciseNotice,
    LiveHeartbeat,
    LiveNotice,
    LivePicture,
    Notice,
    RehearsalNotice,
)

LiveCourier = Courier[LiveNotice, LivePicture, LiveHeartbeat]
ExerciseCourier = Courier[ExerciseNotice, DrillPicture, DrillHeartbeat]


def nothing_of_a_drill_is_a_live_notice(
    exercise: ExerciseNotice, rehearsal: RehearsalNotice, any_notice: Notice
) -> None:
    """A notice of one type is none of another."""
    live: list[LiveNotice] = []
    live.append(exercise)  # pyright: ignore[reportArgumentType]
    live.append(rehearsal)  # pyright: ignore[reportArgumentType]
    live.append(any_notice)  # pyright: ignore[reportArgumentType]


def no_drill_goes_into_a_live_courier(
    courier: LiveCourier, exercise: ExerciseNotice, picture: DrillPicture, heartbeat: DrillHeartbeat
) -> None:
    """Nor its pictures, nor its heartbeats."""
    courier.offer(exercise)  # pyright: ignore[reportArgumentType]
    courier.show(picture)  # pyright: ignore[reportArgumentType]
    courier.beat(heartbeat)  # pyright: ignore[reportArgumentType]


def nothing_live_goes_into_a_drills_courier(courier: ExerciseCourier, notice: LiveNotice) -> None:
    """The real thing never reads as a drill."""
    courier.offer(notice)  # pyright: ignore[reportArgumentType]


def no_drills_stamp_opens_a_live_channel(declared: Sequence[AnySettings], armed: Armed, desk: Desk) -> None:
    """Whoever armed it."""
    desks.live_couriers(declared, armed, LIVE, desk)
    desks.live_couriers(declared, armed, EXERCISE, desk)  # pyright: ignore[reportArgumentType]
    desks.live_couriers(declared, armed, REHEARSAL, desk)  # pyright: ignore[reportArgumentType]


def nobody_opens_a_live_channel_unarmed(declared: Sequence[AnySettings], desk: Desk) -> None:
    """There is no flag for it."""
    desks.live_couriers(declared, None, LIVE, desk)  # pyright: ignore[reportArgumentType]
    desks.live_couriers(declared, True, LIVE, desk)  # pyright: ignore[reportArgumentType]


def the_live_stamp_opens_no_drill_channel(declared: Sequence[AnySettings], desk: Desk) -> None:
    """The real thing does not hide among drills."""
    desks.drill_couriers(declared, EXERCISE, desk)
    desks.drill_couriers(declared, LIVE, desk)  # pyright: ignore[reportArgumentType]


def no_dispatcher_joins_what_is_apart(place: Place, desk: Desk, live: LiveCourier, drill: ExerciseCourier) -> None:
    """A herald's notices go to couriers of its own type."""
    rhythm = Rhythm()
    Dispatcher(Herald(LIVE, place, "run", 60.0), [live], desk.audit, desk.now_ns, rhythm)
    Dispatcher(Herald(EXERCISE, place, "run", 60.0), [drill], desk.audit, desk.now_ns, rhythm)
    Dispatcher(Herald(EXERCISE, place, "run", 60.0), [live], desk.audit, desk.now_ns, rhythm)  # pyright: ignore[reportArgumentType]
    Dispatcher(Herald(LIVE, place, "run", 60.0), [drill], desk.audit, desk.now_ns, rhythm)  # pyright: ignore[reportArgumentType]


def no_stamp_is_made_of_both(notice: type[LiveNotice]) -> Stamp[DrillNotice, DrillPicture, DrillHeartbeat]:
    """A stamp with a live notice is no drill's."""
    return Stamp(notice, DrillPicture, DrillHeartbeat)  # pyright: ignore[reportReturnType]


class Mine(Armed):  # pyright: ignore[reportGeneralTypeIssues]
    """The proof of two keys has no kinds."""


class Theirs(LiveNotice):  # pyright: ignore[reportGeneralTypeIssues]
    """Nor has a live notice."""


def a_channel_takes_what_its_courier_carries(channel: LogChannel, desk: Desk, folder: Path) -> LiveCourier:
    """What holds: a channel that takes every type is a live one too."""
    _ = folder
    return Courier(channel, LIVE, desk.audit, desk.now_ns)
