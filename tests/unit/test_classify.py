import msgspec
import numpy as np
import pytest

from casemate.assess.classify import Settings, classify, drag_parameter
from casemate.model.catalog import RoundClass
from casemate.model.records import TRACK, Motion

SETTINGS = Settings()


def round_class(name, k, spread=0.05):
    calibre, mass = 0.1, 10.0
    cd = k * mass / (np.pi * calibre**2 / 4.0)
    return RoundClass(
        name=name, title=name, kind="mortar", mass_kg=mass, calibre_m=calibre, mach=(0.0, 0.8, 1.1),
        cd=(cd, cd, 2 * cd), drag_sigma_round=0.03, drag_sigma_make=spread, hazard_radius_m=10.0,
        sigma_range_share=0.01, sigma_cross_share=0.01, p_dud=0.05, source={},
    )  # fmt: skip


ROUNDS = (round_class("slender", 7e-5), round_class("middle", 1.3e-4), round_class("blunt", 2.8e-4))


def track(ln_drag, variance, p_ballistic=1.0, motion=Motion.BALLISTIC):
    rows = np.zeros(1, TRACK)
    rows["track_id"], rows["motion"], rows["p_ballistic"] = 5, motion, p_ballistic
    rows["state"][0, 6], rows["cov"][0, 6, 6] = ln_drag, variance
    return rows


def test_the_subsonic_drag_parameter_is_cd_area_over_mass():
    assert drag_parameter(ROUNDS[1]) == pytest.approx(1.3e-4)


@pytest.mark.parametrize("i", [0, 1, 2])
def test_a_well_known_drag_finds_its_class(i):
    row = classify(track(np.log(drag_parameter(ROUNDS[i])), 0.01**2), ROUNDS, SETTINGS)[0]
    assert row["i_class"] == i
    assert row["p_class"] > 0.95
    assert row["track_id"] == 5


def test_an_unknown_drag_leaves_the_prior():
    for variance in (1e6, np.nan):
        weighted = Settings(prior_weight={"blunt": 3.0})
        row = classify(track(np.log(1.3e-4), variance), ROUNDS, weighted)[0]
        assert row["i_class"] == 2
        assert row["p_class"] == pytest.approx(3.0 / 5.0, abs=1e-3)


def test_the_posterior_is_bayes_written_out():
    ln_drag, variance = np.log(2.0e-4), 0.2**2
    spread = variance + 0.03**2 + 0.05**2 + SETTINGS.sigma_curve_share**2
    like = [np.exp(-0.5 * (ln_drag - np.log(drag_parameter(c))) ** 2 / spread) for c in ROUNDS]
    row = classify(track(ln_drag, variance, p_ballistic=0.8), ROUNDS, SETTINGS)[0]
    assert row["p_class"] == pytest.approx(0.8 * max(like) / sum(like), abs=1e-12)


def test_what_is_not_ballistic_is_no_round():
    for rows in (track(np.log(1.3e-4), 0.01, 0.2), track(np.log(1.3e-4), 0.01, 1.0, Motion.LEVEL)):
        row = classify(rows, ROUNDS, SETTINGS)[0]
        assert row["i_class"] == -1
        assert row["p_class"] >= 0.5
    assert classify(track(np.log(1.3e-4), 0.01, np.nan), ROUNDS, SETTINGS)["i_class"][0] == -1
    assert classify(track(np.log(1.3e-4), 0.01), (), SETTINGS)["i_class"][0] == -1


def test_no_tracks_no_rows_and_the_answer_is_frozen():
    out = classify(np.zeros(0, TRACK), ROUNDS, SETTINGS)
    assert out.shape == (0,)
    assert not out.flags.writeable


def test_a_misspelt_knob_is_refused():
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"p_balistic_min": 0.4}, Settings)
