"""Plot tables: columns and units, refusals, and the scans that are found again in plots."""

import itertools

import numpy as np
import pyarrow as pa
import pytest

from casemate.errors import SettingsError
from casemate.io import tables
from casemate.model.catalog import RadarSite, SiteFile, SitePoint
from casemate.model.messages import Aside, Scan

NS = 1_000_000_000
T0 = 1_700_000_000 * NS


def a_site(*sensors: dict) -> SiteFile:
    given = {"lat_deg": 33.3, "lon_deg": 44.4, "height_m": 40.0, "sigma_range_m": 15.0, "sigma_azimuth_deg": 0.2}
    point = SitePoint(name="Alpha", lat_deg=33.3, lon_deg=44.4, height_m=34.0)
    return SiteFile(site=point, sensor=tuple(RadarSite(**{**given, **each}) for each in sensors))


SITE = a_site({"name": "radar-1", "scan_period_s": 1.0}, {"name": "radar-2", "scan_period_s": 5.0})


def table_of(t_s, az_deg, sensor="radar-1", **columns) -> pa.Table:
    n = len(t_s)
    return pa.table(
        {
            "t_ns": T0 + np.round(np.asarray(t_s) * NS).astype(np.int64),
            "sensor": [sensor] * n if isinstance(sensor, str) else sensor,
            "range_m": columns.pop("range_m", np.full(n, 5000.0)),
            "azimuth_deg": np.asarray(az_deg, float),
            **columns,
        }
    )


def read(tmp_path, table, site=SITE, suffix=".parquet"):
    path = tmp_path / f"plots{suffix}"
    tables.write_plots(table, path)
    return tables.read_plots(path, site)


def scans_of(tmp_path, table, site=SITE) -> list[Scan]:
    return [each for each in tables.scans(read(tmp_path, table, site), site) if isinstance(each, Scan)]


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_columns_become_si_and_radians(tmp_path, suffix):
    table = table_of(
        [2.0, 1.0, 3.0],
        [90.0, 370.0, 10.0],
        sensor=["radar-1", "radar-9", "radar-2"],
        range_m=[1.0, 2.0, None],
        elevation_deg=[45.0, None, None],
        sigma_azimuth_deg=[1.0, None, None],
        height_m=[100.0, None, None],
        label=["4ca1fa", None, ""],
        scan=[1, None, 2],
        unheard_of=[1, 2, 3],
    )
    read_back = read(tmp_path, table, suffix=suffix)
    plots = read_back.plots
    assert plots["plot_id"].tolist() == [2, 1, 3]
    assert plots["sensor_id"].tolist() == [tables.UNKNOWN_SENSOR, 0, 1]
    assert plots["az_rad"] == pytest.approx(np.radians([10.0, 90.0, 10.0]))
    assert plots["el_rad"][1] == pytest.approx(np.pi / 4.0)
    assert plots["sigma_az_rad"][1] == pytest.approx(np.pi / 180.0)
    assert np.isnan(plots["range_m"][2])
    assert np.isnan(plots["sigma_el_rad"]).all()
    assert read_back.label.tolist() == ["", "4ca1fa", ""]
    assert read_back.scan.tolist() == [-1, 1, 2]
    assert (read_back.t_first_ns, read_back.t_last_ns) == (T0 + NS, T0 + 3 * NS)
    assert not plots.flags.writeable


def test_equal_times_keep_the_order_of_the_file(tmp_path):
    assert read(tmp_path, table_of([1.0] * 50, range(50))).plots["plot_id"].tolist() == list(range(1, 51))


def test_a_time_may_be_a_timestamp(tmp_path):
    table = table_of([1.0], [1.0])
    stamp = pa.array(["2026-01-02T03:04:05"]).cast(pa.timestamp("us"))
    assert read(tmp_path, table.set_column(0, "t_ns", stamp)).t_first_ns == 1_767_323_045 * NS


