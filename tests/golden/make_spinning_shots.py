"""Rebuild spinning_shots.json: shots of another implementation of the modified point mass, openballistics 0.3.1 (MIT).

Run in an environment of its own: pip install openballistics==0.3.1, then python tests/golden/make_spinning_shots.py.
Flat Earth, constant gravity, standard air, constant drag coefficient; x forward, y left, z up.
"""

import json
import math
import pathlib

from openballistics import RK4, Angles, Ballistics, Environment, Projectile, Table

G_MPS2, GAS_JPKGK, R0_M = 9.80665, 8314.32 / 28.9644, 6_356_766.0  # as in the U.S. Standard Atmosphere 1976

SHELL = {"mass_kg": 43.0, "calibre_m": 0.155, "inertia_kgm2": 0.144, "cd": 0.25}
SLOPES = {
    "mach": [0.0, 0.8, 0.95, 1.2, 2.0, 3.0],
    "cm_alpha": [3.4, 3.6, 3.9, 3.4, 3.0, 2.8],
    "cl_alpha": [1.6, 1.65, 1.8, 2.0, 2.5, 2.6],
    "c_spin": [-0.0115, -0.011, -0.010, -0.010, -0.0105, -0.0105],
    "c_magnus": [-0.38, -0.38, -0.54, -0.38, -0.38, -0.38],
    "cd_alpha2": [4.0, 4.6, 5.7, 7.8, 6.0, 6.0],
}
"""Rounded from table 1 of Khalil, Abdalla and Kamal, ASAT-13, 2009, every point on a row of the kernel's table."""

SHOTS = [  # speed m/s, elevation deg, travel per turn in calibres, wind along x and y m/s, end s
    (684.0, 20.0, 20.0, (0.0, 0.0), 40.0),
    (684.0, 44.0, 25.0, (0.0, 0.0), 70.0),
    (450.0, 45.0, -20.0, (0.0, 0.0), 50.0),
    (300.0, 30.0, 20.0, (0.0, 0.0), 20.0),
    (450.0, 60.0, 20.0, (-8.0, 6.0), 60.0),
    (684.0, 65.0, 20.0, (0.0, 0.0), 90.0),
]


def air(z: float) -> tuple[float, float]:
    """Return temperature [K] and pressure [Pa] to 32 km; U.S. Standard Atmosphere, 1976."""
    h, k = R0_M * z / (R0_M + z), G_MPS2 / GAS_JPKGK
    if h < 11_000.0:
        t = 288.15 - 0.0065 * h
        return t, 101_325.0 * (t / 288.15) ** (k / 0.0065)
    t, p = 216.65, 101_325.0 * (216.65 / 288.15) ** (k / 0.0065)
    if h < 20_000.0:
        return t, p * math.exp(-k * (h - 11_000.0) / t)
    warm = t + 0.001 * (h - 20_000.0)
    return warm, p * math.exp(-k * 9_000.0 / t) * (t / warm) ** (k / 0.001)


def curve(name: str) -> Table:
    return Table(SLOPES["mach"], SLOPES[name])


def fly(speed: float, elevation: float, twist: float, wind: tuple[float, float], end: float) -> list[list[float]]:
    shell = Projectile(
        mass=SHELL["mass_kg"], diameter=SHELL["calibre_m"], axial_moment_of_inertia=SHELL["inertia_kgm2"],
        form_factor=1.0, drag_factor=1.0, lift_factor=1.0, yaw_drag_factor=1.0, magnus_force_factor=1.0,
        drag_force_coefficient=SHELL["cd"], quadratic_yaw_drag_force_coefficient=curve("cd_alpha2"),
        lift_force_coefficient=curve("cl_alpha"), magnus_force_coefficient=curve("c_magnus"),
        overturning_moment_coefficient=curve("cm_alpha"), spin_damping_moment_coefficient=curve("c_spin"),
    )  # fmt: skip
    flat = Environment(
        adiabatic_index=1.4, specific_gas_constant=GAS_JPKGK, temperature=lambda z: air(z)[0],
        pressure=lambda z: air(z)[1], gravity=[0.0, 0.0, -G_MPS2], wind_velocity=[*wind, 0.0],
    )  # fmt: skip
    path = Ballistics(model="mpm", integrator=RK4(step=0.01), environment=flat, projectile=shell)
    return [
        path.compute_final_position(
            launch_position=[0.0, 0.0, 0.0], launch_direction=Angles(0.0, math.radians(elevation)),
            muzzle_velocity=speed, twist_of_rifling=twist * SHELL["calibre_m"], time_of_flight=t,
        ).tolist()
        for t in (0.25 * end, 0.5 * end, 0.75 * end, end)
    ]  # fmt: skip


def main() -> None:
    shots = [
        {
            "speed_mps": v,
            "elevation_deg": e,
            "twist_calibres": n,
            "wind_mps": w,
            "end_s": t,
            "pos_m": fly(v, e, n, w, t),
        }
        for v, e, n, w, t in SHOTS
    ]
    file = pathlib.Path(__file__).with_name("spinning_shots.json")
    file.write_text(json.dumps({"shell": SHELL, "slopes": SLOPES, "shots": shots}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
