"""Fly one shot with the peers, in an environment of theirs: `bench_flight` starts this and reads its lines of JSON.

40 kg, 0.15 m, G7, 500 m/s at 25 degrees, U.S. Standard Atmosphere 1976, flat Earth, no wind. From standard input: rows
of the smooth drag curve. Solvers that take an equation get this curve, so that their miss is integration alone;
ballistics packages read the G7 points in their own way and have an air of their own, and their miss holds that too.
`reference` is SciPy's DOP853 at 1e-13 with steps of 50 ms at most.
"""

import json
import math
import sys
import time
import warnings

import numpy as np
from numba import njit

G0_MPS2, MASS_KG, DIAMETER_M, SPEED_MPS = 9.80665, 40.0, 0.15, 500.0
ELEVATION = math.radians(25.0)
HALF_AREA = math.pi / 8.0 * DIAMETER_M**2 / MASS_KG  # S / 2 m [m2/kg]
START = np.array([0.0, 0.0, 0.0, SPEED_MPS * math.cos(ELEVATION), 0.0, SPEED_MPS * math.sin(ELEVATION)])
REPEATS = 7


@njit
def change(dy, t, y, rows):
    """Fill dy with the derivative of y = (east, north, up, velocities); air to 11 km."""
    h = 6_356_766.0 * y[2] / (6_356_766.0 + y[2])
    kelvin = 288.15 - 0.0065 * h
    density = 101_325.0 * (kelvin / 288.15) ** (0.0341631947 / 0.0065) / (287.0528738 * kelvin)
    v = math.sqrt(y[3] ** 2 + y[4] ** 2 + y[5] ** 2)
    x = v / math.sqrt(1.4 * 287.0528738 * kelvin) * 160.0
    j = int(x)
    w = x - j
    k = HALF_AREA * density * v * (rows[j, 0] + w * (rows[j, 1] + w * (rows[j, 2] + w * rows[j, 3])))
    dy[0], dy[1], dy[2] = y[3], y[4], y[5]
    dy[3], dy[4], dy[5] = -k * y[3], -k * y[4], -k * y[5] - G0_MPS2


def best_s(work, n):
    """Return the least processor time of one of n calls, over seven rounds, and what the work returned."""
    result, best = work(), math.inf
    for _ in range(REPEATS):
        start = time.process_time()
        for _ in range(n):
            result = work()
        best = min(best, (time.process_time() - start) / n)
    return best, result


def scipy_solver(rows, method, rtol, max_step_s=math.inf):
    """Return a call that flies to the ground and returns (range, height) [m] and time [s]."""
    from scipy.integrate import solve_ivp

    def right(t, y):
        dy = np.empty(6)
        change(dy, t, y, rows)
        return dy

    def ground(t, y):
        return y[2] if t > 0.0 else 1.0

    ground.terminal, ground.direction = True, -1

    def fly():
        solved = solve_ivp(
            right, (0.0, 100.0), START, method=method, rtol=rtol, atol=rtol * 100.0, events=ground, max_step=max_step_s
        )
        end = solved.y_events[0][0]
        return end[0], end[2], solved.t_events[0][0]

    return fly


def cyrk(rows, flight_s):
    """CyRK has no event here: it is told when the flight ends."""
    from CyRK import pysolve_ivp

    @njit
    def right(dy, t, y):
        change(dy, t, y, rows)

    def fly():
        solved = pysolve_ivp(right, (0.0, flight_s), START, method="DOP853", rtol=1e-6, atol=1e-4, pass_dy_as_arg=True)
        return solved.y[0, -1], solved.y[2, -1], flight_s

    return fly


def points():
    """Return the G7 points (n, 2) as py-ballisticcalc has them."""
    from py_ballisticcalc import TableG7

    return np.array([[row["Mach"], row["CD"]] for row in TableG7])


def openballistics(flight_s):
    """The point-mass model; it has no event and is told when the flight ends."""
    import openballistics as ob

    drag = ob.Table(*np.ascontiguousarray(points().T))
    body = ob.Projectile(mass=MASS_KG, diameter=DIAMETER_M, drag_force_coefficient=drag)
    solver = ob.Ballistics(model="pm", integrator="rk45", environment="isa", projectile=body)
    start, toward = [0.0, 0.0, 0.0], [math.cos(ELEVATION), 0.0, math.sin(ELEVATION)]

    def fly():
        end = solver.compute_final_position(
            launch_position=start, launch_direction=toward, muzzle_velocity=SPEED_MPS, time_of_flight=flight_s
        )
        return end[0], end[2], flight_s

    return fly


