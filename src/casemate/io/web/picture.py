"""A scene as the bytes of a picture: one header and sections of packed rows, little-endian, each picture whole."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.io.channels.areas import ground_up_m
from casemate.io.web.scene import CRUMB, Scene
from casemate.model.records import Records
from casemate.physics.ballistics import propagate

MAGIC: Final = b"CMPC"
VERSION: Final = 1
ROUND_LIKE: Final = 0.5
"""Probability from which a track is drawn as a round."""
N_ARC: Final = 9
"""Points of an arc, from now to the impact."""
MAX_ARCS: Final = 500
"""[A] The most dangerous; more cannot be told apart on a map."""
MAX_CRUMBS: Final = 20_000
"""[A] The newest: 400 kB, once for whoever comes."""
BETWEEN_NS: Final = NS_PER_S // 5
"""Between two pictures, at least: five a second."""
HEIGHT_KNOWN, IS_ROUND, THREATENS = 1, 2, 4
USED: Final = 1

HEADER: Final = np.dtype(
    [
        ("magic", "S4"),
        ("version", "<u2"),
        ("n_sections", "<u2"),
        ("epoch", "<u4"),
        ("number", "<u4"),
        ("t_ns", "<i8"),
        ("reserved", "<u8"),
    ]
)
SECTION: Final = np.dtype([("kind", "<u4"), ("row_bytes", "<u4"), ("n_rows", "<u4"), ("zero", "<u4")])
TRACK_ROW: Final = np.dtype(
    [
        ("id", "<u4"),
        ("status", "u1"),
        ("motion", "u1"),
        ("kind", "u1"),
        ("flags", "u1"),
        ("pos_m", "<f4", (3,)),
        ("vel_mps", "<f4", (3,)),
        ("p_round", "<f4"),
        ("p_exists", "<f4"),
        ("age_s", "<f4"),
        ("sigma_m", "<f4"),
    ]
)
IMPACT_ROW: Final = np.dtype(
    [
        ("track_id", "<u4"),
        ("flags", "<u4"),
        ("t_impact_s", "<f4"),
        ("sigma_t_s", "<f4"),
        ("pos_m", "<f4", (3,)),
        ("cov_m2", "<f4", (3,)),
    ]
)
PLOT_ROW: Final = np.dtype([("pos_m", "<f4", (3,)), ("age_s", "<f4"), ("sensor", "<u2"), ("flags", "<u2")])
ARC_ROW: Final = np.dtype([("track_id", "<u4"), ("t_s", "<f4"), ("pos_m", "<f4", (3,))])
TRAIL_ROW: Final = np.dtype([("track_id", "<u4"), ("age_s", "<f4"), ("pos_m", "<f4", (3,))])
TRACKS, IMPACTS, PLOTS, ARCS, TRAILS = range(1, 6)


def encode(scene: Scene, epoch: int, number: int, *, since: int = 0, with_trails: bool = False) -> bytes:
    """Return a scene as a picture.

    Parameters
    ----------
    scene : Scene
    epoch, number : int
        Of the server's life, and of the picture.
    since : int
        How many plots had come (`Scene.n_plots`) when the picture before was made: those after it are in this one.
    with_trails : bool
        Whether to say where the tracks have been, as for whoever just came.
    """
    sections = [
        (TRACKS, _tracks(scene)),
        (IMPACTS, _impacts(scene)),
        (PLOTS, _plots(scene, since)),
        (ARCS, _arcs(scene)),
    ]
    if with_trails:
        sections.append((TRAILS, _trails(scene)))
    header = np.zeros(1, HEADER)
    header["magic"], header["version"], header["n_sections"] = MAGIC, VERSION, len(sections)
    header["epoch"], header["number"], header["t_ns"] = epoch & 0xFFFFFFFF, number & 0xFFFFFFFF, scene.t_ns
    return b"".join([header.tobytes(), *(_section(kind, rows) for kind, rows in sections)])


def whole(scene: Scene, epoch: int) -> bytes:
    """Return a scene as a picture of its own: with trails, and the plots of the time between two live pictures."""
    since = max((each.serial for each in scene.plots if each.t_ns <= scene.t_ns - BETWEEN_NS), default=0)
    return encode(scene, epoch, 0, since=since, with_trails=True)


def _section(kind: int, rows: NDArray[Any]) -> bytes:
    head = np.array([(kind, rows.dtype.itemsize, len(rows), 0)], SECTION).tobytes()
    return head + rows.tobytes() + bytes(-rows.nbytes % 8)


def _tracks(scene: Scene) -> Records:
    tracks = scene.tracks
    rows = np.zeros(len(tracks), TRACK_ROW)
    for name in ("status", "motion", "kind", "p_round", "p_exists", "sigma_m"):
        rows[name] = tracks[name]
    rows["id"], rows["age_s"] = tracks["track_id"], _age_s(scene, tracks["t_ns"])
    rows["pos_m"], rows["vel_mps"] = tracks["state"][:, :3], tracks["state"][:, 3:6]
    threatens = np.isin(tracks["track_id"], list(scene.threatening))
    flags = np.where(tracks["is_height_known"], HEIGHT_KNOWN, 0)
    flags |= np.where(tracks["p_round"] >= ROUND_LIKE, IS_ROUND, 0)
    rows["flags"] = flags | np.where(threatens, THREATENS, 0)
    return rows


def _impacts(scene: Scene) -> Records:
    landings = scene.landings
    rows = np.zeros(len(landings), IMPACT_ROW)
    rows["track_id"], rows["sigma_t_s"] = landings["track_id"], landings["sigma_t_s"]
    rows["t_impact_s"] = -_age_s(scene, landings["t_impact_ns"])
    rows["pos_m"][:, :2] = landings["point_m"]
    rows["pos_m"][:, 2] = ground_up_m(scene.premises.place, landings["point_m"].astype(np.float64))
    rows["cov_m2"] = landings["cov_m2"].reshape(-1, 4)[:, [0, 1, 3]]
    return rows


def _plots(scene: Scene, since: int) -> Records:
    fresh = [each.rows for each in scene.plots if each.serial > since]
    if not fresh:
        return np.zeros(0, PLOT_ROW)
    plots = np.concatenate(fresh)
    rows = np.zeros(len(plots), PLOT_ROW)
    rows["pos_m"], rows["age_s"] = plots["pos_m"], _age_s(scene, plots["t_ns"])
    rows["sensor"], rows["flags"] = plots["sensor_id"], np.where(plots["is_used"], USED, 0)
    return rows


def _arcs(scene: Scene) -> Records:
    """Fly every round-like track on to its impact, from point to point: together as long as one flight."""
    tracks, landings = scene.tracks, scene.landings
    at = np.searchsorted(tracks["track_id"], landings["track_id"])
    is_there = at < len(tracks)
    is_there[is_there] = tracks["track_id"][at[is_there]] == landings["track_id"][is_there]
    is_there &= landings["t_impact_ns"] > scene.t_ns
    tracks, landings = tracks[at[is_there]], landings[is_there]
    is_flown = (tracks["p_round"] >= ROUND_LIKE) & np.isfinite(tracks["state"][:, 6])  # NaN: another station's round
    tracks, landings = tracks[is_flown], landings[is_flown]
    threatens = np.isin(tracks["track_id"], list(scene.threatening))
    order = np.lexsort((landings["t_impact_ns"], ~threatens))[:MAX_ARCS]
    tracks, left_s = tracks[order], -_age_s(scene, landings["t_impact_ns"][order])
    rows = np.zeros((len(tracks), N_ARC), ARC_ROW)
    if not len(tracks):
        return rows.reshape(-1)
    rows["track_id"] = tracks["track_id"][:, None]
    states = propagate(tracks["state"], _age_s(scene, tracks["t_ns"]), scene.premises.environment)
    for i in range(N_ARC):
        if i:
            states = propagate(states, left_s / (N_ARC - 1), scene.premises.environment)
        rows["t_s"][:, i], rows["pos_m"][:, i] = left_s * i / (N_ARC - 1), states[:, :3]
    return rows.reshape(-1)


def _trails(scene: Scene) -> Records:
    crumbs = np.concatenate([np.zeros(0, CRUMB), *(each.rows for each in scene.trail)])[-MAX_CRUMBS:]
    rows = np.zeros(len(crumbs), TRAIL_ROW)
    rows["track_id"], rows["pos_m"], rows["age_s"] = crumbs["track_id"], crumbs["pos_m"], _age_s(scene, crumbs["t_ns"])
    return rows


def _age_s(scene: Scene, t_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    return (scene.t_ns - t_ns) / NS_PER_S
