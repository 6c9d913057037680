"""Live feeds, wired: feeds through the corridor into a run folder, and what is decided through couriers to people.

Only this file stamps anything as live: what comes of feeds that neither play a recording nor carry an exercise.
An exercise beside them has a corridor and a folder of its own; where a zone is really warned it is over.
"""

import pathlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec

from casemate.errors import CasemateError, SettingsError
from casemate.io.channels import desks, precedence
from casemate.io.channels.areas import Place
from casemate.io.channels.arming import Armed, arm, scope_of
from casemate.io.channels.audit import AuditLog
from casemate.io.channels.desks import Desk
from casemate.io.channels.dispatcher import Dispatcher
from casemate.io.channels.herald import Herald
from casemate.io.channels.live import LIVE
from casemate.io.channels.opening import AnySettings, ChannelsFile, read_channels
from casemate.io.channels.stamps import EXERCISE, REHEARSAL
from casemate.io.channels.tally import CourierState, Tally
from casemate.io.feeds.address import parse
from casemate.io.feeds.clock import PlayedClock, StationClock
from casemate.io.feeds.opening import open_feed
from casemate.io.recorder import check_writable
from casemate.model.catalog import zone_list_digest
from casemate.model.notices import (
    DrillHeartbeat,
    DrillPicture,
    ExerciseNotice,
    LiveHeartbeat,
    LiveNotice,
    LivePicture,
    Notice,
    RehearsalNotice,
)
from casemate.physics.terrain import Terrain
from casemate.pipeline import Plan
from casemate.runner import LiveSource, Origin, inputs_of, named, plan_of, record, terrain_of
from casemate.runner.loop import Sink, Source
from casemate.runner.onlooking import Mark, Opener, page_of, premises_of
from casemate.runner.pauses import short_pauses
from casemate.runner.warm import warm

LiveDispatcher = Dispatcher[LiveNotice, LivePicture, LiveHeartbeat]
ExerciseDispatcher = Dispatcher[ExerciseNotice, DrillPicture, DrillHeartbeat]
RehearsalDispatcher = Dispatcher[RehearsalNotice, DrillPicture, DrillHeartbeat]
AnyDispatcher = LiveDispatcher | ExerciseDispatcher | RehearsalDispatcher

_DRILL_STOP_S = 30.0
_MARKS: Final[dict[str, Mark]] = {"LIVE": "", "EXERCISE": "EXERCISE", "RECORDING": "REPLAY"}


class Telling(NamedTuple):
    """Whom a station tells."""

    channels: pathlib.Path | None = None  # the channels file
    arms: tuple[pathlib.Path, ...] = ()  # statements of those who arm its live channels
    drill_urls: tuple[str, ...] = ()  # feeds that carry an exercise
    with_sound: bool = False
    before: pathlib.Path | None = None  # folder of a run that was broken off: its incidents go on


class _Post(NamedTuple):
    # What one corridor runs on.
    plan: Plan
    terrain: Terrain | None
    origin: Origin
    declared: ChannelsFile
    desk: Desk
    telling: Telling
    listeners: tuple[Callable[[Notice], None], ...] = ()

    @property
    def place(self) -> Place:
        return Place(self.plan.site, self.plan.rounds, self.plan.frame(), self.terrain)


