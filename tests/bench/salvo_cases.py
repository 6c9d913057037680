"""Salvos that no one tuned the tracker on, in the file format of the peers' tracking bench.

    python tests/bench/salvo_cases.py NAME SEED FILE.npz     write one scene
    python tests/bench/salvo_cases.py                        list the names

The peers' own salvo is one launcher, 20 rounds, 0.5 s apart, 3 mrad and 0.5 % of dispersion, Pd and false plots as
told. Each case here departs from it in one thing, named in CASES. `salvo("as-peers", seed)` has the truth of the
peers' `gen(20, 10, 1, seed, salvo=0.5)`, with plots of its own draw.
"""

import math
import sys
import zlib
from typing import NamedTuple

import numpy as np
import radar_scenes
from radar_scenes import Radar, Rounds, Scene


class Launcher(NamedTuple):
    """Where a launcher stands and what its rounds do; the peers' by default."""

    e_m: float = 1500.0
    n_m: float = 13e3
    speed_mps: float = 330.0
    elevation_deg: float = 50.0
    heading_deg: float = -92.0  # from east, counter-clockwise: south
    beta_kgpm2: float = 6000.0


class Case(NamedTuple):
    """A salvo: rounds leave in turn from the launchers, one each `interval_s`."""

    rounds: int = 20
    interval_s: float = 0.5
    launchers: tuple[Launcher, ...] = (Launcher(),)
    dispersion: float = 1.0  # times 3 mrad and 0.5 %
    jitter_s: float = 0.0  # the gap between rounds is even in interval +/- jitter
    radar: Radar = Radar()
    spread: int = 0  # rounds of a spread raid at the same time


PEERS = Launcher()


def beside(apart_m: float) -> tuple[Launcher, Launcher]:
    """Two of the peers' launcher, so far apart across the line of fire."""
    return tuple(PEERS._replace(e_m=PEERS.e_m + side * apart_m / 2.0) for side in (-1.0, 1.0))


CASES: dict[str, Case] = {
    "as-peers": Case(),
    "two-launchers-100m": Case(launchers=beside(100.0)),
    "two-launchers-200m": Case(launchers=beside(200.0)),
    "two-launchers-300m": Case(launchers=beside(300.0)),
    "two-batteries-crossing": Case(
        launchers=(PEERS, Launcher(e_m=-4000.0, n_m=12e3, speed_mps=300.0, elevation_deg=55.0, heading_deg=-60.0))
    ),
    "wide-dispersion": Case(dispersion=10.0),
    "pd-0.7-told-0.9": Case(radar=Radar(p_detection=0.7)),
    "false-50-told-10": Case(radar=Radar(false_plots=50)),
    "false-10-told-50": Case(radar=Radar(false_plots_told=50)),
    "false-100": Case(radar=Radar(false_plots=100, false_plots_told=100)),
    "ten-rounds": Case(rounds=10),
    "forty-rounds": Case(rounds=40),
    "uneven-rhythm": Case(jitter_s=0.35),
    "steep-and-near": Case(launchers=(Launcher(800.0, 5500.0, 240.0, 70.0, -95.0, 4000.0),)),
    "flat-and-fast": Case(launchers=(Launcher(-3000.0, 21e3, 600.0, 27.0, -80.0, 9000.0),)),
    "far": Case(launchers=(Launcher(2000.0, 22e3, 480.0, 50.0, -100.0, 8000.0),)),
    "crossing": Case(launchers=(Launcher(-7000.0, 11e3, 360.0, 48.0, -5.0, 6000.0),)),
    "going-away": Case(launchers=(Launcher(500.0, 6000.0, 380.0, 45.0, 88.0, 7000.0),)),
    "amid-a-raid": Case(spread=20),
    "as-peers-4hz": Case(radar=Radar(hz=4.0)),
    "two-launchers-200m-4hz": Case(launchers=beside(200.0), radar=Radar(hz=4.0)),
    "wide-dispersion-4hz": Case(dispersion=10.0, radar=Radar(hz=4.0)),
    "pd-0.7-told-0.9-4hz": Case(radar=Radar(hz=4.0, p_detection=0.7)),
    "flat-and-fast-4hz": Case(launchers=(Launcher(-3000.0, 21e3, 600.0, 27.0, -80.0, 9000.0),), radar=Radar(hz=4.0)),
}


