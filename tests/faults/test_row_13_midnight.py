"""Row 13: the time of day starts again at midnight. No track breaks."""

import datetime as dt
import time

from live_station import Station, ended, radar, write_site


def test_no_track_breaks_at_midnight(tmp_path):
    with Station(write_site(tmp_path), ["udp://127.0.0.1:8714"], tmp_path / "run") as station:
        now = dt.datetime.now(dt.UTC)
        midnight = dt.datetime.combine(now.date() + dt.timedelta(days=1), dt.time(), dt.UTC)
        to_midnight_s = (midnight - now).total_seconds()
        # the radar's clock is set so that its midnight comes in five seconds: to the side of less than half a day
        offset_s = to_midnight_s - 5.0
        offset_s -= 86_400.0 * (offset_s > 43_200.0)
        n_sent = radar(8714, n_things=6, offset_s=offset_s).run(10.0)
        time.sleep(0.2)
    (feed,) = station.summary["feeds"]
    assert feed["clocks"]["radar-1"]["n_jumps"] <= 1  # at the start, by the hours that the clock was set off
    assert feed["n_plots"] >= n_sent - 2
    assert ended(station.watch) == set()
    assert station.summary["counts"]["tracks_confirmed"] == 6
    assert station.summary["refused"] == {}
