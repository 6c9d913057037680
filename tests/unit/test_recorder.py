"""The run folder: its tables column by column, the same bytes for the same run, and the picture drawn from it."""

import contextlib
import json

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from casemate.errors import SettingsError
from casemate.io import recorder
from casemate.io.journal import JournalWriter
from casemate.io.picture import draw_run
from casemate.io.recorder import RunRecorder, check_writable, write_summary
from casemate.io.run_folder import read_run
from casemate.model.catalog import DefendedAsset, RadarSite, SiteFile, SitePoint, WarningZone
from casemate.model.messages import Aside, Cause, Events, Scan, Tick, WarningLevel, WarningPhase, ZoneWarning, ZoneWatch
from casemate.model.records import (
    FATE,
    IMPACT,
    LABEL,
    PLOT,
    TRACK,
    TRACK_CLASS,
    Kind,
    Motion,
    Refusal,
    TrackStatus,
    missing,
)

NS = 1_000_000_000
T0 = 1_700_000_000 * NS
TRUTH = np.dtype(
    [
        ("truth_id", "u4"),
        ("label", "U24"),
        ("t_ns", "i8"),
        ("pos_m", "f8", (3,)),
        ("vel_mps", "f8", (3,)),
        ("is_alive", "?"),
    ]
)
CAUSE = Cause(
    track_id=1,
    round_class="rocket-107",
    t_impact_ns=T0,
    sigma_t_s=0.2,
    p_hit=0.6,
    p_round=1.0,
    n_hit=5,
    point_m=(1.0, 2.0),
    cov_m2=((9.0, 1.0), (1.0, 4.0)),
)
WATCH = ZoneWatch(zone_id=1, t_ns=T0, sensor_ids=(0,), share=0.9, is_watched=True, reason="radar-1 delivers")
AXES = ("e_m", "n_m", "u_m", "ve_mps", "vn_mps", "vu_mps")


def a_square(lat: float, lon: float, half: float = 0.004):
    return tuple((lat + dy * half, lon + dx * half) for dy, dx in ((-1, -1), (1, -1), (1, 1), (-1, 1)))


def a_site() -> SiteFile:
    place = {"lat_deg": 33.30, "lon_deg": 44.39, "height_m": 34.0}
    radar = RadarSite(
        name="radar-1", scan_period_s=1.0, sigma_range_m=15.0, sigma_azimuth_deg=0.2, sigma_elevation_deg=0.2, **place
    )
    zones = (
        WarningZone(name="Alpha North", polygon_deg=a_square(33.305, 44.39)),
        WarningZone(name="Alpha West", polygon_deg=a_square(33.300, 44.375)),
    )
    asset = DefendedAsset(name="clinic", polygon_deg=a_square(33.304, 44.392, 0.001))
    return SiteFile(site=SitePoint(name="Site Alpha", **place), sensor=(radar,), zone=zones, asset=(asset,))


def a_run(n_steps: int = 60):
    """Yield a made-up run: three rounds on parabolas (one destroyed), an aircraft of unknown height, a warning."""
    rng = np.random.default_rng(1)
    starts = np.array([[6000.0, 5000.0, 0.0], [6200.0, 4700.0, 0.0], [6100.0, 5200.0, 0.0], [-4000.0, 3000.0, 800.0]])
    speeds = np.array([[-195.0, -150.0, 147.0], [-204.0, -140.0, 147.0], [-200.0, -155.0, 147.0], [120.0, 20.0, 0.0]])
    for i in range(n_steps):
        t_s, t_ns = i * 0.5, T0 + i * NS // 2
        pos = starts + speeds * t_s
        pos[:3, 2] -= 4.9 * t_s * t_s
        vel = speeds - np.array([[0.0, 0.0, 9.8 * t_s]] * 3 + [[0.0, 0.0, 0.0]])
        is_up = (pos[:, 2] > 0.0) | (i == 0)
        is_up[1] &= i <= 40
        up = np.flatnonzero(is_up)
        plots = missing(PLOT, len(up))
        plots["plot_id"], plots["t_ns"] = 10 * i + up + 1, t_ns
        plots["range_m"] = np.linalg.norm(pos[up], axis=1) + rng.normal(0.0, 15.0, len(up))
        plots["az_rad"] = np.arctan2(pos[up, 0], pos[up, 1]) % (2.0 * np.pi)
        plots["el_rad"] = np.where(up == 3, np.nan, np.arcsin(pos[up, 2] / np.linalg.norm(pos[up], axis=1)))
        labels = np.zeros(len(up), LABEL)
        labels["plot_id"], labels["label"] = plots["plot_id"], [f"thing-{j}" for j in up]
        fates = np.zeros(len(up), FATE)
        fates["plot_id"], fates["track_id"] = plots["plot_id"], up + 1
        if i == 2:
            fates["track_id"][0], fates["refusal"][0] = 0, Refusal.DUPLICATE
        truth = np.zeros(len(up), TRUTH)
        truth["truth_id"], truth["t_ns"], truth["pos_m"], truth["vel_mps"] = up, t_ns, pos[up], vel[up]
        truth["is_alive"] = ~(((up == 1) & (i == 40)) | ((up != 3) & (pos[up, 2] + vel[up, 2] * 0.5 < 5.0) & (i > 0)))
        truth["pos_m"][~truth["is_alive"] & (up != 1), 2] = 0.0
        yield Aside(t_ns=t_ns, kind="label", rows=labels), None
        yield Aside(t_ns=t_ns, kind="truth", rows=truth), None
        scan = Scan(
            sensor_id=0, t_start_ns=t_ns, t_end_ns=t_ns, t_recv_ns=t_ns, az_from_rad=0.0, az_to_rad=0.0, plots=plots
        )
        yield scan, an_answer(i, t_ns, pos, vel, up, fates)
    yield Tick(t_ns=t_ns + NS), Events(t_ns=t_ns + NS)


