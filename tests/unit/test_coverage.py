"""Coverage: the chance of enough plots against a binomial law and against the simulated radar; gaps; the command."""

import itertools
import json
import math

import msgspec
import numpy as np
import pytest
from scipy.stats import binom

from casemate.cli import commands
from casemate.io.settings import packaged, read_rounds, read_site
from casemate.physics.geodesy import SiteFrame
from casemate.physics.terrain import build_terrain
from casemate.sim.sensor import Bodies, Radar, RadarTruth
from casemate.study import coverage
from casemate.study.coverage import N_PLOTS, P_SEEN, p_at_least, study_coverage

ALPHA = read_site(packaged("sites", "site-alpha"))
SITE = msgspec.structs.replace(ALPHA, zone=ALPHA.zone[:1], asset=())
ROUNDS = {each.name: each for each in read_rounds()}


def with_radar(**changes):
    return msgspec.structs.replace(SITE, sensor=(msgspec.structs.replace(SITE.sensor[0], **changes),))


@pytest.fixture(scope="module")
def found():
    return study_coverage(SITE, ROUNDS["m82"])


def test_enough_plots_are_as_likely_as_every_way_to_get_them():
    p = np.random.default_rng(1).random(9)
    for n, m in itertools.product((1, 2, 3, 4), (3, 9)):
        ways = itertools.product((0, 1), repeat=m)
        chance = sum(
            math.prod(q if hit else 1 - q for q, hit in zip(p, way, strict=False)) for way in ways if sum(way) >= n
        )
        assert p_at_least(p[:m], n)[-1] == pytest.approx(chance, abs=1e-12)
    np.testing.assert_allclose(p_at_least(np.full(30, 0.4), 3), binom.sf(2, np.arange(1, 31), 0.4), atol=1e-12)
    assert np.all(p_at_least(np.zeros(5), 3) == 0.0)


@pytest.mark.parametrize("pick", [2, 17, 61, 84])
def test_the_simulated_radar_agrees(found, pick):
    """Its plots of the same flight, begun at any phase of a turn: so many by that time as often as the study says."""
    # From where none passes north: a simulated radar misses a look at what crosses the start of its turn backwards.
    arrival = [each for each in found.arrivals if each.tracked_s is not None and 200.0 < each.bearing_deg < 310.0][pick]
    frame, body = SiteFrame.of(SITE.site), ROUNDS["m82"]
    low, high = body.ground_range_m
    target = coverage._targets(SITE, frame)[0]
    flight = coverage._solve(body, frame, arrival.arc, (arrival.ground_range_m - low) / (high - low))
    path, _ = coverage._placed(flight.path, target.middle_m, math.radians(arrival.bearing_deg), None, frame)
    n = 2000
    start_s = np.random.default_rng(6).uniform(1.0, 2.0, n)
    end_s = start_s + path.t_s[-1]
    crowd = Bodies(
        truth_id=np.arange(1, n + 1), start_s=start_s, end_s=end_s, rcs_dbsm=np.full(n, found.rcs_dbsm),
        rcs_law=np.ones(n, np.int64), rcs_sigma_db=np.zeros(n), rate_spread_mps=np.zeros(n),
        at=lambda t_s: path.at(np.clip(t_s - start_s, path.t_s[0], path.t_s[-1])),
    )  # fmt: skip
    radar = Radar(0, SITE.sensor[0], RadarTruth(name="radar-1"), frame, np.random.default_rng(5))
    turns = [radar.turn(i, crowd) for i in range(math.ceil(end_s.max()))]
    who, t_s = (np.concatenate([getattr(turn, name) for turn in turns]) for name in ("truth_id", "t_s"))
    to_impact_s = np.append(np.inf, end_s)[who] - t_s
    for n_plots, before_s in ((1, arrival.seen_s), (N_PLOTS, arrival.tracked_s)):
        seen = np.bincount(who[(who > 0) & (to_impact_s >= before_s)], minlength=n + 1)[1:]
        assert np.sum(seen >= n_plots) >= binom.ppf(0.005, n, P_SEEN)
        # not much too cautious either: three turns sooner it would not do
        sooner = np.bincount(who[(who > 0) & (to_impact_s >= before_s + 3.0)], minlength=n + 1)[1:]
        assert np.sum(sooner >= n_plots) < binom.ppf(0.995, n, P_SEEN)