@pytest.mark.parametrize(
    ("text", "key", "why"),
    [
        ("t_ns,sensor,range_m\n1,radar-1,3\n", "azimuth_deg", "missing"),
        ("t_ns,sensor,range_m,azimut_deg\n1,radar-1,3,4\n", "azimuth_deg", "did you mean 'azimut_deg'?"),
        ("t_ns,sensor,range_m,azimuth_deg\n1,radar-1,x,4\n", "range_m", "'x'"),
        ("t_ns,sensor,range_m,azimuth_deg\n1.5,radar-1,3,4\n", "t_ns", "'1.5'"),
        ("t_ns,sensor,range_m,azimuth_deg\n1,radar-1,3,4\n,radar-1,3,4\n", "t_ns", "row 2 has no time"),
        ("t_ns,sensor,range_m,azimuth_deg\n1,radar-1,3\n", "", "cannot be read as CSV"),
        ("", "", "cannot be read as CSV"),
    ],
)
def test_a_mistake_is_named_by_file_and_column(tmp_path, text, key, why):
    path = tmp_path / "plots.csv"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        tables.read_plots(path, SITE)
    assert (caught.value.file, caught.value.key) == (str(path), key)
    assert why in caught.value.why
    assert "\n" not in str(caught.value)


def test_files_of_other_kinds_are_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"neither .parquet nor .csv"):
        tables.read_plots(tmp_path / "plots.txt", SITE)
    with pytest.raises(SettingsError, match="cannot be read"):
        tables.read_plots(tmp_path / "plots.parquet", SITE)
    (tmp_path / "plots.parquet").write_text("no parquet")
    with pytest.raises(SettingsError, match="cannot be read as Parquet"):
        tables.read_plots(tmp_path / "plots.parquet", SITE)
    with pytest.raises(SettingsError, match="cannot be written"):
        tables.write_plots(table_of([1.0], [1.0]), tmp_path / "none" / "plots.parquet")


def test_a_table_without_rows_gives_no_scans(tmp_path):
    assert scans_of(tmp_path, table_of([], [])) == []


def turning(period_s: float, t_end_s: float, az_deg, rng) -> tuple[np.ndarray, np.ndarray]:
    """Times and azimuths of still things at `az_deg`, as an antenna of that period meets them, time stamps rounded."""
    t_s = (np.asarray(az_deg) / 360.0 + np.arange(int(t_end_s / period_s))[:, None]) * period_s
    az = np.broadcast_to(az_deg, t_s.shape) + rng.normal(0.0, 0.2, t_s.shape)
    order = np.argsort(t_s.ravel())
    return np.round(t_s.ravel()[order] * 128.0) / 128.0, az.ravel()[order] % 360.0


@pytest.mark.parametrize(("declared_s", "true_s"), [(1.0, 1.0), (5.0, 5.0156), (5.0, 4.8)])
def test_a_rotation_is_found_and_cut_into_sectors(tmp_path, declared_s, true_s):
    site = a_site({"name": "radar-1", "scan_period_s": declared_s})
    n_turns = 720
    t_s, az = turning(true_s, n_turns * true_s, [20.0, 80.0, 85.0, 310.0], np.random.default_rng(1))
    scans = scans_of(tmp_path, table_of(t_s, az), site)
    assert sum(len(scan.plots) for scan in scans) == 4 * n_turns
    # every eighth of every turn, empty or not, from the first plot's to the last one's
    assert len(scans) == pytest.approx(8 * n_turns - 1, abs=1)
    ends = np.array([scan.t_end_ns for scan in scans])
    assert (np.diff(ends) >= 0).all()
    for scan in scans:
        assert scan.t_start_ns <= scan.t_end_ns == scan.t_recv_ns
        width = (scan.az_to_rad - scan.az_from_rad) % (2.0 * np.pi)
        assert width == pytest.approx(np.pi / 4.0)
        inside = (scan.plots["az_rad"] - scan.az_from_rad) % (2.0 * np.pi)
        assert (inside <= width + 1e-9).all()
        assert (scan.plots["t_ns"] >= scan.t_start_ns).all()
        assert (scan.plots["t_ns"] <= scan.t_end_ns).all()
    took_s = np.array([scan.t_end_ns - scan.t_start_ns for scan in scans]) / NS
    assert took_s == pytest.approx(true_s / 8.0, abs=0.08 * true_s)