def an_answer(i, t_ns, pos, vel, up, fates) -> Events:
    tracks, classes = np.zeros(len(up), TRACK), np.zeros(len(up), TRACK_CLASS)
    tracks["track_id"] = classes["track_id"] = up + 1
    tracks["t_ns"], tracks["status"] = t_ns, TrackStatus.TENTATIVE if i < 4 else TrackStatus.CONFIRMED
    tracks["state"][:, :3], tracks["state"][:, 3:6], tracks["state"][:, 6] = pos[up], vel[up], -7.0
    tracks["cov"] = np.eye(7) * 100.0
    tracks["motion"] = np.where(up == 3, Motion.LEVEL, Motion.BALLISTIC)
    tracks["is_height_known"], tracks["p_exists"] = up != 3, 0.99
    classes["i_class"], classes["p_class"] = np.where(up == 3, -1, up % 2), 0.9
    classes["i_kind"], classes["p_round"] = np.where(up == 3, Kind.BIRD, Kind.ROCKET), np.where(up == 3, 0.01, 0.97)
    classes["p_kind"][:, Kind.ROCKET], classes["p_kind"][:, Kind.BIRD] = 0.9, 0.8
    rounds = up[up != 3]
    impacts = np.zeros(len(rounds), IMPACT)
    left_s = (vel[rounds, 2] + np.sqrt(vel[rounds, 2] ** 2 + 19.6 * pos[rounds, 2].clip(0.0))) / 9.8
    impacts["track_id"], impacts["t_ns"] = rounds + 1, t_ns
    impacts["t_impact_ns"] = t_ns + (left_s * NS).astype(np.int64)
    impacts["point_m"] = pos[rounds, :2] + vel[rounds, :2] * left_s[:, None]
    impacts["cov_m2"] = np.array([[150.0**2, 4000.0], [4000.0, 60.0**2]])
    warning = {"zone_id": 0, "threat_ids": (1,), "track_ids": (1, 2), "t_impact_ns": T0 + 30 * NS, "is_useful": True}
    issued = {
        8: ZoneWarning(
            warning_id=1,
            level=WarningLevel.WARN,
            phase=WarningPhase.WARN,
            incident_id=1,
            causes=(CAUSE,),
            lead_s=4.0,
            t_issued_ns=t_ns,
            p_impact=0.6,
            supersedes=0,
            reason="first",
            **warning,
        ),
        55: ZoneWarning(
            warning_id=2,
            level=WarningLevel.CLEAR,
            phase=WarningPhase.CLEAR,
            incident_id=1,
            t_issued_ns=t_ns,
            p_impact=0.0,
            supersedes=1,
            reason="over",
            **warning,
        ),
    }
    return Events(
        t_ns=t_ns,
        tracks=tracks,
        classes=classes,
        impacts=impacts,
        fates=fates,
        warnings=(issued[i],) if i in issued else (),
        zones=(WATCH,) if i == 8 else (),
    )


def record(folder, **summary) -> None:
    site = a_site()
    sink = RunRecorder(folder, site, ("rocket-122", "mortar-82"))
    with contextlib.closing(
        JournalWriter(folder / "journal.sqlite", {"plan": json.dumps({"site": msgspec.to_builtins(site)})})
    ):
        for message, events in a_run():
            sink.take(message, events)
    sink.close()
    sink.close()
    write_summary(folder, {"name": "made-up", "data": "SIMULATION", "z": np.float64(1.0), "a": float("nan"), **summary})


def test_plots_carry_their_track_refusal_and_label(tmp_path):
    record(tmp_path)
    table = read_run(tmp_path).plots
    assert table.schema.names == [*recorder.PLOT_SCHEMA.names, "track_id", "refused"]
    rows = table.to_pylist()
    assert len(rows) == sum(len(each.plots) for each, _ in a_run() if isinstance(each, Scan))
    assert {row["sensor"] for row in rows} == {"radar-1"}
    assert [row["label"] for row in rows[:4]] == ["thing-0", "thing-1", "thing-2", "thing-3"]
    refused = [row for row in rows if row["refused"]]
    assert [(row["refused"], row["track_id"]) for row in refused] == [("duplicate", None)]
    assert rows[3]["elevation_deg"] is None
    assert rows[0]["azimuth_deg"] == pytest.approx(np.degrees(np.arctan2(6000.0, 5000.0)))