def fired(case: Case, rng: np.random.Generator) -> Rounds:
    """Draw the rounds of the salvo, each with the six draws of the peers' generator in their order."""
    t_s, t_launch, mouths, drags = 2.0, [], [], []
    for i in range(case.rounds):
        launcher = case.launchers[i % len(case.launchers)]
        b = rng.normal(0.0, 1.0, 6)
        elevation = math.radians(launcher.elevation_deg) + 3e-3 * case.dispersion * b[0]
        heading = math.radians(launcher.heading_deg) + 3e-3 * case.dispersion * b[1]
        speed = launcher.speed_mps * (1.0 + 0.005 * case.dispersion * b[2])
        flat = speed * math.cos(elevation)
        velocity = flat * math.cos(heading), flat * math.sin(heading), speed * math.sin(elevation)
        mouths.append((launcher.e_m + 20.0 * b[4], launcher.n_m + 20.0 * b[5], 0.0, *velocity))
        drags.append(1e4 / launcher.beta_kgpm2 * math.exp(0.02 * b[3]))
        t_launch.append(t_s)
        t_s += case.interval_s + (rng.uniform(-case.jitter_s, case.jitter_s) if case.jitter_s else 0.0)
    return Rounds(np.array(t_launch), np.array(mouths), np.array(drags))


def spread_raid(n: int, rng: np.random.Generator, stagger_s: float = 20.0, radar: Radar | None = None) -> Rounds:
    """Draw rounds of a spread raid as the peers do: 15 to 70 s of flight, 10 s of it in coverage.

    With a radar that looks all round, each round's place and heading are turned by an azimuth of its own.
    """
    radar = radar or Radar()
    kept: list[Rounds] = []
    while sum(len(part.s) for part in kept) < n:
        m = 2 * n + 20
        speed, elevation = rng.uniform(150.0, 700.0, m), np.radians(rng.uniform(20.0, 75.0, m))
        s = 1e4 / np.exp(rng.uniform(math.log(2500.0), math.log(12000.0), m))
        e, north = rng.uniform(-5e3, 5e3, m), rng.uniform(8e3, 18e3, m)
        heading = np.arctan2(-north, -e) + rng.normal(0.0, math.radians(12.0), m)
        turn = rng.uniform(-math.pi, math.pi, m) if radar.half_width_rad >= math.pi else np.zeros(m)
        e, north = np.cos(turn) * e - np.sin(turn) * north, np.sin(turn) * e + np.cos(turn) * north
        flat = speed * np.cos(elevation)
        mouth = np.column_stack(
            [e, north, 0 * e, flat * np.cos(heading + turn), flat * np.sin(heading + turn), speed * np.sin(elevation)]
        )
        drawn = Rounds(rng.uniform(0.0, stagger_s, m), mouth, s)
        flight_s, seen_s = radar_scenes.landings(drawn)[0], time_in_coverage(drawn, radar)
        good = (flight_s >= 15.0) & (flight_s <= 70.0) & (seen_s >= 10.0)
        kept.append(Rounds(*(column[good] for column in drawn)))
    return Rounds(*(np.concatenate(columns)[:n] for columns in zip(*kept, strict=True)))


def time_in_coverage(rounds: Rounds, radar: Radar) -> np.ndarray:
    """Return for how long each round is over the ground and in coverage [s], to half a second."""
    x, seen_s, ends = rounds.mouth.copy(), np.zeros(len(rounds.s)), np.ones(len(rounds.s), bool)
    for _ in range(140):
        x = radar_scenes.advance(x, rounds.s, np.full(len(x), 0.5))
        ends &= x[:, 2] > 0.0
        seen_s += 0.5 * (ends & radar.covers(x[:, :3]))
    return seen_s


def salvo(name: str, seed: int, **changes: object) -> Scene:
    """Make one scene of a named case; `changes` replace fields of the case."""
    case = CASES[name]._replace(**changes)
    rounds = fired(case, np.random.default_rng([seed, case.rounds]))
    rng = np.random.default_rng([seed, case.rounds, zlib.crc32(name.encode())])
    if case.spread:
        raid = spread_raid(case.spread, rng)
        rounds = Rounds(*(np.concatenate(columns) for columns in zip(rounds, raid, strict=True)))
    return radar_scenes.scene(rounds, case.radar, rng, salvo=case.interval_s, seed=seed)


def main() -> None:
    if len(sys.argv) < 4:
        print("\n".join(CASES))
        return
    np.savez_compressed(sys.argv[3], **salvo(sys.argv[1], int(sys.argv[2])))


if __name__ == "__main__":
    main()
