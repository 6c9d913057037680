"""Radars that storm, fall silent and tell the wrong time: nobody is warned for nothing, nobody is not warned."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from casemate.constants import NS_PER_S
from casemate.io import settings
from casemate.model.catalog import SiteFile
from casemate.model.messages import Aside, Scan, SensorState
from casemate.pipeline import Pipeline, Plan
from casemate.runner import with_ticks
from casemate.sim.outcome import Scorer
from casemate.sim.scenario import Scenario
from casemate.sim.world import World


class Run:
    """A packaged scenario flown with a seed: its outcome, what fed each round's tracks, what was told of sensors."""

    def __init__(self, name, seed):
        scenario = settings.read_toml(settings.packaged("scenarios", name), Scenario)
        site = settings.read_toml(settings.packaged("sites", scenario.site), SiteFile)
        plan = Plan(site=site, rounds=settings.read_rounds())
        frame = plan.frame()
        world = World(scenario, site, plan.rounds, frame, seed, environment=plan.environment())
        scorer, pipeline, labels = Scorer(world, site, frame), Pipeline(plan), {}
        self.fed, self.sensors, self.world = defaultdict(Counter), [], world
        for message in with_ticks(world):
            events = None if isinstance(message, Aside) else pipeline.step(message)
            if isinstance(message, Aside) and message.kind == "label":
                labels = dict(zip(message.rows["plot_id"].tolist(), message.rows["label"].tolist(), strict=True))
            if isinstance(message, Scan):
                for fate in events.fates[events.fates["track_id"] > 0]:
                    self.fed[labels.get(int(fate["plot_id"]), "")][int(fate["track_id"]), message.sensor_id] += 1
            if events is not None:
                self.sensors += events.sensors
            world.take(message, events)
            scorer.take(message, events)
        self.outcome = scorer.outcome()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_in_a_storm_of_false_plots_the_one_rocket_is_warned_of_and_nothing_else(seed):
    outcome = Run("false-plot-storm", seed).outcome
    assert outcome.n_rounds == 1
    assert outcome.missed.k == outcome.warned_late.k == outcome.false_warnings.k == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_storm_alone_warns_nobody(seed):
    assert Run("false-plot-storm-quiet", seed).outcome.zone_warnings == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_the_loss_of_the_best_radar_at_the_apex_costs_no_warning_and_is_told(seed):
    run = Run("sensor-dropout", seed)
    outcome, world = run.outcome, run.world
    first = world.rounds[0]
    silent_s = world.scenario.radar[0].fault[0].from_s
    apex_s = first.start_s + float(first.trajectory.t_s[np.argmax(first.trajectory.pos_m[:, 2])])
    assert abs(apex_s - silent_s) < 1.0
    assert outcome.n_rounds == 4
    assert outcome.missed.k == outcome.warned_late.k == outcome.false_warnings.k == 0
    for label in [f"round-{i}" for i in (1, 2, 3, 4)]:
        sensors = Counter()
        for (_, sensor_id), n in run.fed[label].items():
            sensors[sensor_id] += n
        assert min(sensors[1], sensors[2]) >= 5, label  # the late 3D and the 2D radar, both
        track = Counter(track for track, _ in run.fed[label].elements()).most_common(1)[0][0]
        assert {s for t, s in run.fed[label] if t == track} >= {1, 2}, label  # into one track
    assert run.fed["round-1"]
    lost = [news for news in run.sensors if news.sensor_id == 0 and news.state is SensorState.LOST]
    assert len(lost) == 1
    told_s = (lost[0].t_ns - world.t_start_ns) / NS_PER_S
    assert silent_s < told_s < silent_s + 2.0 + 1.0


def test_a_packaged_site_has_radars_of_three_kinds():
    site = settings.read_toml(settings.packaged("sites", "site-charlie"), SiteFile)
    kinds = [(radar.antenna, radar.sigma_elevation_deg is None) for radar in site.sensor]
    assert kinds == [("rotating", False), ("staring", False), ("rotating", True)]
