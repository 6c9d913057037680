"""Row 17: a feed falls silent, and comes back. It is told within two seconds or two scans."""

import time

from live_station import Station, radar, write_site

from casemate.model.records import FeedState


def test_silence_is_told_and_so_is_its_end(tmp_path):
    with Station(write_site(tmp_path), ["udp://127.0.0.1:8717"], tmp_path / "run") as station:
        radar(8717, n_things=4).run(3.0)
        t_silent = time.monotonic()
        time.sleep(3.0)
        radar(8717, n_things=4).run(1.0)
        time.sleep(0.4)
    states = [state for _, _, state in station.watch.states]
    changes = [state for i, state in enumerate(states) if i == 0 or states[i - 1] != state]
    assert changes == [FeedState.WAITING, FeedState.OK, FeedState.SILENT, FeedState.OK, FeedState.ENDED]
    told = next(t for t, _, state in station.watch.states if state is FeedState.SILENT)
    assert 2.0 <= told - t_silent + 0.1 <= 2.6  # two seconds, looked at four times a second
