"""What `casemate export --to asterix` writes, read back by tshark field for field, and by our own decoder."""

import csv
import io
import shutil
import subprocess

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from casemate.io.feeds.asterix import import_recording
from casemate.io.feeds.asterix.encoder import (
    AZIMUTH_RAD,
    ELEVATION_RAD,
    FINE_RANGE_M,
    FINE_RATE_MPS,
    HEIGHT_M,
    RANGE_M,
    SIGMA_ANGLE_RAD,
    SIGMA_RATE_MPS,
    cat015,
    cat048,
)
from casemate.io.feeds.asterix.export import export_run
from casemate.io.feeds.asterix.records import PlotItem

SITE = """
[site]
name = "Alpha"
lat_deg = 46.8
lon_deg = 8.2
height_m = 500.0

[[sensor]]
name = "radar-1"
lat_deg = 46.8
lon_deg = 8.2
height_m = 510.0
scan_period_s = 1.0
sigma_range_m = 15.0
sigma_azimuth_deg = 0.2
sigma_elevation_deg = 0.2
sigma_range_rate_mps = 2.0
sac = 25
sic = 10

[[sensor]]
name = "radar-2"
lat_deg = 46.81
lon_deg = 8.2
height_m = 510.0
scan_period_s = 1.0
sigma_range_m = 15.0
sigma_azimuth_deg = 0.2
"""
MIDNIGHT_NS = 1_795_305_600 * 10**9
TICK_NS = 7_812_500


def table_of(seed: int, n: int = 150) -> pa.Table:
    """Plots of two radars across midnight: one gives all there is, the other range and azimuth only."""
    rng = np.random.default_rng(seed)
    is_full = rng.random(n) < 0.7

    def where_full(values):
        return pa.array(values, mask=~is_full)

    return pa.table(
        {
            "t_ns": MIDNIGHT_NS - 10**10 + np.sort(rng.integers(0, 2 * 10**10, n)),
            "sensor": np.where(is_full, "radar-1", "radar-2"),
            "range_m": rng.uniform(600.0, 24_000.0, n),
            "azimuth_deg": rng.uniform(0.0, 360.0, n) % 360.0,
            "elevation_deg": where_full(rng.uniform(0.6, 59.0, n)),
            "range_rate_mps": where_full(rng.normal(0.0, 300.0, n)),
            "snr_db": where_full(rng.uniform(8.0, 40.0, n)),
            "sigma_range_m": where_full(rng.uniform(1.0, 60.0, n)),
            "sigma_azimuth_deg": where_full(rng.uniform(0.01, 0.9, n)),
            "sigma_elevation_deg": where_full(rng.uniform(0.01, 0.9, n)),
            "sigma_range_rate_mps": where_full(rng.uniform(0.1, 5.0, n)),
            "label": pa.array([f"{each:06x}" for each in rng.integers(0, 1 << 24, n)], mask=rng.random(n) < 0.5),
        }
    )


@pytest.fixture(scope="module", params=[1, 2])
def exported(request, tmp_path_factory):
    """A run over plots of our own and what is exported of it."""
    from casemate import station

    folder = tmp_path_factory.mktemp("export")
    (folder / "site.toml").write_text(SITE)
    pq.write_table(table_of(request.param), folder / "plots.parquet")
    station.track(folder / "plots.parquet", folder / "site.toml", folder / "run")
    result = export_run(folder / "run", folder / "out")
    plots = pq.read_table(folder / "run" / "plots.parquet").sort_by("t_ns")
    assert result.files == {"cat015.pcap": 150, "cat048.pcap": 150}
    assert result.sources == {"radar-1": "25-10", "radar-2": "0-2"}
    assert result.left_out == ()
    return folder / "out", plots


def column(table: pa.Table, name: str) -> np.ndarray:
    return table[name].to_numpy()


def by_source(table: pa.Table, names: dict[str, str]) -> pa.Table:
    """Sort as both sides can: by sensor, then range, which no two plots share to a step of CAT048 by chance alone."""
    sensors = [names.get(each, each) for each in table["sensor"].to_pylist()]
    return table.set_column(table.column_names.index("sensor"), "sensor", pa.array(sensors)).sort_by(
        [("sensor", "ascending"), ("t_ns", "ascending")]
    )


def assert_within(got: pa.Table, want: pa.Table, name: str, step: float, turn: float = np.inf) -> None:
    ours, theirs = column(got, name), column(want, name)
    assert (np.isnan(ours) == np.isnan(theirs)).all(), name
    off = np.abs(ours - theirs)
    off = np.minimum(off, turn - off)
    assert np.nanmax(off) <= 0.5 * step * (1.0 + 1e-6), name


def test_our_decoder_reads_category_015_back_to_its_steps(exported):
    folder, plots = exported
    got = by_source(import_recording(folder / "cat015.pcap").table, {})
    want = by_source(plots, {"radar-1": "25-10", "radar-2": "0-2"})
    assert got["sensor"].to_pylist() == want["sensor"].to_pylist()
    assert np.abs(column(got, "t_ns") - column(want, "t_ns")).max() <= TICK_NS // 2  # across midnight too
    assert_within(got, want, "range_m", FINE_RANGE_M)
    assert_within(got, want, "azimuth_deg", np.degrees(AZIMUTH_RAD), 360.0)
    assert_within(got, want, "elevation_deg", np.degrees(ELEVATION_RAD))
    assert_within(got, want, "range_rate_mps", FINE_RATE_MPS)
    assert_within(got, want, "snr_db", 1.0)
    assert_within(got, want, "sigma_range_m", FINE_RANGE_M)
    assert_within(got, want, "sigma_azimuth_deg", np.degrees(SIGMA_ANGLE_RAD))
    assert_within(got, want, "sigma_elevation_deg", np.degrees(SIGMA_ANGLE_RAD))
    assert_within(got, want, "sigma_range_rate_mps", SIGMA_RATE_MPS)
    tracks = [None if each is None else str(each) for each in want["track_id"].to_pylist()]
    assert got["label"].to_pylist() == tracks