def serve(
    site_path: pathlib.Path,
    urls: Sequence[str],
    folder: pathlib.Path,
    for_s: float | None = None,
    sinks: Sequence[Sink] = (),
    is_stopped: Callable[[], bool] = lambda: False,
    telling: Telling = Telling(),  # noqa: B008 a tuple of nothing
    opener: Opener | None = None,
) -> dict[str, Any]:
    """Run the pipeline on live feeds until stopped or all are over; return the summary.

    Parameters
    ----------
    urls : sequence of str
        The feeds. A recording (`file:`) keeps its own time and is therefore played alone.
    for_s : float, optional
        Stop after so long [s].
    telling : Telling
        Channels, what arms them, and feeds of an exercise.
    opener : callable, optional
        Serves a page of the run.
    """
    plan = plan_of(site_path)
    terrain = terrain_of(plan, site_path)
    is_played = _is_played(urls)
    data = _data_of(plan, is_played=is_played)
    clock = PlayedClock() if is_played else StationClock()
    declared = ChannelsFile() if telling.channels is None else read_channels(telling.channels)
    _check(telling, declared, data)
    check_writable(folder)
    origin = named(Origin(data=data, name=site_path.stem, inputs=inputs_of(plan, site_path)), clock.now_ns())
    before = None if is_played else telling.before
    desk = Desk(folder, AuditLog(folder), clock.now_ns, is_played, before, plan.site, declared.heartbeat_s)
    post = _Post(plan, terrain, origin, declared, desk, telling)
    armed = _armed(post)
    page = None if opener is None else page_of(premises_of(_MARKS[data], plan, terrain, origin), desk)
    if opener is not None and page is not None:
        post = post._replace(listeners=(page.hear,))
        opener(page)
    warm(plan, terrain)
    end_s = None if for_s is None else time.monotonic() + for_s

    def is_over() -> bool:
        return is_stopped() or (end_s is not None and time.monotonic() >= end_s)

    feeds = [open_feed(url, plan.site, clock) for url in urls]
    drill = _Drill(post, StationClock(), is_over) if telling.drill_urls else None
    teller = _dispatcher(post, armed, drill)
    source = LiveSource(feeds, clock, is_over, is_played=is_played)
    try:
        if drill is not None:
            drill.start()
        told = _with_asides(source, teller)
        shown = (*sinks, page) if page is not None else sinks
        with short_pauses():
            summary = record(told, plan, folder, origin, terrain=terrain, teller=teller, sinks=shown)
    finally:
        held = {} if drill is None else {"drill": drill.stop()}
        if page is not None:
            page.is_over = True
    return {**summary, **held}


def _data_of(plan: Plan, *, is_played: bool) -> Literal["LIVE", "EXERCISE", "RECORDING"]:
    """Return what the data of a run is; a site that takes drills cannot be told from an exercise."""
    if is_played:
        return "RECORDING"
    return "EXERCISE" if plan.site.asterix.drills else "LIVE"


def _check(telling: Telling, declared: ChannelsFile, data: str) -> None:
    if telling.arms and data != "LIVE":
        what = "a recording" if data == "RECORDING" else "a site that takes drills ([asterix] drills)"
        raise SettingsError("--arm", "", f"arms nothing: what comes of {what} is never live")
    if telling.arms and not any(each.audience == "live" for each in declared.channel):
        raise SettingsError("--arm", "", "arms nothing: no live channel is declared (--channels)")
    if telling.drill_urls and data != "LIVE":
        raise SettingsError("--drill-feed", "", "belongs beside live feeds; these carry none")
    for url in telling.drill_urls:
        if parse(url).scheme in {"file", "ndjson"}:
            raise SettingsError(
                url, "", "keeps the live feeds' time and input for itself; an exercise comes by network"
            )


def _armed(post: _Post) -> Armed | None:
    """Verify the statements, if any were given; a refusal is in the audit log before it is said."""
    audit, telling = post.desk.audit, post.telling
    audit.note("begin", post.desk.now_ns(), run=post.origin.run, data=post.origin.data)
    if not telling.arms or telling.channels is None:
        return None
    site = post.plan.site
    scope = scope_of(telling.channels, zone_list_digest(site.zone), site.site.name)
    try:
        return arm(post.declared, scope, telling.arms, post.desk.now_ns(), audit)
    except SettingsError:
        audit.close()
        raise


def _dispatcher(post: _Post, armed: Armed | None, drill: "_Drill | None") -> AnyDispatcher:
    match post.origin.data:
        case "LIVE":
            return _live_dispatcher(post, armed, drill)
        case "EXERCISE":
            return _exercise_dispatcher(post)
        case _:
            return _rehearsal_dispatcher(post)


def _live_dispatcher(post: _Post, armed: Armed | None, drill: "_Drill | None") -> LiveDispatcher:
    channels, desk = post.declared.channel, post.desk
    couriers = desks.local_couriers(channels, LIVE, desk, with_sound=post.telling.with_sound)
    listeners = post.listeners if drill is None else (*post.listeners, drill.listener)
    off = _off(channels, "drill", "takes drills, and no --drill-feed is given") if drill is None else ()
    if armed is None:
        off = (*off, *_off(channels, "live", "is not armed (--arm, twice)"))
    else:
        couriers += desks.live_couriers(channels, armed, LIVE, desk)
    left = desks.left_by(desk, LIVE)
    herald = Herald(LIVE, post.place, post.origin.run, post.plan.hold_s(), left)
    rhythm = desks.rhythm_of(post.declared)
    return Dispatcher(herald, couriers, desk.audit, desk.now_ns, rhythm, listeners=listeners, off=off, unfinished=left)


