"""Measure the fast flight: batches, derivatives, one shot, threads, start; beside its peers in the same run.

    scripts/bench-flight        (installs the peers, then runs this file with --peers THEIR_PYTHON)

Speeds are processor time (`time.process_time`), best of seven; that of threads is wall time. An error is the largest
miss of the impact over all rounds against the same tables with steps a twentieth as long. The bars were set where
openballistics flew 71,000 shots a second; on a slower machine the ratio to it says more.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from casemate.kernels import flight, lanes, single
from casemate.model.catalog import EnvironmentSettings
from casemate.physics import ballistics
from casemate.physics.drag import compile_drag
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.profile import Profile

N, REPEATS = 10_000, 7
OPENBALLISTICS_THERE_PER_S = 71_000.0
FINE = 0.05
PEERS = Path(__file__).with_name("flight_peers.py")
WIND = Profile(np.array([0.0, 2e3, 5e3, 12e3]), None, None, np.array([2.0, 9, 14, 20]), np.array([-3.0, 4, 2, 1]))


def rough_wind():
    """A level every 1.5 km, each part of the wind anywhere within 15 m/s: jumps of up to 30 m/s."""
    rng = np.random.default_rng(7)
    z = np.arange(0.0, 40_000.0, 1500.0)
    return Profile(z, None, None, rng.uniform(-15.0, 15.0, z.size), rng.uniform(-15.0, 15.0, z.size))


def environment(drag, earth, wind=None):
    height_m = 34.0 if earth == "wgs84" else 0.0
    return build_environment(EnvironmentSettings(earth=earth), SiteFrame(33.3, 44.39, height_m), drag, None, wind)


def shots(n, speed_mps, elevation_deg):
    """Draw starts (n, 7) all around: 40 kg, 0.15 m, drag parameter 0.8 to 1.2 times nominal."""
    rng = np.random.default_rng(1)
    v, elevation = rng.uniform(*speed_mps, n), np.radians(rng.uniform(*elevation_deg, n))
    azimuth = rng.uniform(0.0, 2.0 * math.pi, n)
    k = math.pi / 4.0 * 0.15**2 / 40.0 * rng.uniform(0.8, 1.2, n)
    flat = v * np.cos(elevation)
    velocity = np.column_stack((flat * np.sin(azimuth), flat * np.cos(azimuth), v * np.sin(elevation)))
    return np.column_stack((np.zeros((n, 3)), velocity, np.log(k)))


def best_s(work, clock=time.process_time, repeats=REPEATS):
    """Return the least time of a call; the first one, which compiles, does not count."""
    work()
    best = math.inf
    for _ in range(repeats):
        start = clock()
        work()
        best = min(best, clock() - start)
    return best


def steps_of(states, env):
    """Return the mean number of steps of a flight."""
    return float(np.mean([ballistics.fly(state, env).t_s.size - 1 for state in states]))


def miss_m(states, env, scale=1.0, fine=None):
    """Return the largest miss against fine steps, and the mean flight [s]."""
    impacts = ballistics.fly_many(states, env, step_scale=scale)
    fine = ballistics.fly_many(states, env, step_scale=FINE).pos_m if fine is None else fine
    assert not impacts.status.any()
    return float(np.hypot(*(impacts.pos_m - fine)[:, :2].T).max()), float(impacts.t_s.mean())


def bar(value, limit, share, *, is_rate):
    """Say whether a bar is reached, here and at equal ratio to openballistics; `share` is its speed here to there."""
    here = value >= limit if is_rate else value <= limit
    scaled = value / share if is_rate else value * share
    there = scaled >= limit if is_rate else scaled <= limit
    words = {True: "reached", False: "not reached"}
    text = f"{scaled:,.0f}" if is_rate else f"{scaled:.1f}"
    return f"{limit:,.0f}: {words[here]}; by ratio {text}, {words[there]}"


def print_batches(drag, share):
    rows = [
        ("flat, calm", (400, 600), (18, 40), environment(drag, "flat"), 700_000),
        ("wind, rotation, gravity, curvature", (400, 600), (18, 40), environment(drag, "wgs84", WIND), 470_000),
        ("the same, long flights", (600, 950), (40, 65), environment(drag, "wgs84", WIND), None),
        ("flat, calm, long flights", (600, 950), (40, 65), environment(drag, "flat"), 300_000),
        ("rough wind, full model", (400, 600), (18, 40), environment(drag, "wgs84", rough_wind()), 350_000),
    ]
    print(f"\n| batch of {N:,} | mean flight | steps | a core-second | largest miss | bar |\n|{' --- |' * 6}")
    for name, speed, elevation, env, limit in rows:
        states = shots(N, speed, elevation)
        seconds = best_s(lambda states=states, env=env: ballistics.fly_many(states, env))
        miss, flight_s = miss_m(states, env)
        verdict = bar(N / seconds, limit, share, is_rate=True) if limit else ""
        steps = steps_of(states[:1000], env)
        print(
            f"| {name} | {flight_s:.1f} s | {steps:.1f} | {N / seconds:,.0f} | {1e3 * miss:.1f} mm | {verdict} |",
            flush=True,
        )


def print_others(drag, share):
    """Derivatives, one shot, threads."""
    states = shots(N, (400, 600), (18, 40))
    covs = np.repeat(np.diag([100.0, 100.0, 100.0, 1.0, 1.0, 1.0, 0.01])[None], N, 0)
    windy, calm = environment(drag, "wgs84", WIND), environment(drag, "flat")
    track_us = 1e6 / N * best_s(lambda: ballistics.predict_impacts(states, covs, windy))
    print(f"\nimpact with nine derivatives and covariance, full model, n = {N:,}: {track_us:.1f} us a track;")
    print(f"    bar {bar(track_us, 8.0, share, is_rate=False)}")
    for name, env in (("flat, calm", calm), ("full model", windy)):
        shot_us = 1e6 / 200 * best_s(lambda env=env: [ballistics.fly(state, env) for state in states[:200]])
        print(
            f"one shot with its path, {name}, n = 200: {shot_us:.1f} us; bar {bar(shot_us, 30.0, share, is_rate=False)}"
        )
    many = shots(100_000, (400, 600), (18, 40))

    def timed(clock):
        return [best_s(lambda n=n: ballistics.fly_many(many, calm, threads=n), clock) for n in (1, 2)]

    walls, cpus = timed(time.perf_counter), timed(time.process_time)
    print(
        f"two threads against one, n = 100,000: {walls[0] / walls[1]:.2f} times as fast by wall time; bar 1.95;", end=""
    )
    print(f" {cpus[1] / cpus[0]:.3f} of the processor time; load {load()}")


def fix_steps(step_s):
    """Before anything is compiled, make the rule give one step to all: what a kernel without a rule would do."""
    for module in (lanes, single):
        module.CALM_SHARE, module.SPEED_STEP_MPS, module.STEP_RULE_S = 1.0, 1e9, step_s
    for module in (lanes, single, flight):
        module.FIRST_STEP_S = step_s


def print_fixed(drag):
    """The same code with one step for all; run in a process and a cache of its own."""
    fix_steps(0.6)
    env, states = environment(drag, "flat"), shots(N, (400, 600), (18, 40))
    fine = ballistics.fly_many(states, env, step_scale=FINE).pos_m
    aim_m = float(json.loads(os.environ["AIM_M"]))
    low, high = 0.5, 2.5
    for _ in range(6):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if miss_m(states, env, middle, fine)[0] > aim_m else (middle, high)
    for scale in (1.0, low):
        seconds = best_s(lambda scale=scale: ballistics.fly_many(states, env, step_scale=scale))
        miss, flight_s = miss_m(states, env, scale, fine)
        print(
            f"one step of {0.6 * scale:.2f} s for all, flat, calm: about {flight_s / (0.6 * scale):.0f} steps, ", end=""
        )
        print(f"{N / seconds:,.0f} a core-second, {1e3 * miss:.1f} mm", flush=True)


def load():
    return Path("/proc/loadavg").read_text(encoding="ascii").split()[0]


def own(argument, cache, **extra):
    """Run this file again in a process of its own with a kernel cache of its own."""
    env = os.environ | {"NUMBA_CACHE_DIR": str(cache)} | extra
    start = time.perf_counter()
    subprocess.run([sys.executable, __file__, *argument], check=True, env=env)
    return time.perf_counter() - start


def print_peers(python, drag):
    """Fly the common shot with the peers and with Casemate; return openballistics' speed here to there."""
    rows = json.dumps(compile_drag(*drag).table.tolist())
    run = subprocess.run([python, PEERS], input=rows, text=True, check=True, capture_output=True)
    results = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    reference, peers = results[0], results[1:]
    env, state = environment(drag, "flat"), np.zeros(7)
    angle = math.radians(25.0)
    state[3], state[5], state[6] = 500 * math.cos(angle), 500 * math.sin(angle), math.log(math.pi / 4 * 0.15**2 / 40)
    batch = np.repeat(state[None], N, 0)
    ours = [
        ("Casemate, one shot with its path", best_s(lambda: [ballistics.fly(state, env) for _ in range(200)]) / 200,
         abs(ballistics.fly(state, env).pos_m[-1, 0] - reference["range_m"])),
        (f"Casemate, batch of {N:,}", best_s(lambda: ballistics.fly_many(batch, env)) / N,
         abs(ballistics.fly_many(batch, env).pos_m[0, 0] - reference["range_m"])),
    ]  # fmt: skip
    base_s = next(peer["cpu_s"] for peer in peers if peer["name"].startswith("openballistics"))
    print(f"\n| one shot, 500 m/s, 25 degrees | a core-second | to openballistics | miss |\n|{' --- |' * 4}")
    for name, seconds, miss in ours + [(p["name"], p["cpu_s"], p["miss_m"]) for p in peers if "cpu_s" in p]:
        print(f"| {name} | {1.0 / seconds:,.0f} | {base_s / seconds:.3g} | {1e3 * miss:,.2g} mm |")
    for peer in peers:
        if "failed" in peer:
            print(f"{peer['name']} failed: {peer['failed']}")
    return 1.0 / base_s / OPENBALLISTICS_THERE_PER_S


