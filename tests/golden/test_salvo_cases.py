"""The scenes of the bench against the generator that they stand in for, and against what they are told to be."""

import importlib.util
import json

import numpy as np
import pytest
import radar_scenes
import salvo_cases
import scene_bound


@pytest.fixture(scope="module")
def peers(shared):
    path = shared / "peers" / "tracking" / "stonesoup_bench.py"
    spec = importlib.util.spec_from_file_location("stonesoup_bench", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def by_scan_and_id(scene, key):
    return scene[f"truth_{key}"][np.lexsort((scene["truth_id"], scene["truth_scan"]))]


def test_the_truth_of_the_ordinary_salvo_is_the_peers_own(peers):
    theirs, ours = peers.gen(20, 10, 1, 3, salvo=0.5), salvo_cases.salvo("as-peers", 3)
    for key in ("scan", "id", "vis"):
        assert (by_scan_and_id(ours, key) == by_scan_and_id(theirs, key)).all()
    # the same equations in the same steps, but for one shorter step at each scan: rounding and RK4's h^5
    assert np.abs(by_scan_and_id(ours, "pos") - by_scan_and_id(theirs, "pos")).max() < 1e-6
    # they find the ground in steps of 0.1 s on a chord, we in 0.05 s: g h^2 / 8 is 12 mm of height at most
    assert np.abs(ours["truth_par"] - theirs["truth_par"])[:, 3:].max() < 0.05


def test_the_peers_scorer_reads_our_scenes(peers):
    scene = salvo_cases.salvo("two-launchers-200m", 3)
    told = peers.oracle(scene)
    assert 100.0 < told["gospa"] < 200.0  # its figure for 20 rounds at 1 Hz is about 160
    assert told["false_per_scan"] == 0.0


@pytest.mark.parametrize("name", salvo_cases.CASES)
def test_a_scene_is_what_its_case_says(name):
    case, scene = salvo_cases.CASES[name], salvo_cases.salvo(name, 7)
    met, in_view = (scene["plot_truth"] >= 0).sum(), scene["truth_vis"].sum()
    p = case.radar.p_detection
    assert abs(met - p * in_view) < 5.0 * np.sqrt(in_view * p * (1.0 - p))  # 5 sigma of the binomial
    meta = json.loads(scene["meta"])
    assert (scene["plot_truth"] < 0).sum() == case.radar.false_plots * meta["nscan"]
    assert meta["L"] == case.radar.false_plots_told
    assert meta["pd"] == case.radar.p_detection_told
    seen_s = np.bincount(scene["truth_id"], scene["truth_vis"]) / case.radar.hz
    assert (seen_s > 10.0).all()  # each round can be tracked
    hit = scene["plot_truth"] >= 0
    at = {(k, i): x for k, i, x in zip(scene["truth_scan"], scene["truth_id"], scene["truth_pos"], strict=True)}
    true = np.array([at[k, i] for k, i in zip(scene["plot_scan"][hit], scene["plot_truth"][hit], strict=True)])
    az, el, r = radar_scenes.spherical(true)
    for seen, truth, sigma in (("az", az, 3e-3), ("el", el, 3e-3), ("rng", r, 15.0)):
        error = (scene[f"plot_{seen}"][hit] - truth) / sigma
        assert abs(error.mean()) < 5.0 / np.sqrt(len(error))
        assert abs(error.std() - 1.0) < 5.0 / np.sqrt(2.0 * len(error))


def test_the_bound_is_the_peers_own(peers):
    scene = peers.gen(3, 10, 1, 3)
    theirs, ours = peers.bound(scene), scene_bound.bound(scene)
    # the same differences of the same equations; impacts are found in steps of 0.05 s instead of 0.1 s
    assert ours["pos_rms"] == pytest.approx(theirs["pcrlb_pos_rms"], rel=1e-9)
    assert ours["vel_rms"] == pytest.approx(theirs["pcrlb_vel_rms"], rel=1e-9)
    assert ours["ipp_med_10s"] == pytest.approx(theirs["pcrlb_ipp_med_10s"], rel=1e-2)
