"""The peers' tracking bench beside the project: its scenes, scorer and oracle, and Stone Soup where it is installed.

Needs the folder `shared` beside the project. What does not depend on our code (scenes, oracle, bound) is kept in a
cache, because a scene of the peers takes up to twenty seconds to make.
"""

import importlib.util
import json
import math
import os
import pathlib
import subprocess
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import msgspec
import numpy as np
import radar_scenes
import salvo_cases
import scene_bound

from casemate.model.catalog import SiteFile
from casemate.model.messages import Scan
from casemate.model.records import PLOT, freeze, missing

SHARED = pathlib.Path(__file__).resolve().parents[3] / "shared"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "casemate" / "bench-tracking"


def module_of(name: str) -> ModuleType:
    """Load a module of the peers' folder."""
    path = SHARED / "peers" / "tracking" / f"{name}.py"
    if not path.exists():
        raise SystemExit(f"the peers' bench is not here: {path}")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Scenes(NamedTuple):
    """A case: how to make one of its scenes, and what to call it."""

    name: str
    title: str
    make: Callable[[int], radar_scenes.Scene]


def spread(k: int, false: int, hz: float) -> Scenes:
    """K rounds of a spread raid, as the peers make them."""
    return Scenes(
        f"spread-{k}-{false}-{hz:g}hz",
        f"spread, K={k}, L={false}, {hz:g} Hz",
        lambda seed: module_of("stonesoup_bench").gen(k, false, hz, seed),
    )


def peers_salvo(interval_s: float, hz: float, false: int = 10) -> Scenes:
    """A salvo of 20 as the peers make it."""
    return Scenes(
        f"salvo-{interval_s:g}s-{false}-{hz:g}hz",
        f"salvo of 20, {interval_s:g} s apart, L={false}, {hz:g} Hz",
        lambda seed: module_of("stonesoup_bench").gen(20, false, hz, seed, salvo=interval_s),
    )


def own_salvo(name: str) -> Scenes:
    """One of the salvos that no one tuned on."""
    return Scenes(name, name, lambda seed: salvo_cases.salvo(name, seed))


def kept(key: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what was computed once, from the cache."""
    path = CACHE / "kept" / f"{key}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(make()), encoding="utf-8")
        part.replace(path)
    return json.loads(path.read_text(encoding="utf-8"))


def scene_file(case: Scenes, seed: int) -> pathlib.Path:
    """Return the file of a scene, made when it is not there."""
    path = CACHE / "scenes" / f"{case.name}-{seed}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.npz")
        np.savez_compressed(part, **case.make(seed))
        part.replace(path)
    return path


def scene_of(case: Scenes, seed: int) -> radar_scenes.Scene:
    """Return one scene of a case."""
    with np.load(scene_file(case, seed)) as z:
        return {key: z[key] for key in z.files}


def oracle_of(case: Scenes, seed: int) -> dict[str, float]:
    """Return what a filter that is told the true association reaches."""
    return kept(f"oracle-{case.name}-{seed}", lambda: module_of("stonesoup_bench").oracle(scene_of(case, seed)))


def bound_of(case: Scenes, seed: int) -> dict[str, float]:
    """Return the posterior Cramer-Rao bound of a scene."""
    return kept(f"bound-{case.name}-{seed}", lambda: scene_bound.bound(scene_of(case, seed)))


def meta_of(scene: radar_scenes.Scene) -> dict[str, Any]:
    """Return what a scene says of itself."""
    return json.loads(str(scene["meta"]))


def site_of(scene: radar_scenes.Scene) -> SiteFile:
    """Read the site file that the peers' converter would write for a scene."""
    meta = meta_of(scene)
    text = module_of("convert").SITE.format(period=1.0 / meta["hz"], pd=meta["pd"], L=meta["L"])
    return msgspec.toml.decode(text, type=SiteFile)


def scans_of(scene: radar_scenes.Scene) -> list[Scan]:
    """Turn a scene into scans, angles in degrees and back as the plot table has them."""
    meta, t0_ns = meta_of(scene), module_of("convert").T0_NS
    az = np.radians(np.degrees(np.pi / 2 - scene["plot_az"]) % 360.0)
    edges = np.searchsorted(scene["plot_scan"], np.arange(meta["nscan"] + 1))
    scans = []
    for k in range(meta["nscan"]):
        index = np.arange(edges[k], edges[k + 1])
        t_ns = t0_ns + round(k / meta["hz"] * 1e9)
        plots = missing(PLOT, len(index))
        plots["plot_id"], plots["t_ns"], plots["sensor_id"] = index + 1, t_ns, 0
        plots["range_m"], plots["az_rad"], plots["el_rad"] = (
            scene["plot_rng"][index],
            az[index],
            scene["plot_el"][index],
        )
        arc = {"az_from_rad": math.radians(300.0), "az_to_rad": math.radians(60.0)}
        if (half_width := meta.get("half_width_rad", math.pi / 3.0)) >= math.pi:
            arc = {"az_from_rad": 0.0, "az_to_rad": 2.0 * half_width}
        scans.append(Scan(sensor_id=0, t_start_ns=t_ns, t_end_ns=t_ns, t_recv_ns=t_ns, plots=freeze(plots), **arc))
    return scans


def stone_soup(python: pathlib.Path, case: Scenes, seed: int) -> dict[str, Any]:
    """Run Stone Soup as its bench tunes it (k-d tree, analytic Jacobian) over a scene, in an environment of its own."""
    command = [python, SHARED / "peers/tracking/stonesoup_bench.py", "run", scene_file(case, seed), "--assoc", "kdtree"]
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=clean)
    return json.loads(done.stdout.strip().splitlines()[-1])
