"""Physical constants: each with its value, unit and source. Imported by every floor, imports nothing."""

from typing import Final

NS_PER_S: Final = 1_000_000_000
"""Nanoseconds in a second [1/s]; definition."""

STANDARD_GRAVITY_MPS2: Final = 9.80665
"""Standard acceleration of free fall [m/s2]; CGPM 1901, resolution 70."""

WGS84_A_M: Final = 6_378_137.0
"""Semi-major axis of the WGS 84 ellipsoid [m]; NIMA TR8350.2 (2000), table 3.1."""

WGS84_F: Final = 1.0 / 298.257223563
"""Flattening of the WGS 84 ellipsoid [-]; NIMA TR8350.2 (2000), table 3.1."""

WGS84_E2: Final = WGS84_F * (2.0 - WGS84_F)
"""First eccentricity of the WGS 84 ellipsoid, squared [-]; from WGS84_F."""

WGS84_GM_M3PS2: Final = 3.986004418e14
"""Geocentric gravitational constant, atmosphere included [m3/s2]; NIMA TR8350.2 (2000), table 3.1."""

WGS84_OMEGA_RADPS: Final = 7.292115e-5
"""Angular velocity of the Earth [rad/s]; NIMA TR8350.2 (2000), table 3.1."""

WGS84_J2: Final = 1.08262982e-3
"""Dynamic form factor of the Earth [-]; from C20 = -4.84166774985e-4 of EGM96 times -sqrt(5)."""

GAMMA_EQUATOR_MPS2: Final = 9.7803253359
"""Normal gravity at the equator [m/s2]; NIMA TR8350.2 (2000), table 3.4."""

SOMIGLIANA_K: Final = 0.00193185265241
"""Somigliana's constant [-]; NIMA TR8350.2 (2000), table 3.4."""

USSA76_R0_M: Final = 6_356_766.0
"""Effective Earth radius of the geopotential height [m]; U.S. Standard Atmosphere, 1976, section 1.2.4."""

USSA76_T0_K: Final = 288.15
"""Temperature at sea level [K]; U.S. Standard Atmosphere, 1976, table 2."""

USSA76_P0_PA: Final = 101_325.0
"""Pressure at sea level [Pa]; U.S. Standard Atmosphere, 1976, table 2."""

USSA76_GAS_JPKGK: Final = 8314.32 / 28.9644
"""Gas constant of air [J/(kg K)], R* / M0; U.S. Standard Atmosphere, 1976, table 2."""

USSA76_GAMMA: Final = 1.4
"""Ratio of the specific heats of air [-]; U.S. Standard Atmosphere, 1976, table 2."""

WATER_AIR_MASS_RATIO: Final = 18.01528 / 28.9644
"""Molar mass of water over that of dry air [-]; IUPAC 2021 atomic weights, U.S. Standard Atmosphere, 1976, table 2."""
