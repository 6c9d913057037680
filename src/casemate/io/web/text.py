"""The state as accessible text: HTML that a server writes, without script or map, and tracks as plain rows."""

from html import escape
from typing import Any, Final

from casemate.constants import NS_PER_S
from casemate.io.channels.texts import iso, time_of
from casemate.io.web.facts import Alarm
from casemate.io.web.scene import Scene
from casemate.io.web.wire import KINDS, Ledger, Visitor
from casemate.model.records import TrackStatus

REFRESH_S: Final = 2
"""Between two looks of a browser [s]."""
STALE_S: Final = 2.0
"""A picture without news for so long is said to be stale: time alone passes every half second."""

NOT_BUILT: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Casemate: the page is not built</title></head>
<body><main><h1>The page is not built</h1>
<p>This Casemate runs from a source tree in which the page was not built yet. Build it with <code>scripts/page</code>
and start again.</p>
<p>Everything as text is here all the same: <a href="/text">alarms, zones, sensors and tracks as text</a>.</p>
</main></body></html>
"""


def page_of(ledger: Ledger, visitor: Visitor, age_s: float) -> str:
    """Return the state as a page of text that fetches itself anew.

    Parameters
    ----------
    ledger : Ledger
    visitor : Visitor
    age_s : float
        Since the newest step was taken in [s].
    """
    scene, premises = ledger.scene, ledger.scene.premises
    mark = f"{premises.mark}: " if premises.mark else ""
    title = f"{mark}{premises.place.site.site.name}"
    stale = f'<p role="alert"><strong>STALE: nothing new for {age_s:.0f} s.</strong></p>' if age_s > STALE_S else ""
    time = time_of(scene.t_ns).strftime("%Y-%m-%d %H:%M:%S") if scene.t_ns else "nothing came yet"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="refresh" content="{REFRESH_S}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}: {_count(scene)}</title></head><body><main>",
            f"<h1>{escape(title)}</h1>",
            f"<p>Time of the data (UTC): {time}. Signed in: {escape(visitor.user)}, {escape(visitor.role)}.</p>",
            stale,
            "<h2>Alarms</h2>",
            _alarms(scene),
            "<h2>Zones</h2>",
            _table(("zone", "alarm", "watched"), [_zone(scene, name) for name in scene.zones]),
            "<h2>Sensors</h2>",
            _table(("sensor", "state", "reason"), [(s.name, s.state, s.reason) for s in scene.sensors.values()]),
            "<h2>Channels</h2>",
            _table(("channel", "state", "why"), [(c.name, c.state, c.why) for c in scene.channels.values()]),
            f"<p>{len(scene.tracks)} tracks, {len(scene.landings)} expected impacts.</p>",
            "</main></body></html>",
        ]
    )


def tracks_of(scene: Scene) -> list[dict[str, Any]]:
    """Return the tracks as rows, in ENU metres of the site."""
    tracks = scene.tracks
    places, speeds = tracks["state"][:, :3].round(1).tolist(), tracks["state"][:, 3:6].round(2).tolist()
    impact_ns: dict[int, int] = dict(
        zip(scene.landings["track_id"].tolist(), scene.landings["t_impact_ns"].tolist(), strict=True)
    )
    return [
        {
            "track_id": track_id,
            "status": TrackStatus(status).name.lower(),
            "kind": KINDS[kind],
            "t_ns": t_ns,
            "pos_m": place,
            "vel_mps": speed,
            "p_round": round(p_round, 4),
            "is_height_known": is_height_known,
            "t_impact_ns": impact_ns.get(track_id),
        }
        for track_id, status, kind, t_ns, place, speed, p_round, is_height_known in zip(
            tracks["track_id"].tolist(),
            tracks["status"].tolist(),
            tracks["kind"].tolist(),
            tracks["t_ns"].tolist(),
            places,
            speeds,
            tracks["p_round"].tolist(),
            tracks["is_height_known"].tolist(),
            strict=True,
        )
    ]


def _count(scene: Scene) -> str:
    n = sum(not alarm.is_over for alarm in scene.alarms.values())
    return f"{n} alarm{'' if n == 1 else 's'}" if n else "no alarm"


def _alarms(scene: Scene) -> str:
    alarms = sorted(scene.alarms.values(), key=lambda alarm: (alarm.is_over, -alarm.t_sent_ns))
    if not alarms:
        return "<p>No alarm.</p>"
    items = "".join(f"<li>{_alarm(scene, alarm)}</li>" for alarm in alarms)
    return f'<ul role="alert" aria-live="assertive">{items}</ul>'


def _alarm(scene: Scene, alarm: Alarm) -> str:
    said = f"<strong>{escape(alarm.text['en'])}</strong>"
    left_s = (alarm.t_impact_ns - scene.t_ns) / NS_PER_S
    if not alarm.is_over and left_s > 0.0:
        error = "" if alarm.sigma_t_s is None else f" plus or minus {2.0 * alarm.sigma_t_s:.0f} s"
        said += f", impact in {left_s:.0f} s{error} ({iso(alarm.t_impact_ns)[11:19]} UTC)"
    by = alarm.acknowledged
    seen = f"acknowledged by {escape(by.by)}" if by else "not acknowledged"
    return f"{said}. Phase: {alarm.phase.value}; {seen}. {escape(alarm.reason)}"


def _zone(scene: Scene, name: str) -> tuple[str, str, str]:
    phases = [alarm.phase.value for alarm in scene.alarms.values() if alarm.zone == name and not alarm.is_over]
    zone = scene.zones[name]
    return name, ", ".join(phases) or "quiet", "watched" if zone.is_watched else f"NOT WATCHED: {zone.reason}"


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return "<p>None.</p>"
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
