"""The queue between feeds and pipeline: a recording waits for room, a radar's oldest scans make it."""

import threading

import numpy as np
import pytest

from casemate.model.messages import Scan
from casemate.model.records import PLOT
from casemate.runner import live
from casemate.runner.live import Inbox, _Item


def scan_of(n_plots, k):
    plots = np.zeros(n_plots, PLOT)
    return Scan(sensor_id=0, t_start_ns=k, t_end_ns=k, t_recv_ns=k, az_from_rad=0.0, az_to_rad=0.0, plots=plots)


def filled(inbox, n_scans, n_plots):
    for k in range(n_scans):
        inbox.put(_Item(0, scan_of(n_plots, k), ()))
    inbox.leave()


@pytest.mark.parametrize(("n_scans", "n_plots"), [(3 * live.MAX_SCANS, 1), (60, live.MAX_PLOTS // 10)])
def test_a_recording_waits_for_room_and_loses_nothing(n_scans, n_plots):
    inbox, came = Inbox(1, is_lossless=True), []
    thread = threading.Thread(target=filled, args=(inbox, n_scans, n_plots))
    thread.start()
    thread.join(0.1)  # it fills the queue before anything is taken
    assert thread.is_alive()
    while not inbox.is_over:
        item = inbox.get(5.0)
        came += [item.scan.t_start_ns] if item else []
    thread.join()
    assert came == list(range(n_scans))
    assert inbox.n_shed == [0]


def test_a_radar_that_nobody_keeps_up_with_loses_its_oldest_scans():
    inbox = Inbox(1)
    filled(inbox, live.MAX_SCANS + 7, 2)
    assert inbox.n_shed == [14]
    assert inbox.get(0.0).scan.t_start_ns == 7
