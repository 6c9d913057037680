"""A recording that is well, and what `casemate track` makes of it: a fault that is put into it must change nothing."""

import contextlib
import io
import itertools
import json
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hill import SITE

from casemate.cli import main
from casemate.constants import NS_PER_S
from casemate.io import settings
from casemate.io.tables import PLOT_SCHEMA
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import sensor_models

T0_NS = 1_790_000_000 * NS_PER_S
SPAN_S = 24


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    (folder / "site.toml").write_text(SITE)
    return folder


@pytest.fixture(scope="session")
def site(folder):
    return settings.read_site(folder / "site.toml")


@pytest.fixture(scope="session")
def recording(site):
    """Three bombs that fall into the zone without drag and an aircraft, seen by a turning radar, as rows of a table."""
    rng = np.random.default_rng(11)
    (sensor,) = sensor_models(site.sensor, SiteFrame.of(site.site))
    rows = []
    for k, start_s in enumerate((0.0, 2.0, 4.0, 0.0)):
        vel = np.array([-130.0, -20.0 * k, 125.0]) if k < 3 else np.array([150.0, 60.0, 0.0])
        pos = np.array([3300.0, 300.0 * k, 50.0]) if k < 3 else np.array([-6000.0, 4000.0, 3000.0])
        for turn in range(SPAN_S):
            t_s = turn + 0.5
            for _ in range(4):  # when the beam is where it is
                age = t_s - start_s
                at = pos + vel * age - (np.array([0.0, 0.0, 4.903 * age**2]) if k < 3 else 0.0)
                seen = sensor.measure(at[None], vel[None])
                t_s = turn + float(seen.az_rad[0]) / (2.0 * np.pi)
            if t_s - start_s >= 0.0 and at[2] > 30.0:
                rows.append(
                    {
                        "t_ns": T0_NS + round(t_s * NS_PER_S),
                        "sensor": "radar-1",
                        "range_m": float(seen.range_m[0]) + rng.normal(0.0, 10.0),
                        "azimuth_deg": float(np.degrees(seen.az_rad[0])) + rng.normal(0.0, 0.15),
                        "elevation_deg": float(np.degrees(seen.el_rad[0])) + rng.normal(0.0, 0.15),
                    }
                )
    return sorted(rows, key=lambda row: row["t_ns"])


@pytest.fixture(scope="session")
def track(folder):
    """Write rows as a plot table, run `casemate track --json`; return its summary and the folder of the run.

    The picture of a run takes longer than the run: it is drawn where asked for.
    """
    numbers = itertools.count()

    def run(rows, suffix=".parquet", is_drawn=False):
        path, out = folder / f"plots{next(numbers)}{suffix}", folder / f"run{next(numbers)}"
        names = [name for name in PLOT_SCHEMA.names if any(name in row for row in rows)]
        if suffix == ".csv":  # the numbers as a person or a program may have written them
            lines = [",".join(names), *(",".join(str(row.get(name, "")) for name in names) for row in rows)]
            path.write_text("\n".join(lines) + "\n")
        else:
            columns = {name: pa.array([row.get(name) for row in rows], PLOT_SCHEMA.field(name).type) for name in names}
            pq.write_table(pa.table(columns), path)
        arguments = ["casemate", "track", str(path), "--site", str(folder / "site.toml"), "-o", str(out), "--json"]
        said = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
            patch.setattr(sys, "argv", arguments)
            if not is_drawn:
                patch.setattr("casemate.io.picture.draw_run", lambda *_: None)
            with pytest.raises(SystemExit) as stop:
                main()
        assert stop.value.code == 0
        return json.loads(said.getvalue()), out

    return run


@pytest.fixture(scope="session")
def outcome():
    """Return what a run concluded: its tracks, impacts and warnings, row by row."""
    return lambda out: [pq.read_table(out / f"{name}.parquet") for name in ("tracks", "impacts", "warnings")]


@pytest.fixture(scope="session")
def clean(track, recording, outcome):
    """Return what the recording gives without a fault; it must be worth something."""
    summary, out = track(recording)
    assert summary["refused"] == {}
    assert summary["counts"]["tracks_confirmed"] == 4
    assert summary["counts"]["warnings"] >= 1
    return outcome(out)
