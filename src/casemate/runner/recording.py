"""A run into a run folder: journal, tables and summary around the loop."""

import hashlib
import pathlib
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, Protocol

import msgspec
import numpy as np

from casemate import __version__
from casemate.errors import SettingsError
from casemate.io import settings
from casemate.io.health import sensor_summary
from casemate.io.journal import JournalWriter
from casemate.io.recorder import RunRecorder, write_summary
from casemate.io.terrain import raster_of, read_terrain
from casemate.model.catalog import zone_list_digest
from casemate.physics.drag import drag_curve_of
from casemate.physics.terrain import Terrain, covers
from casemate.pipeline import Levels, Pipeline, Plan, Raster
from casemate.runner.live import FeedLog
from casemate.runner.loop import Clock, Progress, Sink, Source, run


def file_hash(path: pathlib.Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def plan_of(site_path: pathlib.Path) -> Plan:
    """Read a site file, and the profiles that it names, into a plan."""
    site = settings.read_site(site_path)
    air, wind = settings.read_profiles(site_path, site.environment)
    raster = None
    if site.terrain is not None:
        path = raster_of(site_path, site.terrain).resolve()
        raster = Raster(path=str(path), sha256=file_hash(path))
    return Plan(site=site, rounds=settings.read_rounds(), air=Levels.of(air), wind=Levels.of(wind), raster=raster)


def inputs_of(plan: Plan, *files: pathlib.Path) -> dict[str, str]:
    """Return the SHA-256 of each input file of a run by its name, the plan's raster among them."""
    hashes = {path.name: file_hash(path) for path in files}
    if plan.raster is not None:
        hashes[pathlib.Path(plan.raster.path).name] = plan.raster.sha256
    return hashes


def terrain_of(plan: Plan, declared_in: pathlib.Path) -> Terrain | None:
    """Read the terrain that a plan names, None where it names none.

    Parameters
    ----------
    plan : Plan
        Of a site file, or of a run that is replayed.
    declared_in : Path
        The site file or the run, for errors.

    Raises
    ------
    SettingsError
        The raster is gone, has changed since the plan was made, or cannot be used; or an asset lies beyond it.
    """
    declared, raster = plan.site.terrain, plan.raster
    if declared is None or raster is None:
        return None
    path = pathlib.Path(raster.path)
    if not path.is_file():
        raise SettingsError(str(declared_in), "terrain.file", f"was {path}, which is gone")
    if file_hash(path) != raster.sha256:
        why = f"was {path} with SHA-256 {raster.sha256[:12]}..., and holds something else now"
        raise SettingsError(str(declared_in), "terrain.file", why)
    here = msgspec.structs.replace(declared, file=str(path))  # an absolute path: beside whatever file
    terrain = read_terrain(declared_in, here, plan.frame(), is_geoid_known=plan.site.site.geoid_m is not None)
    for i, asset in enumerate(plan.site.asset):
        lat_deg, lon_deg = np.array(asset.polygon_deg, np.float64).T
        is_on = covers(terrain, lat_deg, lon_deg)
        if not is_on.all():
            corner = f"[{lat_deg[~is_on][0]:g}, {lon_deg[~is_on][0]:g}]"
            why = f"{corner} of {asset.name!r} lies outside the terrain of {path.name}"
            raise SettingsError(str(declared_in), f"asset[{i}].polygon_deg", why)
    return terrain


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run's inputs come from: kept in its journal, so that a replay says the same."""

    data: str  # SIMULATION, RECORDING, EXERCISE or LIVE
    name: str
    inputs: dict[str, str]  # name of an input -> SHA-256 of its bytes
    seed: int | None = None
    run: str = ""  # what its notices are called by; see `named`


def named(origin: Origin, t_start_ns: int = 0) -> Origin:
    """Give a run its name, 12 digits: the same for the same inputs, where they decide it; else of its start too.

    Parameters
    ----------
    origin : Origin
    t_start_ns : int
        Of a live run, which has no inputs yet: what comes in twice the same may still be two raids.
    """
    content = msgspec.json.encode(origin) + str(t_start_ns).encode()
    return msgspec.structs.replace(origin, run=hashlib.sha256(content).hexdigest()[:12])


class Teller(Sink, Protocol):
    """A sink that tells people."""

    def finish(self) -> dict[str, object]:
        """Have told what waits, and return what became of it."""
        ...


def record(
    source: Source,
    plan: Plan,
    folder: pathlib.Path,
    origin: Origin,
    *,
    terrain: Terrain | None = None,
    teller: Teller | None = None,
    sinks: Sequence[Sink] = (),
    outcome: Callable[[], Any] = lambda: None,
    told: dict[str, object] | None = None,
    clock: Clock | None = None,
    progress: Progress | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Run a source through a plan's pipeline into a run folder and return its summary.

    Whatever ends the run, the folder holds all whole steps up to there.

    Parameters
    ----------
    terrain : Terrain, optional
        What the plan's raster holds, as `terrain_of` reads it.
    teller : Teller, optional
        Served before all others; finished whatever ends the run.
    sinks : sequence of Sink
        Served after the folder, in order.
    outcome : callable
        Asked once at the end for what became of the run; kept in the journal and the summary.
    told : dict, optional
        What became of what was told, where that is history: a replay tells nobody.
    """
    pipeline = Pipeline(plan, terrain)
    encode = msgspec.json.encode
    meta = {"plan": encode(plan).decode(), "origin": encode(origin).decode()}
    recorder = RunRecorder(folder, plan.site, tuple(body.name for body in plan.rounds))
    journal = JournalWriter(folder / "journal.sqlite", meta)
    feeds = FeedLog()
    first: list[Sink] = [] if teller is None else [teller]
    try:
        stats = run(source, pipeline, [*first, recorder, feeds, *sinks], journal, clock, progress, is_stopped)
        result = msgspec.to_builtins(outcome())
        journal.note("outcome", encode(result).decode())
    finally:
        told = told if teller is None else teller.finish()
        journal.note("told", encode(told).decode())
        recorder.close()
        journal.close()
    summary = {
        **msgspec.to_builtins(origin),
        "site": plan.site.site.name,
        "zone_list": zone_list_digest(plan.site.zone),
        "is_whole": not stats.is_stopped,
        "t_first_ns": stats.t_first_ns,
        "t_last_ns": stats.t_last_ns,
        "counts": dict(stats.counts),
        "refused": dict(stats.refused),
        "diagnostics": dict(stats.diagnostics),
        "sensors": sensor_summary(tuple(each.name for each in plan.site.sensor), stats.sensors, dict(stats.lost)),
        "most_at_once": dict(stats.most),
        "told": told,
        "feeds": feeds.summary([sensor.name for sensor in plan.site.sensor]),
        "confirm_score": plan.tracking().confirm_score,
        "outcome": result,
        "drag_curve": _drag_curve_of(plan),
        "versions": _versions(),
        "timing": {"wall_s": stats.wall_s, "cpu_s": stats.cpu_s, "step_ms": stats.step_ms},
    }
    write_summary(folder, summary)
    return summary


def _drag_curve_of(plan: Plan) -> dict[str, Any]:
    # Which curve the filter and the prediction believed, so that two runs can be told to have flown the same one.
    name = plan.site.tracking.drag_curve
    curve = drag_curve_of(name, plan.rounds)
    return {"name": name, "digest": curve.digest, "node_error": curve.node_error}


def _versions() -> dict[str, str]:
    packages = ("numpy", "numba", "pyarrow", "scipy")
    return {"casemate": __version__, "python": platform.python_version()} | {name: version(name) for name in packages}