def test_our_decoder_reads_category_048_back_to_its_steps(exported):
    folder, plots = exported
    got = by_source(import_recording(folder / "cat048.pcap").table, {})
    want = by_source(plots, {"radar-1": "25-10", "radar-2": "0-2"})
    assert np.abs(column(got, "t_ns") - column(want, "t_ns")).max() <= TICK_NS // 2
    assert_within(got, want, "range_m", RANGE_M)
    assert_within(got, want, "azimuth_deg", np.degrees(AZIMUTH_RAD), 360.0)
    assert got["label"].to_pylist() == [each or None for each in want["label"].to_pylist()]
    rates = column(want, "range_rate_mps")
    fits = np.abs(rates) <= 511.0
    assert np.abs(column(got, "range_rate_mps")[fits] - rates[fits]).max() <= 0.5
    assert np.isnan(column(got, "range_rate_mps")[~fits]).all()
    # the height over the sea of a sphere of the same radius: 1 m beside the ellipsoid's at 24 km, and half a step
    el, r = np.radians(column(want, "elevation_deg")), column(want, "range_m")
    h = 510.0 + r * np.sin(el) + (r * np.cos(el)) ** 2 / (2.0 * 6_380_000.0)
    off = np.abs(column(got, "height_m") - h)
    assert np.nanmax(off) <= 0.5 * HEIGHT_M + 6.0
    assert (np.isnan(off) == np.isnan(el)).all()


TSHARK = {
    "cat015.pcap": {
        "asterix.015_145_VALUE": "t_s",
        "asterix.015_625_R_VALUE": "range_m",
        "asterix.015_627_AZ_VALUE": "azimuth_deg",
        "asterix.015_625_SDR_VALUE": "sigma_range_m",
        "asterix.015_627_SDASZ_VALUE": "sigma_azimuth_deg",
        "asterix.015_626_DV_VALUE": "range_rate_mps",
        "asterix.015_626_SDDV_VALUE": "sigma_range_rate_mps",
        "asterix.015_628_EL_VALUE": "elevation_deg",
        "asterix.015_628_SDEL_VALUE": "sigma_elevation_deg",
        "asterix.015_630_DPS_VALUE": "snr_db",
    },
    "cat048.pcap": {
        "asterix.048_140_VALUE": "t_s",
        "asterix.048_040_RHO": "rho_nm",
        "asterix.048_040_THETA": "azimuth_deg",
        "asterix.048_110_3DH": "height_ft",
        "asterix.048_120_CAL_CAL": "range_rate_mps",
        "asterix.048_220_VALUE": "label",
        "asterix.048_020_TYP": "type",
        "asterix.048_020_RAB": "monitor",
    },
}


def told_by_tshark(path, fields) -> dict[str, list[str]]:
    command = ["tshark", "-r", str(path), "-d", "udp.port==8600,asterix", "-T", "fields", "-E", "separator=;"]
    for field in fields:
        command += ["-e", field]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    columns: dict[str, list[str]] = {field: [] for field in fields}
    for row in csv.reader(io.StringIO(told), delimiter=";"):
        for field, values in zip(fields, row, strict=True):
            columns[field] += [each for each in values.split(",") if each]
    return columns


@pytest.mark.parametrize("name", ["cat015.pcap", "cat048.pcap"])
def test_tshark_reads_every_field_as_we_do(exported, name):
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    folder, _ = exported
    got = import_recording(folder / name).table
    told = told_by_tshark(folder / name, TSHARK[name])
    for field, column_name in TSHARK[name].items():
        values = told[field]
        match column_name:
            case "t_s":
                ours = (column(got, "t_ns") % (86_400 * 10**9)) / 1e9
            case "rho_nm":
                ours = column(got, "range_m") / 1852.0
            case "height_ft":
                ours = column(got, "height_m") / 0.3048
            case "label":
                want = [each for each in got["label"].to_pylist() if each]
                assert [f"{int(each, 16):06x}" for each in values] == want
                continue
            case "type":
                assert values == ["5" if each else "1" for each in got["label"].to_pylist()]
                continue
            case "monitor":
                assert set(values) <= {"0", "False"}  # the trap: one octet given as a number would set it
                assert len(values) == got.num_rows
                continue
            case _:
                ours = column(got, column_name)
        ours = ours[~np.isnan(ours)]
        assert len(values) == len(ours) > 0, field
        assert np.abs(np.array(values, float) - ours).max() <= 1e-6 * max(1.0, np.abs(ours).max()), field


def test_a_drill_says_so():
    plot = PlotItem(range_m=4000.0, az_rad=1.0)
    for encode, at in ((cat048, 7), (cat015, 8)):
        real, drill = encode(plot, 0x190A, 0, False), encode(plot, 0x190A, 0, True)
        assert [i for i, (a, b) in enumerate(zip(real, drill, strict=True)) if a != b] == [at - 1]


def test_a_tick_before_midnight_is_midnight():
    plot = PlotItem(range_m=4000.0, az_rad=2.0 * np.pi - 1e-9)
    record = cat048(plot, 0x190A, MIDNIGHT_NS - 1, False)
    assert record[3:6] == bytes(3)
    assert record[9:11] == bytes(2)  # an azimuth of a whole turn is 0
