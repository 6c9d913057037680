"""A real 2D Mode S radar end to end: import, track, no warning; the aircraft's addresses are the truth."""

from collections import Counter, defaultdict

import pyarrow.parquet as pq
import pytest

from casemate import station
from casemate.io.feeds import importing

SITE = """
[site]
name = "Jahorina"
lat_deg = 43.7260
lon_deg = 18.5516
height_m = {height_m}

[[sensor]]
name = "jahorina"
lat_deg = 43.7260
lon_deg = 18.5516
height_m = {height_m}
scan_period_s = 5.0
sigma_range_m = {sigma_range_m}
sigma_azimuth_deg = {sigma_azimuth_deg}
range_m = [500.0, 470000.0]
sac = 23
sic = 2

[[zone]]
name = "Around the radar"
polygon_deg = [[43.5, 18.3], [43.95, 18.3], [43.95, 18.8], [43.5, 18.8]]
"""


# What a radar of its kind is usually declared to; a user knows neither exactly, nor the height.
@pytest.fixture(
    scope="module",
    params=[(1900.0, 60.0, 0.08), (0.0, 50.0, 0.1), (1900.0, 100.0, 0.17)],
    ids=["good", "height left out", "wide"],
)
def tracked(request, shared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("jahorina")
    site = folder / "site.toml"
    height_m, sigma_range_m, sigma_azimuth_deg = request.param
    site.write_text(SITE.format(height_m=height_m, sigma_range_m=sigma_range_m, sigma_azimuth_deg=sigma_azimuth_deg))
    plots = folder / "plots.parquet"
    counts = importing.convert(shared / "interop" / "asterix" / "jahorina.raw", plots, site)
    # 622 blocks of category 048 hold 2,099 records; 423 of them are recorded twice, to the byte.
    assert counts.n_plots == 2099
    summary = station.track(plots, site, folder / "run")
    return folder / "run", summary


def _rows(folder, name):
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


def _confirmed_at(folder):
    first = {}
    for row in _rows(folder, "tracks"):
        if row["status"] == "confirmed":
            first.setdefault(row["track_id"], row["t_ns"])
    return first


def test_every_aircraft_stays_in_one_track_after_confirmation(tracked):
    folder, _ = tracked
    confirmed = _confirmed_at(folder)
    of_aircraft = defaultdict(list)
    for plot in _rows(folder, "plots"):
        if plot["label"]:
            of_aircraft[plot["label"]].append(plot)
    followed = 0
    for label, plots in of_aircraft.items():
        ids = Counter(plot["track_id"] for plot in plots if plot["track_id"] in confirmed)
        if not ids:
            assert len(plots) <= 3, f"{label}: {len(plots)} plots and no track"
            continue
        since = min(confirmed[i] for i in ids)
        after = [plot["track_id"] for plot in plots if plot["t_ns"] >= since]
        share = Counter(after).most_common(1)[0][1] / len(after)
        assert share >= 0.95, f"{label}: {share:.2f} of {len(after)} in one track, {ids}"
        followed += 1
    assert followed >= 100


def test_no_track_mixes_two_aircraft(tracked):
    folder, _ = tracked
    confirmed = _confirmed_at(folder)
    labels = defaultdict(set)
    for plot in _rows(folder, "plots"):
        if plot["label"] and plot["track_id"] in confirmed:
            labels[plot["track_id"]].add(plot["label"])
    assert {i: mixed for i, mixed in labels.items() if len(mixed) > 1} == {}


def test_aircraft_give_no_impact_and_no_warning(tracked):
    folder, summary = tracked
    assert _rows(folder, "impacts") == []
    assert _rows(folder, "warnings") == []
    assert "warnings" not in summary["counts"] or summary["counts"]["warnings"] == 0
    assert {row["motion"] for row in _rows(folder, "tracks")} == {"level"}


def test_the_height_is_said_only_where_a_transponder_gave_it(tracked):
    folder, _ = tracked
    height_of = {}
    for plot in _rows(folder, "plots"):
        if plot["track_id"] is not None:
            height_of.setdefault(plot["track_id"], []).append(plot["height_m"])
    for row in _rows(folder, "tracks"):
        # a track's first plot had no track yet when its fate was written: a pair may owe its height to that
        if row["status"] != "tentative" and all(height is None for height in height_of.get(row["track_id"], [])):
            assert row["u_m"] is None
    assert any(row["u_m"] is not None for row in _rows(folder, "tracks"))


def test_duplicates_are_refused_and_counted(tracked):
    folder, summary = tracked
    assert summary["refused"]["duplicate"] == 423
    refused = [plot for plot in _rows(folder, "plots") if plot["refused"] == "duplicate"]
    assert len(refused) == 423
