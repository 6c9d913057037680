"""The schedule of simulated guns held to queueing theory: loss under Poisson arrivals, and what a window lets through.

A round that hangs in one place (its track is renewed at each step) makes the service of a gun constant: from the moment
it is bound until its kill is assessed. Then threats that come at random and can be taken only as they come are lost by
Erlang's formula, which holds for any service time (Erlang 1917; Takacs 1969). Of a raid of N that can be taken for a
window W, min(N, guns * floor(W / S)) are engaged. All decisions are those of `FireControl`: nothing is rebuilt here.
"""

import math
from typing import Final, NamedTuple

import msgspec
import numpy as np

from casemate.constants import NS_PER_S
from casemate.model.catalog import EnvironmentSettings
from casemate.model.messages import Threat
from casemate.model.records import TRACK, Motion, Records, TrackStatus
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.sim.intercept.gun import Gun, packaged_kinds
from casemate.sim.intercept.schedule import FireControl
from casemate.study.nesc import Check

_BATCHES: Final = 20
_T_95: Final = 2.093
"""Student's factor of a 95 % interval from 20 batches."""


class Loss(NamedTuple):
    """Share of threats that found no gun free, with the half width of its 95 % interval by batch means."""

    n_threats: int
    p_lost: float
    half_width: float


class _Stage:
    """Guns that see one round hanging where they reach it, and never tire."""

    def __init__(self, n_guns: int) -> None:
        given = msgspec.to_builtins(packaged_kinds()["g35"])
        figures = given | {
            "n_magazine": 10**9, "n_hot": 10**9, "slew_train_degps": 1e6, "slew_elevate_degps": 1e6, "lag_s": 0.0,
            "settle_s": 0.0, "aim_error_mrad": 0.0, "boresight_mrad": 0.0, "p_kill_given_hit": 1.0,
            "n_pieces": 100_000, "piece_kg": 1e-6, "sigma_lot_mps": 0.0,
        }  # fmt: skip
        kind = msgspec.convert(figures, type(packaged_kinds()["g35"]))
        frame = SiteFrame(33.3, 44.39, 34.0)
        guns = [Gun(name=f"gun-{i}", lat_deg=33.3, lon_deg=44.39, height_m=34.0, figures=kind) for i in range(n_guns)]
        air = build_environment(EnvironmentSettings(), frame, drag_shape_of("generic"))
        self.fire = FireControl(guns, frame, air, np.random.default_rng(0), n_at_once=1)
        self.ids_taken: list[int] = []
        self.assess_ns = round(kind.assess_s * NS_PER_S)

    def tracks(self, t_ns: int, ids: list[int]) -> Records:
        """Return the hanging round once for each id."""
        rows = np.zeros(len(ids), TRACK)
        rows["track_id"], rows["t_ns"] = ids, t_ns
        rows["status"], rows["motion"] = TrackStatus.CONFIRMED, Motion.BALLISTIC
        rows["state"] = (0.0, 900.0, 900.0, 0.0, 0.0, 0.0, math.log(1.3e-4))
        rows["cov"] = np.diag([1.0] * 3 + [0.01] * 3 + [0.01])
        return rows

    def offer(self, t_ns: int, ids: list[int], t_impact_ns: int) -> int:
        """Return how many of the threats are taken; they are settled, and forgotten at the next step."""
        threats = [
            Threat(
                threat_id=i, track_id=i, asset_id=0, t_ns=t_ns, t_impact_ns=t_impact_ns, p_hit=1.0, round_class="",
                rank=1, reason="",
            )
            for i in ids
        ]  # fmt: skip
        tracks = np.concatenate([self.tracks(t_ns, ids), self.tracks(t_ns, self.ids_taken)])
        tracks["status"][len(ids) :] = TrackStatus.DROPPED
        bursts = self.fire.step(t_ns, tracks, threats)
        for burst in bursts:
            self.fire.settle(burst, None, None)
        self.ids_taken = [burst.track_id for burst in bursts]
        return len(bursts)

    def look_ns(self) -> int:
        """Return the time from binding a gun to its intercept, by binding it once."""
        (burst,) = self.fire.step(0, self.tracks(0, [1]), [_far_threat()])
        self.fire.settle(burst, None, None)
        return burst.t_intercept_ns