def print_start():
    """How long the first flight takes: kernels to compile, and kernels kept."""
    with tempfile.TemporaryDirectory() as cache:
        cold_s, warm_s = own(["--first"], cache), own(["--first"], cache)
    print(f"\nfrom the command to the first impact: {cold_s:.1f} s to compile, {warm_s:.2f} s with kept kernels")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", required="--first" not in sys.argv, help="the peers' Python; has the G7 points")
    parser.add_argument("--first", action="store_true", help="fly one round with a made-up drag and end")
    parser.add_argument("--fixed", action="store_true", help="measure steps of one length; started by this file itself")
    given = parser.parse_args()
    if given.first:
        ballistics.fly_many(shots(1, (400, 600), (18, 40)), environment(([0.0, 5.0], [1.0, 1.0]), "flat"))
        return
    told = subprocess.run([given.peers, PEERS, "points"], text=True, check=True, capture_output=True)
    points = np.array(json.loads(told.stdout))
    drag = (points[:, 0], points[:, 1])
    if given.fixed:
        print_fixed(drag)
        return
    print(f"load {load()} at the start; numba and numpy on {os.cpu_count()} cores")
    share = print_peers(given.peers, drag)
    print(f"\nopenballistics here is {share:.2f} of what it is where the bars were set")
    print_batches(drag, share)
    print_others(drag, share)
    miss = miss_m(shots(N, (400, 600), (18, 40)), environment(drag, "flat"))[0]
    with tempfile.TemporaryDirectory() as cache:
        own(["--fixed", "--peers", given.peers], cache, AIM_M=json.dumps(miss))
    print_start()
    print(f"load {load()} at the end")


if __name__ == "__main__":
    main()