def test_tracks_impacts_warnings_and_truth(tmp_path):
    record(tmp_path)
    run = read_run(tmp_path)
    row = run.tracks.to_pylist()[0]
    judged = ["round_class", "p_class", "motion", "kind", "p_kind", "p_round"]
    assert list(row) == ["t_ns", "track_id", "status", *AXES, "ln_drag", "cov", "p_exists", *judged]
    assert len(row["cov"]) == 49
    assert (row["status"], row["round_class"], row["motion"]) == ("tentative", "rocket-122", "ballistic")
    assert (row["kind"], row["p_kind"], row["p_round"]) == ("rocket", 0.9, 0.97)
    aircraft = run.tracks.to_pylist()[3]
    assert (aircraft["u_m"], aircraft["round_class"], aircraft["motion"]) == (None, "not-a-round", "level")
    assert (aircraft["kind"], aircraft["p_kind"], aircraft["p_round"]) == ("bird", 0.8, 0.01)
    assert run.impacts.schema.names == (
        ["t_ns", "track_id", "t_impact_ns", "sigma_t_s", "e_m", "n_m", "cov_ee_m2", "cov_en_m2", "cov_nn_m2", "status"]
    )
    first, last = run.warnings.to_pylist()
    assert (first["zone"], first["level"], first["supersedes"], first["track_ids"]) == (
        "Alpha North",
        "warn",
        None,
        [1, 2],
    )
    assert (last["level"], last["supersedes"]) == ("clear", 1)
    assert (first["phase"], last["phase"], last["incident_id"]) == ("warn", "all-clear", 1)
    assert (first["lead_s"], last["lead_s"], first["benefit"]) == (4.0, None, None)
    place = {"e_m": 1.0, "n_m": 2.0, "cov_ee_m2": 9.0, "cov_en_m2": 1.0, "cov_nn_m2": 4.0}
    known = {"track_id": 1, "round_class": "rocket-107", "t_impact_ns": T0, "sigma_t_s": 0.2, "n_hit": 5}
    assert first["causes"] == [{**known, "p_hit": 0.6, "p_round": 1.0, **place}]
    assert last["causes"] == []
    (watch,) = run.asides["zones"].to_pylist()
    assert (watch["zone"], watch["sensors"], watch["is_watched"]) == ("Alpha West", ["radar-1"], True)
    truth = run.asides["truth"]
    assert truth.schema.names == ["truth_id", "label", "t_ns", *AXES, "is_alive"]
    assert "label" not in run.asides


def test_the_same_run_gives_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder, "ROWS_PER_GROUP", 50)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        record(tmp_path / name)
    for path in (tmp_path / "a").glob("*.parquet"):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    assert pq.ParquetFile(tmp_path / "a" / "tracks.parquet").num_row_groups > 3


def test_an_empty_run_has_its_tables(tmp_path):
    RunRecorder(tmp_path, a_site(), ()).close()
    run = read_run(tmp_path)
    assert [table.num_rows for table in run[:4]] == [0, 0, 0, 0]
    draw_run(tmp_path, tmp_path / "picture.png")


def test_a_run_that_was_killed_leaves_no_table_that_lies(tmp_path):
    sink = RunRecorder(tmp_path, a_site(), ())
    assert not list(tmp_path.glob("*.parquet"))
    with pytest.raises(SettingsError, match="casemate replay"):
        read_run(tmp_path)
    sink.close()


def test_an_aside_cannot_take_the_name_of_a_table_or_a_path(tmp_path):
    sink = RunRecorder(tmp_path, a_site(), ())
    for kind in ("../x", "plots", "", "A"):
        with pytest.raises(ValueError, match="cannot be the name"):
            sink.take(Aside(t_ns=0, kind=kind, rows=np.zeros(1, TRUTH)), None)
    sink.close()


def test_a_folder_is_checked_before_anything_runs(tmp_path):
    check_writable(tmp_path / "new" / "run")
    assert list((tmp_path / "new" / "run").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be written"):
        check_writable(tmp_path / "file" / "run")
    with pytest.raises(SettingsError, match="cannot be written"):
        check_writable("/proc/casemate")
    (tmp_path / "journal.sqlite").write_text("")
    with pytest.raises(SettingsError, match="holds a run already"):
        check_writable(tmp_path)


def test_the_summary_is_sorted_and_holds_no_nan(tmp_path):
    write_summary(tmp_path, {"b": 1, "a": float("nan"), "c": {"z": 1, "y": 2}})
    text = (tmp_path / "summary.json").read_text()
    assert json.loads(text) == {"a": None, "b": 1, "c": {"y": 2, "z": 1}}
    assert text.index('"a"') < text.index('"b"') < text.index('"y"') < text.index('"z"')


def test_the_picture_is_drawn(tmp_path):
    record(tmp_path)
    draw_run(tmp_path, tmp_path / "picture.png")
    content = (tmp_path / "picture.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(content) > 50_000
    draw_run(tmp_path, tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == content