def _far_threat() -> Threat:
    return Threat(
        threat_id=1, track_id=1, asset_id=0, t_ns=0, t_impact_ns=60 * NS_PER_S, p_hit=1.0, round_class="", rank=1,
        reason="",
    )  # fmt: skip


def erlang_b(load: float, n_guns: int) -> float:
    """Return the share lost by Erlang's formula, at an offered load in units of service times."""
    lost = 1.0
    for k in range(1, n_guns + 1):
        lost = load * lost / (k + load * lost)
    return lost


def simulate_loss(load: float, n_guns: int, n_threats: int, seed: int) -> Loss:
    """Offer threats at random to guns and count those that no gun takes.

    Parameters
    ----------
    load : float
        Mean number of threats in one service time.
    n_guns, n_threats, seed : int
        Threats are cut into 20 batches.
    """
    look_ns = _Stage(1).look_ns()
    stage = _Stage(n_guns)
    rng = np.random.default_rng(seed)
    gaps_ns = rng.exponential((look_ns + stage.assess_ns) / load, n_threats)
    times_ns = np.cumsum(np.maximum(np.rint(gaps_ns), 1.0)).astype(np.int64)
    is_lost = np.empty(n_threats)
    for k, t_ns in enumerate(times_ns.tolist()):
        stage.fire.not_engaged(t_ns + 10**18)  # whoever came before was taken then, or is lost
        is_lost[k] = 1.0 - stage.offer(t_ns, [k + 1], t_ns + look_ns + 1)
    means = is_lost[: n_threats // _BATCHES * _BATCHES].reshape(_BATCHES, -1).mean(axis=1)
    return Loss(n_threats, float(is_lost.mean()), _T_95 * float(means.std(ddof=1)) / math.sqrt(_BATCHES))


def simulate_window(n_threats: int, n_guns: int, n_services: float) -> int:
    """Return how many of a raid are engaged, all of which can be taken for `n_services` service times."""
    look_ns = _Stage(1).look_ns()
    stage = _Stage(n_guns)
    service_ns = look_ns + stage.assess_ns
    end_ns = round(n_services * service_ns) - stage.assess_ns + 1  # an intercept must be over by then
    waiting = list(range(1, n_threats + 1))
    n_taken = 0
    for t_ns in range(0, max(end_ns, 1), service_ns // 4):
        n_taken += stage.offer(t_ns, waiting, end_ns)
        waiting = [i for i in waiting if i not in stage.ids_taken]
    return n_taken


def window_bound(n_threats: int, n_guns: int, n_services: float) -> int:
    """Return min(N, guns * floor(W / S)); `n_services` is W / S."""
    return min(n_threats, n_guns * math.floor(n_services))


def check(n_threats: int, seed: int = 1) -> list[Check]:
    """Return the schedule's errors against both formulas; the loss at offered load 3, as many threats for each case."""
    checks: list[Check] = []
    for n_guns in (1, 2, 4, 6):
        error = abs(simulate_loss(3.0, n_guns, n_threats, seed).p_lost - erlang_b(3.0, n_guns))
        checks.append(
            Check(
                set="schedule", case=f"{n_guns} guns, load 3", quantity="share lost against Erlang", error=error,
                tolerance=0.005, unit="", n=n_threats,
            )
        )  # fmt: skip
    cases = [(n, guns, services) for n in (5, 20) for guns in (1, 2, 4) for services in (0.9, 1.0, 3.5, 4.0)]
    worst = max(abs(simulate_window(*case) - window_bound(*case)) for case in cases)
    checks.append(
        Check(
            set="schedule", case="fixed windows", quantity="engaged", error=worst, tolerance=0.0, unit="rounds",
            n=len(cases),
        )
    )  # fmt: skip
    return checks