def test_lead_times_are_what_they_say(found):
    for each in found.arrivals:
        if each.tracked_s is None:
            assert each.e_m is None
            continue
        assert 0.0 <= each.tracked_s <= each.seen_s <= each.flight_s
        assert each.u_m <= each.apex_m
    assert found.rcs_dbsm == -28.0
    for zone in found.zones:
        assert zone.needed_s == 12.0
        own = [each for each in found.arrivals if each.arc == zone.arc]
        assert zone.n_in_time == sum(each.tracked_s is not None and each.tracked_s >= 12.0 for each in own)


@pytest.mark.slow
def test_less_radar_is_less_time(found):
    """A smaller round, a skyline, a shorter reach: no arrival is tracked earlier, and some later."""
    body = ROUNDS["m82"]
    for less in (
        study_coverage(SITE, body, rcs_dbsm=-52.0),
        study_coverage(with_radar(mask_deg=15.0), body),
        study_coverage(with_radar(range_m=(500.0, 2500.0)), body),
    ):
        pairs = zip(found.arrivals, less.arrivals, strict=True)
        times = [(a.tracked_s or 0.0, b.tracked_s or 0.0) for a, b in pairs]
        assert all(after <= before + 1e-9 for before, after in times)
        assert sum(after < before - 1.0 for before, after in times) > 20


def test_what_a_sector_does_not_see_is_a_gap_by_name():
    behind = study_coverage(with_radar(azimuth_deg=(330.0, 90.0)), ROUNDS["m82"])
    high = [gap for gap in behind.gaps if gap.arc == "high"]
    blind = [(gap.to_deg - gap.from_deg) % 360.0 or 360.0 for gap in high]
    assert any((200.0 - gap.from_deg) % 360.0 < width for gap, width in zip(high, blind, strict=True))  # behind it
    flat = [each for each in behind.arrivals if each.bearing_deg == 20.0 and each.ground_range_m > 3000.0]
    assert all(each.tracked_s is not None and each.tracked_s > 5.0 for each in flat)  # before it
    assert high[0].sentence().startswith("Alpha North-West: high arrivals from ")
    assert high[0].sentence().endswith("12 s needed")


@pytest.mark.slow
def test_a_ring_of_hills_takes_time_away(found):
    """Hills 200 m high, 3 km around the radar, hide what is low and far; nothing is tracked earlier for them."""
    frame = SiteFrame.of(SITE.site)
    lat, lon = np.linspace(33.22, 33.38, 161), np.linspace(44.29, 44.49, 161)
    north, east = (lat - 33.3) * 111e3, (lon - 44.39) * 93e3
    away = np.hypot(north[:, None], east[None, :])
    height = 34.0 + 200.0 * np.exp(-(((away - 3000.0) / 200.0) ** 2))
    terrain = build_terrain(lat, lon, height, "msl", frame)
    hills = study_coverage(SITE, ROUNDS["m82"], terrain)
    assert any(after.is_hidden for after in hills.arrivals) or hills.zones[0].n_arrivals == found.zones[0].n_arrivals
    pairs = [(a, b) for a, b in zip(found.arrivals, hills.arrivals, strict=True) if not b.is_hidden]
    later = [(b.tracked_s or 0.0) - (a.tracked_s or 0.0) for a, b in pairs]
    assert max(later) < 1.0
    assert sum(change < -0.5 for change in later) > 10


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["--coverage", "site-alpha", "--round", "v2"], "'v2' is no round class"),
        (["--coverage", "site-alfa"], "site-alfa"),
        (["--coverage", "site-alpha", "-o", "map.pdf"], "is neither .png nor .svg"),
        (["--coverage", "site-alpha", "-o", "nowhere/map.png"], "its folder does not exist"),
        (["-o", "map.png"], "belongs to --coverage"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_2(args, why, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["casemate", "doctor", *args])
    with pytest.raises(SystemExit) as stop:
        commands.main()
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert why in error
    assert error.count("\n") == 1


def test_the_command_draws_and_tells(monkeypatch, capsys, tmp_path):
    site = tmp_path / "one.toml"
    text = packaged("sites", "site-alpha").read_text("utf-8")
    site.write_text(text.split("[[zone]]")[0] + "[[zone]]" + text.split("[[zone]]")[1], "utf-8")
    monkeypatch.chdir(tmp_path)
    args = ["--coverage", "./one.toml", "--round", "m60", "--json", "-o", "map.png"]
    monkeypatch.setattr("sys.argv", ["casemate", "doctor", *args])
    with pytest.raises(SystemExit) as stop:
        commands.main()
    assert stop.value.code == 0
    result = json.loads(capsys.readouterr().out)
    assert result["round_class"] == "m60"
    assert len(result["arrivals"]) == 360
    assert (tmp_path / "map.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert (tmp_path / "map.png").stat().st_size > 30_000
