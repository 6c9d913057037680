"""`casemate why` over a whole run: what it says against the run's own tables, and a picture that is one."""

import json
import math
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from casemate import rehearsal
from casemate.cli import main


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "close"
    rehearsal.run("flat-and-close", 3, folder, with_intercept=False)
    return folder


def call(capsys, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["casemate", "why", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    return ended.value.code or 0, out, err


def test_every_warning_of_a_run_can_be_explained(run_folder, tmp_path, capsys, monkeypatch):
    rows = pq.read_table(run_folder / "warnings.parquet").to_pylist()
    plots = pq.read_table(run_folder / "plots.parquet").to_pylist()
    assert rows
    for row in rows:
        picture = tmp_path / f"{row['warning_id']}.png"
        code, out, _ = call(capsys, monkeypatch, run_folder, row["warning_id"], "-o", picture, "--json")
        said = json.loads(out)
        assert code == 0
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert (said["phase"], said["incident_id"], said["p_impact"]) == (
            row["phase"],
            row["incident_id"],
            row["p_impact"],
        )
        for counted, cause in zip(said["tracks"], row["causes"], strict=True):
            cov = np.array([[cause["cov_ee_m2"], cause["cov_en_m2"]], [cause["cov_en_m2"], cause["cov_nn_m2"]]])
            values, axes = np.linalg.eigh(cov)
            ellipse = counted["ellipse"]
            assert ellipse["long_m"] == pytest.approx(math.sqrt(-2.0 * math.log(0.1) * values[1]))
            bearing_rad = math.radians(ellipse["bearing_deg"])
            along = abs(np.array([math.sin(bearing_rad), math.cos(bearing_rad)]) @ axes[:, 1])
            assert along == pytest.approx(1.0, abs=1e-6)
            own = [p for p in plots if p["track_id"] == counted["track_id"] and p["t_ns"] <= row["t_ns"]]
            assert counted["n_plots"] == len(own)


def test_a_table_for_people_and_one_line_for_a_warning_that_is_not(run_folder, capsys, monkeypatch):
    code, out, _ = call(capsys, monkeypatch, run_folder, 1)
    assert code == 0
    assert "what would have changed it" in out
    assert (run_folder / "why-1.png").stat().st_size > 10_000
    code, out, err = call(capsys, monkeypatch, run_folder, 9999)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "warning_id: has no 9999: there are 1 to" in err
