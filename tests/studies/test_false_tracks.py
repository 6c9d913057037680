"""Studies: false confirmed tracks in pure clutter stay below the stated bound; a real radar's aircraft stay whole."""

import collections
import math

import numpy as np
import pytest

from casemate.constants import NS_PER_S
from casemate.io import tables
from casemate.io.feeds import asterix
from casemate.io.settings import read_site
from casemate.model.catalog import EnvironmentSettings, RadarSite
from casemate.model.messages import Aside, Scan
from casemate.model.records import PLOT, Refusal, TrackStatus, freeze, missing
from casemate.physics.atmosphere import build_environment, drag_shape_of
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import sensor_models
from casemate.tracking.tracker import Settings, Tracker

SITE = """[site]
name = "Recording"
lat_deg = 43.7260
lon_deg = 18.5516
height_m = 1900.0

[[sensor]]
name = "radar"
lat_deg = 43.7260
lon_deg = 18.5516
height_m = 1900.0
scan_period_s = 5.0
sigma_range_m = 50.0
sigma_azimuth_deg = 0.08
range_m = [500.0, 450000.0]
sac = 23
sic = 2
"""


def tracker_of(site_lat, site_lon, site_height, radars, settings=None):
    """Make a tracker over the standard atmosphere."""
    frame = SiteFrame(site_lat, site_lon, site_height)
    environment = build_environment(EnvironmentSettings(), frame, drag_shape_of("generic"), None, None)
    return Tracker(sensor_models(radars, frame), environment, settings)


@pytest.mark.slow
@pytest.mark.parametrize(("false_plots", "minutes"), [(10.0, 60), (100.0, 30)])
def test_false_tracks_in_clutter_stay_below_the_bound(false_plots, minutes):
    """Poisson clutter, even over the volume, at a loose setting so that there is something to count."""
    radar = RadarSite(
        name="r",
        lat_deg=33.0,
        lon_deg=44.0,
        height_m=0.0,
        scan_period_s=1.0,
        sigma_range_m=15.0,
        sigma_azimuth_deg=0.17,
        sigma_elevation_deg=0.17,
        false_plots_per_scan=false_plots,
        azimuth_deg=(300.0, 60.0),
    )
    tracker = tracker_of(33.0, 44.0, 0.0, (radar,), Settings(false_tracks_per_hour=100.0))
    rng, confirmed = np.random.default_rng(20_201_122), 0
    for k in range(60 * minutes):
        n = rng.poisson(false_plots)
        plots, t_ns = missing(PLOT, n), (1_000 + k) * NS_PER_S
        plots["t_ns"], plots["plot_id"] = t_ns, np.arange(n)
        plots["range_m"] = np.cbrt(rng.uniform(500.0**3, 25e3**3, n))
        plots["az_rad"] = rng.uniform(-1.0, 1.0, n) * math.pi / 3.0
        plots["el_rad"] = np.arcsin(rng.uniform(math.sin(math.radians(0.5)), math.sin(math.radians(60.0)), n))
        scan = Scan(
            sensor_id=0,
            t_start_ns=t_ns,
            t_end_ns=t_ns,
            t_recv_ns=t_ns,
            az_from_rad=math.radians(300.0),
            az_to_rad=math.radians(60.0),
            plots=freeze(plots),
        )
        confirmed += tracker.update(scan).diagnostics["tracks_confirmed"]
    bound = tracker.false_tracks_per_hour * minutes / 60.0
    assert confirmed <= bound + 3.0 * math.sqrt(bound)


@pytest.mark.slow
def test_a_real_recording_keeps_every_aircraft_whole(shared, tmp_path):
    """By Mode S address: 95 % of the plots after confirmation in one track, no track of two addresses, no round."""
    (tmp_path / "site.toml").write_text(SITE)
    site = read_site(tmp_path / "site.toml")
    recording = shared / "interop" / "asterix" / "jahorina.raw"
    asterix.convert(recording, tmp_path / "plots.parquet", tmp_path / "site.toml")
    tracker = tracker_of(site.site.lat_deg, site.site.lon_deg, site.site.height_m, site.sensor)
    label, t_confirmed = {}, {}
    plots_of = collections.defaultdict(list)
    for message in tables.scans(tables.read_plots(tmp_path / "plots.parquet", site), site):
        if isinstance(message, Aside):
            label |= {int(row["plot_id"]): str(row["label"]) for row in message.rows}
            continue
        step = tracker.update(message)
        assert (step.tracks["p_ballistic"] < 0.5).all()
        for row in step.tracks[step.tracks["status"] == TrackStatus.CONFIRMED]:
            t_confirmed.setdefault(int(row["track_id"]), int(row["t_ns"]))
        for plot, fate in zip(message.plots, step.fates, strict=True):
            address = label.get(int(plot["plot_id"]), "").strip()
            if len(address) == 6 and fate["refusal"] != Refusal.DUPLICATE:  # the file repeats 20 s of itself
                plots_of[address].append((int(plot["t_ns"]), int(fate["track_id"])))
    owners = collections.defaultdict(set)
    for address, plots in plots_of.items():
        known = [t_confirmed[track] for _, track in plots if track in t_confirmed]
        if not known:
            continue
        after = collections.Counter(track for t_ns, track in plots if t_ns >= min(known))
        assert after.most_common(1)[0][1] >= 0.95 * after.total(), address
        for track in after:
            owners[track].add(address)
    assert len(owners) > 80
    assert all(len(addresses) == 1 for track, addresses in owners.items() if track in t_confirmed)
