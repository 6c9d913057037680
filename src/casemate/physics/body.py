"""Bodies: what the exact flight flies, made of a round class or of single figures, with or without a motor."""

import itertools
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from casemate.errors import DomainError
from casemate.kernels.exact import Body
from casemate.model.catalog import Motor, RoundClass
from casemate.physics.drag import TOP_MACH, compile_drag
from casemate.physics.profile import Profile, build_air

__all__ = ["RAIL_EXIT_MPS", "Body", "body_of", "build_body", "burn_of", "motor_of"]

Array = NDArray[np.float64]

RAIL_EXIT_MPS: Final = 30.0
"""Speed [m/s] about which a rocket leaves its rail [A]; nothing but the first tenth of a second depends on it."""


def build_body(
    mass_kg: float,
    area_m2: float,
    cd: Array,
    *,
    motor: Motor | None = None,
    wind: Profile | None = None,
    air: Profile | None = None,
    mach_top: float = TOP_MACH,
) -> Body:
    """Make a body of single figures.

    Parameters
    ----------
    mass_kg : float
        In flight, after burn.
    area_m2 : float
        Reference area of the drag coefficient; 0 is a body without drag.
    cd : (m, 4) float64
        Compiled drag curve, as `compile_drag` gives it; a single row is a constant.
    motor : Motor, optional
        Its propellant comes on top of `mass_kg`.
    wind, air : Profile, optional
        Wind and measured air by height; without them calm and standard air.
    mach_top : float
        Up to where the curve is valid: a flight that goes beyond is refused.

    Raises
    ------
    DomainError
        A mass that is not positive, an area below zero, a motor or a profile that makes no sense.
    """
    if not 0.0 < mass_kg < math.inf:
        raise DomainError("mass_kg", mass_kg, 0.0, math.inf)
    if not 0.0 <= area_m2 < math.inf:
        raise DomainError("area_m2", area_m2, 0.0, math.inf)
    burn = np.empty((0, 3)) if motor is None else burn_of(motor)
    propellant = 0.0 if motor is None else motor.propellant_kg
    table = np.ascontiguousarray(cd, np.float64)
    return Body(table, mach_top, area_m2, mass_kg, propellant, burn, build_air(air, wind))


def burn_of(motor: Motor) -> Array:
    """Return the knots of a motor's thrust (k, 3): time since ignition [s], thrust [N], impulse so far [N s].

    Raises
    ------
    DomainError
        Times that do not rise from 0 s, thrust below zero, values that are not finite, or no impulse at all.
    """
    t, f = np.array(motor.thrust_s, np.float64), np.array(motor.thrust_n, np.float64)
    if t.size != f.size or t.size < 2:
        message = f"thrust_s and thrust_n must have the same length, at least 2, not {t.size} and {f.size}"
        raise ValueError(message)
    if t[0] != 0.0:
        raise DomainError("thrust_s", float(t[0]), 0.0, 0.0)
    for before, after in itertools.pairwise(t):
        if not before < after < math.inf:
            raise DomainError("thrust_s", float(after), float(before), math.inf)
    for one in f:
        if not 0.0 <= one < math.inf:
            raise DomainError("thrust_n", float(one), 0.0, math.inf)
    impulse = np.concatenate(([0.0], np.cumsum(0.5 * np.diff(t) * (f[1:] + f[:-1]))))
    if impulse[-1] == 0.0:
        raise DomainError("thrust_n", 0.0, 0.0, math.inf)
    return np.ascontiguousarray(np.column_stack((t, f, impulse)))


def body_of(
    round_class: RoundClass, drag_factor: float = 1.0, wind: Profile | None = None, air: Profile | None = None
) -> Body:
    """Make the body that a round of a class flies as.

    Parameters
    ----------
    round_class : RoundClass
        Mass, calibre, drag by Mach; for a rocket also the burn.
    drag_factor : float
        Multiplies the drag of the whole class.
    wind, air : Profile, optional
        Wind and measured air by height; without them calm and standard air.
    """
    table = drag_factor * compile_drag(round_class.mach, round_class.cd).table
    area = 0.25 * math.pi * round_class.calibre_m**2
    return build_body(
        round_class.mass_kg, area, table, motor=motor_of(round_class), wind=wind, air=air,
        mach_top=round_class.mach[-1],
    )  # fmt: skip


def motor_of(round_class: RoundClass) -> Motor | None:
    """Return the motor of a rocket's class: constant thrust that takes it from the rail exit to its burnout speed.

    The rocket equation gives the thrust, T = gain (m0 - m1) / (burn ln(m0 / m1)), with the gain of speed after the rail
    exit. Losses to gravity and drag are left out: the speed at the exit then differs by some m/s, which is harmless.
    """
    if round_class.burn_s is None or round_class.burnout_speed_mps is None:
        return None
    mass = round_class.mass_kg
    propellant = (round_class.mass_launch_kg or mass) - mass
    gain = round_class.burnout_speed_mps - RAIL_EXIT_MPS
    mean_kg = propellant / math.log1p(propellant / mass) if propellant > 0.0 else mass
    thrust = gain * mean_kg / round_class.burn_s
    return Motor(thrust_s=(0.0, round_class.burn_s), thrust_n=(thrust, thrust), propellant_kg=propellant)
