"""The order of the stages, on one screen: plot -> track -> class -> impact -> threat -> warning.

Pure: the same messages in the same order give the same events, whoever sends them and however fast.
"""

from typing import Final

import msgspec
import numpy as np

from casemate.assess import impact
from casemate.assess.classify import ClassStage
from casemate.assess.classify import Settings as ClassSettings
from casemate.assess.health import HealthStage
from casemate.assess.threat import Settings as ThreatSettings
from casemate.assess.threat import ThreatStage
from casemate.assess.warning import WarningStage
from casemate.assess.watch import WatchStage
from casemate.model.catalog import Declaration, RoundClass, SiteFile
from casemate.model.messages import Events, Scan, Tick
from casemate.physics.drag import drag_curve_of
from casemate.physics.environment import Environment, build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.profile import Profile
from casemate.physics.radar import SensorModel, sensor_models
from casemate.physics.terrain import Terrain
from casemate.tracking.lag import LaggedTracker
from casemate.tracking.registration import Registration
from casemate.tracking.tracker import Settings as TrackerSettings
from casemate.tracking.tracker import Tracker

ALL_CLEAR_LATE_S: Final = 60.0
"""An all-clear that is so much later than declared was lost [A]: retries of a channel are 2 s apart."""


class Settings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of every stage, each declared at the top of its stage's own file."""

    tracking: TrackerSettings = TrackerSettings()
    classes: ClassSettings = ClassSettings()
    impacts: impact.Settings = impact.Settings()
    threats: ThreatSettings = ThreatSettings()


class Levels(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vertical profile as plain numbers, fit for a journal; fields as in `physics.atmosphere.Profile`."""

    height_m: tuple[float, ...]
    pressure_pa: tuple[float, ...] | None
    temperature_k: tuple[float, ...] | None
    wind_e_mps: tuple[float, ...]
    wind_n_mps: tuple[float, ...]

    @classmethod
    def of(cls, profile: Profile | None) -> "Levels | None":
        """Take the numbers out of a profile."""
        if profile is None:
            return None
        pressure, temperature = profile.pressure_pa, profile.temperature_k
        return cls(
            height_m=tuple(profile.height_m.tolist()),
            pressure_pa=None if pressure is None else tuple(pressure.tolist()),
            temperature_k=None if temperature is None else tuple(temperature.tolist()),
            wind_e_mps=tuple(profile.wind_e_mps.tolist()),
            wind_n_mps=tuple(profile.wind_n_mps.tolist()),
        )

    def profile(self) -> Profile:
        """Put the numbers back into arrays."""
        pressure, temperature = self.pressure_pa, self.temperature_k
        return Profile(
            height_m=np.array(self.height_m),
            pressure_pa=None if pressure is None else np.array(pressure),
            temperature_k=None if temperature is None else np.array(temperature),
            wind_e_mps=np.array(self.wind_e_mps),
            wind_n_mps=np.array(self.wind_n_mps),
        )


class Raster(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The terrain file of a run; too large for a journal, so its place and what must be found there."""

    path: str
    sha256: str  # of its bytes


class Plan(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that decides what the pipeline answers; a journal keeps it, so that a replay needs no file but the raster."""

    site: SiteFile
    rounds: tuple[RoundClass, ...]
    settings: Settings = Settings()
    air: Levels | None = None
    wind: Levels | None = None
    raster: Raster | None = None  # of site.terrain

    def frame(self) -> SiteFrame:
        """Return the ENU frame of the site."""
        return SiteFrame.of(self.site.site)

    def sensors(self) -> tuple[SensorModel, ...]:
        """Return the site's sensors in its frame, in the order that `sensor_id` counts."""
        return tuple(sensor_models(self.site.sensor, self.frame(), is_flat=self.site.environment.earth == "flat"))

    def environment(self) -> Environment:
        """Return air, drag shape and Earth as the filter and the prediction believe them."""
        curve = drag_curve_of(self.site.tracking.drag_curve, self.rounds)
        doubt = self.site.tracking.drag_doubt
        return build_environment(
            self.site.environment,
            self.frame(),
            curve if doubt is None else curve._replace(doubt=doubt),
            None if self.air is None else self.air.profile(),
            None if self.wind is None else self.wind.profile(),
        )

    def tracking(self) -> TrackerSettings:
        """Return the tracker's settings, with what the site file says in their place."""
        score = self.site.tracking.confirm_score
        chosen = self.settings.tracking
        return chosen if score is None else msgspec.structs.replace(chosen, confirm_score=score)

    def hold_s(self) -> float:
        """Return how long after its impact a notice holds if nothing more is heard [s]: an all-clear is due by then."""
        return self.site.warning.clear_after_s + ALL_CLEAR_LATE_S


class Pipeline:
    """Five stages behind one call, as a plan declares them.

    Parameters
    ----------
    plan : Plan
        What was declared.
    terrain : Terrain, optional
        What the plan's raster holds; none where it names none.
    """

    def __init__(self, plan: Plan, terrain: Terrain | None = None) -> None:
        assert (terrain is None) == (plan.raster is None)
        site, frame = plan.site, plan.frame()
        self._terrain = terrain
        self._environment = plan.environment()
        self._rounds, self._settings = plan.rounds, plan.settings
        sensors = plan.sensors()
        self._classes = ClassStage(sensors, plan.rounds, plan.settings.classes)
        is_registered = site.tracking.registration and len(sensors) > 1
        self._registration = Registration(site.sensor, sensors) if is_registered else None
        tracker = Tracker(sensors, self._environment, plan.tracking())
        self._lagged = LaggedTracker(tracker, site.tracking.lag_s, self._registration)
        self._threats = ThreatStage(site.zone, site.asset, plan.rounds, frame, plan.settings.threats)
        names = tuple(round_class.name for round_class in plan.rounds)
        period_s = min(sensor.scan_period_s for sensor in site.sensor)
        self._warnings = WarningStage(site.zone, names, period_s, site.warning)
        self._health = HealthStage(site.sensor)
        self._watch = WatchStage(site.zone, site.sensor, sensors, frame)

    def step(self, message: Scan | Tick) -> Events:
        """Take one input through every stage and return all that it changed.

        The step is at the input's time. One that was refused whole moves no time, and where a lag is declared the
        step is at the newest time so far: the stages behind the tracker never go back.
        """
        step, scan = self._lagged.step(message), message if isinstance(message, Scan) else None
        t_ns = self._lagged.t_ns
        classes = self._classes.step(t_ns, scan, step.tracks, step.fates)
        impacts = impact.predict(
            step.tracks, classes, self._environment, self._settings.impacts, self._terrain, self._rounds
        )
        judged = self._threats.step(t_ns, step.tracks, classes, impacts)
        health = self._health.step(t_ns, scan, self._registration.report if self._registration else ())
        return Events(
            t_ns=t_ns,
            tracks=step.tracks,
            classes=classes,
            impacts=impacts,
            fates=step.fates,
            threats=judged.threats,
            warnings=self._warnings.step(t_ns, judged.risks, judged.standing),
            sensors=health,
            zones=self._watch.step(t_ns, health),
            diagnostics=step.diagnostics,
        )