def ballisticcalc(engine):
    """Its compiled engines."""
    from py_ballisticcalc import Ammo, Atmo, Calculator, DragModel, Shot, TableG7, TrajFlag, Unit

    grains, inches = MASS_KG / 6.479891e-5, DIAMETER_M / 0.0254
    drag = DragModel(grains / 7000.0 / inches**2, TableG7, Unit.Grain(grains), Unit.Inch(inches), Unit.Inch(30.0))
    air = Atmo(altitude=Unit.Meter(0), pressure=Unit.hPa(1013.25), temperature=Unit.Celsius(15), humidity=0)
    shot = Shot(ammo=Ammo(drag, Unit.MPS(SPEED_MPS)), relative_angle=Unit.Radian(ELEVATION), atmo=air)
    config = {"cMinimumVelocity": 0.0, "cMinimumAltitude": -1.0, "cMaximumDrop": -1.0}
    solver, far = Calculator(config=config, engine=engine), Unit.Kilometer(30)

    def fly():
        result = solver.fire(
            shot, trajectory_range=far, trajectory_step=far, flags=TrajFlag.ZERO_DOWN, raise_range_error=False
        )
        end = [row for row in result.trajectory if row.flag & TrajFlag.ZERO_DOWN][-1]
        return end.distance >> Unit.Meter, 0.0, end.time

    return fly


def rocketpy():
    """A rocket without thrust, three degrees of freedom."""
    from rocketpy import Environment, Flight, PointMassMotor, PointMassRocket

    world = Environment(gravity=G0_MPS2, latitude=0, longitude=0, elevation=0)
    world.set_atmospheric_model(type="standard_atmosphere")
    motor = PointMassMotor(thrust_source=0.0, dry_mass=0.001, propellant_initial_mass=1e-6, burn_time=0.01)
    drag = points().tolist()
    rocket = PointMassRocket(
        radius=DIAMETER_M / 2.0, mass=MASS_KG - 0.001, center_of_mass_without_motor=0.0, power_off_drag=drag,
        power_on_drag=drag, weathercock_coeff=20.0,
    )  # fmt: skip
    rocket.add_motor(motor, position=0.0)
    tilt = 0.5 * (0.5 * math.pi - ELEVATION)
    attitude = [math.cos(tilt), 0.0, math.sin(tilt), 0.0, 0.0, 0.0, 0.0]
    first = [0.0, 0.0, 0.0, 1e-6, START[3], 0.0, START[5], *attitude]

    def fly():
        flight = Flight(
            rocket=rocket, environment=world, rail_length=0.01, inclination=25.0, heading=90.0, initial_solution=first,
            simulation_mode="3 DOF", rtol=1e-6, max_time=200,
        )  # fmt: skip
        return math.hypot(flight.x_impact, flight.y_impact), 0.0, flight.t_final

    return fly


def main():
    """Print the reference, then a line for each peer."""
    warnings.simplefilter("ignore")
    if sys.argv[1:] == ["points"]:
        print(json.dumps(points().tolist()))
        return
    rows = np.array(json.load(sys.stdin))
    range_m, _, flight_s = scipy_solver(rows, "DOP853", 1e-13, 0.05)()
    print(json.dumps({"name": "reference", "range_m": range_m, "flight_s": flight_s}), flush=True)
    peers = [
        ("openballistics, RK45, told the time", lambda: openballistics(flight_s), 400),
        ("CyRK, DOP853 1e-6, compiled equation, told the time", lambda: cyrk(rows, flight_s), 200),
        ("py-ballisticcalc, compiled RK4", lambda: ballisticcalc("cythonized_rk4_engine"), 10),
        ("py-ballisticcalc, compiled Dormand-Prince", lambda: ballisticcalc("cythonized_dopri_engine"), 10),
        ("SciPy, RK45 1e-6, compiled equation", lambda: scipy_solver(rows, "RK45", 1e-6), 20),
        ("SciPy, DOP853 1e-9, compiled equation", lambda: scipy_solver(rows, "DOP853", 1e-9), 20),
        ("RocketPy, 3 degrees of freedom", rocketpy, 2),
    ]
    for name, build, n in peers:
        try:
            seconds, (x, z, t) = best_s(build(), n)
        except Exception as error:  # noqa: BLE001 one peer that changed must not hide the others
            print(json.dumps({"name": name, "failed": repr(error)[:200]}), flush=True)
            continue
        # where it was told the time, its path goes on from height z along the reference's last velocity
        miss_m = abs(x - range_m) if t != flight_s else math.hypot(x - range_m, z)
        print(json.dumps({"name": name, "cpu_s": seconds, "miss_m": miss_m}), flush=True)


if __name__ == "__main__":
    main()