def test_a_long_silence_is_not_filled(tmp_path):
    t_s, az = turning(1.0, 10.0, [20.0, 200.0], np.random.default_rng(2))
    both = np.concatenate((t_s, t_s + 3600.0)), np.concatenate((az, az))
    scans = scans_of(tmp_path, table_of(*both))
    assert sum(len(scan.plots) for scan in scans) == 40
    assert len(scans) < 2 * 80 + 24 + 1


def test_a_staring_radar_gives_a_scan_per_number(tmp_path):
    site = a_site({"name": "radar-1", "scan_period_s": 1.0, "azimuth_deg": (330.0, 90.0)})
    rng = np.random.default_rng(3)
    t_s = np.repeat([0.0, 1.0, 2.0, 5.0], 10)
    scans = scans_of(tmp_path, table_of(t_s, rng.uniform(-30.0, 90.0, 40) % 360.0, scan=t_s.astype(int)), site)
    assert [len(scan.plots) for scan in scans] == [10, 10, 10, 0, 0, 10]
    assert [(scan.t_start_ns - T0) / NS for scan in scans] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert all(scan.t_start_ns == scan.t_end_ns for scan in scans)
    assert scans[0].az_from_rad == pytest.approx(np.radians(330.0))
    assert scans[0].az_to_rad == pytest.approx(np.radians(90.0))


def test_a_staring_radar_without_numbers_gives_a_scan_per_period(tmp_path):
    rng = np.random.default_rng(4)
    t_s = np.repeat(np.arange(30) * 1.003, 20)
    scans = scans_of(tmp_path, table_of(t_s, rng.uniform(0.0, 360.0, 600)))
    assert [len(scan.plots) for scan in scans] == [20] * 30
    assert (scans[0].az_from_rad, scans[0].az_to_rad) == (0.0, 0.0)


def test_numbered_scans_of_one_time_are_kept_whole_though_the_arc_is_narrow(tmp_path):
    rng = np.random.default_rng(5)
    t_s = np.repeat(np.arange(20.0), 5)
    scans = scans_of(tmp_path, table_of(t_s, rng.uniform(10.0, 25.0, 100), scan=t_s.astype(int)))
    assert [len(scan.plots) for scan in scans] == [5] * 20


def test_sensors_are_merged_by_the_end_of_their_scans(tmp_path):
    rng = np.random.default_rng(6)
    one, two = turning(1.0, 20.0, [30.0, 190.0], rng), turning(5.0, 20.0, [60.0, 280.0], rng)
    names = ["radar-1"] * len(one[0]) + ["radar-2"] * len(two[0]) + ["nobody"] * 3
    t_s = np.concatenate((one[0], two[0], [1.5, 1.6, 9.0]))
    az = np.concatenate((one[1], two[1], [0.0, 0.0, np.nan]))
    scans = scans_of(tmp_path, table_of(t_s, az, names))
    assert {scan.sensor_id for scan in scans} == {0, 1, tables.UNKNOWN_SENSOR}
    assert (np.diff([scan.t_end_ns for scan in scans]) >= 0).all()
    assert sorted(np.concatenate([scan.plots["plot_id"] for scan in scans]).tolist()) == list(range(1, len(t_s) + 1))


def test_plots_that_are_not_numbers_are_handed_on(tmp_path):
    t_s, az = turning(1.0, 20.0, [30.0, 190.0], np.random.default_rng(7))
    az[10:14] = np.nan
    scans = scans_of(tmp_path, table_of(t_s, az))
    assert sum(len(scan.plots) for scan in scans) == 40


def test_labels_go_before_their_scan_and_never_inside(tmp_path):
    t_s, az = turning(1.0, 3.0, [30.0, 31.0, 190.0, 280.0], np.random.default_rng(8))
    names = [None if a > 270 else f"{a:03.0f}" for a in az]
    messages = list(tables.scans(read(tmp_path, table_of(t_s, az, label=names)), SITE))
    told = {}
    for before, after in itertools.pairwise(messages):
        if isinstance(before, Aside):
            assert isinstance(after, Scan)
            assert before.t_ns == after.t_end_ns
            assert set(before.rows["plot_id"]) <= set(after.plots["plot_id"])
            told |= dict(zip(before.rows["plot_id"].tolist(), before.rows["label"].tolist(), strict=True))
    assert told == {i + 1: name for i, name in enumerate(names) if name}