def _exercise_dispatcher(post: _Post) -> ExerciseDispatcher:
    channels, desk = post.declared.channel, post.desk
    couriers = desks.local_couriers(channels, EXERCISE, desk, with_sound=post.telling.with_sound)
    couriers += desks.drill_couriers(channels, EXERCISE, desk)
    left = desks.left_by(desk, EXERCISE)
    herald = Herald(EXERCISE, post.place, post.origin.run, post.plan.hold_s(), left)
    off = _off(channels, "live", "takes nothing of an exercise")
    rhythm = desks.rhythm_of(post.declared)
    return Dispatcher(
        herald, couriers, desk.audit, desk.now_ns, rhythm, listeners=post.listeners, off=off, unfinished=left
    )


def _rehearsal_dispatcher(post: _Post) -> RehearsalDispatcher:
    channels, desk = post.declared.channel, post.desk
    couriers = desks.local_couriers(channels, REHEARSAL, desk, with_sound=post.telling.with_sound)
    couriers += desks.drill_couriers(channels, REHEARSAL, desk)
    herald = Herald(REHEARSAL, post.place, post.origin.run, post.plan.hold_s())
    off = _off(channels, "live", "takes nothing of a recording")
    rhythm = desks.rhythm_of(post.declared)
    return Dispatcher(
        herald, couriers, desk.audit, desk.now_ns, rhythm, is_patient=True, listeners=post.listeners, off=off
    )


def _off(channels: Sequence[AnySettings], audience: str, why: str) -> tuple[Tally, ...]:
    return tuple(Tally(each.name, CourierState.OFF, why) for each in channels if each.audience == audience)


def _with_asides(source: Source, teller: AnyDispatcher) -> Iterator[Any]:
    # how the channels are is an input like any other: journalled, so that a replay says the same of them
    for message in source:
        yield message
        yield from teller.asides()


def _is_played(urls: Sequence[str]) -> bool:
    if not urls:
        raise SettingsError("--feed", "", "is missing: a station needs at least one")
    played = [url for url in urls if parse(url).scheme == "file"]
    if played and len(urls) > 1:
        why = "keeps its own time, so it is played alone; `casemate send` plays it to a port, beside other feeds"
        raise SettingsError(played[0], "", why)
    for url in urls:
        if urls.count(url) > 1:
            raise SettingsError(url, "", "is named twice")
    return bool(played)


class _Drill:
    # An exercise beside the live feeds: a corridor of its own in a thread of its own, with its own folder.

    def __init__(self, live: _Post, clock: StationClock, is_over: Callable[[], bool]) -> None:
        self._folder = live.desk.folder / "drill"
        check_writable(self._folder)
        site = live.plan.site
        taking = msgspec.structs.replace(site, asterix=msgspec.structs.replace(site.asterix, drills=True))
        plan = msgspec.structs.replace(live.plan, site=taking)
        origin = msgspec.structs.replace(live.origin, data="EXERCISE", run="")
        before = None if live.telling.before is None else live.telling.before / "drill"
        desk = live.desk._replace(folder=self._folder, audit=AuditLog(self._folder), now_ns=clock.now_ns, before=before)
        self._post = live._replace(plan=plan, origin=named(origin, clock.now_ns()), desk=desk, listeners=())
        feeds = [open_feed(url, plan.site, clock) for url in live.telling.drill_urls]
        self._is_stopped = threading.Event()
        self._source = LiveSource(feeds, clock, lambda: self._is_stopped.is_set() or is_over())
        self._teller = _exercise_dispatcher(self._post)
        self._summary: dict[str, Any] = {"failure": "did not end"}
        self._thread = threading.Thread(target=self._run, name="drill", daemon=True)
        zones = [zone.name for zone in site.zone]
        self.listener = precedence.follow(zones, self._teller.yield_zone)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> dict[str, Any]:
        self._is_stopped.set()
        if self._thread.ident is not None:
            self._thread.join(_DRILL_STOP_S)
        return self._summary

    def _run(self) -> None:
        post, told = self._post, _with_asides(self._source, self._teller)
        try:
            self._summary = record(
                told, post.plan, self._folder, post.origin, terrain=post.terrain, teller=self._teller
            )
        except CasemateError as error:  # of the exercise alone: what is real goes on
            self._summary = {"failure": str(error)}
