"""The catalog: things that a user declares in TOML. A misspelt key is refused by name.

Fields keep the names and units of the files (degrees where the name says so); conversion to SI and
radians happens once, in `physics`.
"""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Lat = Annotated[float, Meta(ge=-90.0, le=90.0)]
Lon = Annotated[float, Meta(ge=-180.0, le=180.0)]
Height = Annotated[float, Meta(ge=-500.0, le=9000.0)]
Positive = Annotated[float, Meta(gt=0.0)]
NotNegative = Annotated[float, Meta(ge=0.0)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
SigmaM = Annotated[float, Meta(ge=0.01, le=10_000.0)]
SigmaDeg = Annotated[float, Meta(ge=1e-4, le=28.0)]
SigmaMps = Annotated[float, Meta(ge=1e-3, le=1_000.0)]
"""What a plot may say of its own errors too (`tracking.door`): squares that neither vanish nor overflow."""
UpToM = Annotated[float, Meta(ge=0.0, le=10_000.0)]
UpToDeg = Annotated[float, Meta(ge=0.0, le=28.0)]
UpToMps = Annotated[float, Meta(ge=0.0, le=1_000.0)]
"""The same from 0 on: what may be left out."""
Name = Annotated[str, Meta(min_length=1, max_length=80)]
NodeId = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]
"""A UUID of version 4, in lower case, as BSI Flex 335 has it."""
Band = tuple[float, float]
Ring = Annotated[tuple[tuple[Lat, Lon], ...], Meta(min_length=3)]
"""A simple polygon as (lat_deg, lon_deg) vertices, not closed."""


class Declaration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every declaration has in common: frozen, by keyword, no unknown key."""


class SitePoint(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The origin of the site's ENU frame; height above mean sea level."""

    name: Name
    lat_deg: Lat
    lon_deg: Lon
    height_m: Height
    geoid_m: Annotated[float, Meta(ge=-110.0, le=90.0)] | None = None  # of mean sea level over the WGS 84 ellipsoid


class RadarSite(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A radar: where it stands, what it covers, how well it measures."""

    name: Name
    lat_deg: Lat
    lon_deg: Lon
    height_m: Height
    scan_period_s: Positive
    sigma_range_m: SigmaM
    sigma_azimuth_deg: SigmaDeg
    sigma_elevation_deg: SigmaDeg | None = None  # None: a 2D radar
    sigma_range_rate_mps: SigmaMps | None = None  # None: no Doppler
    step_range_m: UpToM = 0.0  # what the plots were rounded to; the sigmas above are without it
    step_azimuth_deg: UpToDeg = 0.0
    step_elevation_deg: UpToDeg = 0.0
    step_range_rate_mps: UpToMps = 0.0
    sigma_bias_range_m: UpToM = 0.0  # of an offset that stays, as of a radar not quite lined up
    sigma_bias_azimuth_deg: UpToDeg = 0.0
    sigma_bias_elevation_deg: UpToDeg = 0.0
    sigma_bias_time_s: Annotated[float, Meta(ge=0.0, le=10.0)] = 0.0  # of its clock; only says when it is degraded
    p_detection: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.9
    false_plots_per_scan: NotNegative = 10.0
    range_m: Band = (500.0, 25_000.0)
    azimuth_deg: Band | None = None  # clockwise from, to; None: all round
    elevation_deg: Band = (0.5, 60.0)
    antenna: Annotated[str, Meta(pattern="^(rotating|staring)$")] = "rotating"  # staring: the whole arc in each dwell
    # where a body of -20 dBsm is seen with 0.8 times `p_detection` (Swerling 1); rotating 3D radars [A]: 8 to 20 km
    reference_range_m: Positive = 12_000.0
    mask_deg: Annotated[float, Meta(ge=-10.0, le=45.0)] = -10.0  # skyline; nothing is seen below it
    beamwidth_azimuth_deg: Annotated[float, Meta(gt=0.0, le=90.0)] | None = None  # 3 dB, one way
    beamwidth_elevation_deg: Annotated[float, Meta(gt=0.0, le=90.0)] | None = None
    pulses: Annotated[int, Meta(ge=1, le=1000)] = 1  # echoes added in a look, without phase
    notch_mps: NotNegative = 0.0  # slower than this toward or away is taken for ground, and not seen
    blind_speed_mps: Positive | None = None  # every multiple of it looks like standing still; None: none in reach
    sac: Annotated[int, Meta(ge=0, le=255)] | None = None
    sic: Annotated[int, Meta(ge=0, le=255)] | None = None
    sapient_node: NodeId | None = None  # under which it registers, where it speaks SAPIENT


class EnvironmentSettings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Earth and the air that the filter and the prediction assume."""

    earth: Annotated[str, Meta(pattern="^(wgs84|flat)$")] = "wgs84"
    atmosphere: str = "ussa76"  # "ussa76", "exponential", or a profile file
    gravity_mps2: Positive = 9.80665  # with earth = "flat"
    density_kgpm3: Positive = 1.225  # with atmosphere = "exponential"
    scale_height_m: Positive = 9144.0  # with atmosphere = "exponential"
    wind: str = "none"  # "none", or a profile file
    # of each component beside `wind`, 1 sigma; None: 8 where no wind is given, 2.5 beside a profile, 0 on a flat Earth
    sigma_wind_mps: Annotated[float, Meta(ge=0.0, le=50.0)] | None = None


class TerrainFile(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A raster of heights around the site, and what its heights count from."""

    file: Annotated[str, Meta(min_length=1)]  # GeoTIFF, DTED or HGT, beside the file that names it
    datum: Annotated[str, Meta(pattern="^(msl|egm96|egm2008|ellipsoid)$")] | None = None  # None: as the raster says
    radius_m: Annotated[float, Meta(ge=1_000.0, le=200_000.0)] = 40_000.0  # what is read of it, around the site


class TrackingSettings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the user may say about tracking; everything else has one good value."""

    drag_curve: str = "generic"  # "generic", "constant", or the name of a round class
    # how unlike the rounds' own curve it may be, 1: as public curves are to each other; None: 1 for "generic", else 0
    drag_doubt: Annotated[float, Meta(ge=0.0, le=5.0)] | None = None
    confirm_score: NotNegative | None = None  # ln of the odds at which a track is confirmed; None: the tracker's own
    lag_s: Annotated[float, Meta(ge=0.0, le=10.0)] = 0.0  # how late an input may come and still be worked in
    registration: bool = True  # offsets between sensors are estimated from what they see in common, and taken off


class AsterixSettings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The edition by which each ASTERIX category is read; one that does not fit is refused, never guessed."""

    cat015: Literal["1.0", "1.1", "1.2"] = "1.2"
    cat020: Literal["1.9", "1.10", "1.11"] = "1.11"
    cat021: Literal["0.23", "0.24", "0.25", "0.26", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7"] = "2.7"
    cat034: Literal["1.27", "1.28", "1.29"] = "1.29"
    cat048: Literal["1.27", "1.28", "1.29", "1.30", "1.31", "1.32"] = "1.32"
    cat062: Literal["1.16", "1.17", "1.18", "1.19", "1.20", "1.21"] = "1.21"
    drills: bool = False  # take target reports that say they are no actual ones: simulated, replayed, a test


class WarningZone(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """People who are warned together, and the time that they need to take cover."""

    name: Name
    polygon_deg: Ring
    shelter_s: NotNegative = 10.0
    people: Annotated[int, Meta(ge=1, le=100_000_000)] | None = None  # None: benefit and cost are told per person


class WarningSettings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a zone is warned: two numbers; when it is told again and cleared: three more."""

    # casualties that alarming one person is held to cost: 1e-5 are hurt by the alarm itself (2e-6 to 5e-5; parameters
    # of this project, section 2.4 [A]), the rest weighs time lost, and the trust that each false alarm uses up
    cost_per_person: Annotated[float, Meta(gt=0.0, le=1.0)] = 5e-5
    share_acting: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.8  # on a warning (drilled base 0.8 to 0.95; same, [A])
    hold_share: Share = 0.5  # a warned zone stays at risk while a warning would spare this share of its cost
    update_s: Annotated[float, Meta(ge=0.5, le=60.0)] = 2.0  # what moved by more is told, and not more often than this
    clear_after_s: Annotated[float, Meta(ge=1.0, le=3600.0)] = 120.0  # without risk; debris takes 8 to 90 s (section 3)


def zone_list_digest(zones: Sequence[WarningZone]) -> str:
    """Return the version of a list of zones: SHA-256 (hexadecimal) of its names and polygons, in order.

    An outside list, as of a siren or a map, is the same as ours when its digest is: of the UTF-8 bytes of compact
    JSON `[["name", [[lat, lon], ...]], ...]`, degrees as the site file has them in Python's shortest form.
    """
    plain = [[zone.name, zone.polygon_deg] for zone in zones]
    return hashlib.sha256(msgspec.json.encode(plain)).hexdigest()


class DefendedAsset(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something worth protecting."""

    name: Name
    polygon_deg: Ring
    priority: Annotated[int, Meta(ge=1, le=9)] = 1  # 1 is first


class SiteFile(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole site file."""

    site: SitePoint
    sensor: Annotated[tuple[RadarSite, ...], Meta(min_length=1)]
    environment: EnvironmentSettings = EnvironmentSettings()
    terrain: TerrainFile | None = None
    tracking: TrackingSettings = TrackingSettings()
    asterix: AsterixSettings = AsterixSettings()
    warning: WarningSettings = WarningSettings()
    zone: tuple[WarningZone, ...] = ()
    asset: tuple[DefendedAsset, ...] = ()


class Motor(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A solid rocket motor: thrust by time since ignition, linear between the points, and what it burns."""

    thrust_s: Annotated[tuple[NotNegative, ...], Meta(min_length=2)]  # ascending from 0
    thrust_n: Annotated[tuple[NotNegative, ...], Meta(min_length=2)]
    propellant_kg: NotNegative


class Spin(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a spin-stabilised shell's drift comes of: twist, inertia, aerodynamic slopes by Mach (constant beyond)."""

    inertia_kgm2: Positive  # about the long axis
    twist_calibres: float  # travel per turn where the flight starts, in calibres; negative for left-hand twist
    mach: Annotated[tuple[NotNegative, ...], Meta(min_length=2)]
    cm_alpha: Annotated[tuple[Positive, ...], Meta(min_length=2)]  # overturning moment [1/rad]
    cl_alpha: Annotated[tuple[Positive, ...], Meta(min_length=2)]  # lift [1/rad]
    c_spin: Annotated[tuple[float, ...], Meta(min_length=2)]  # damping of the spin, by p d / v; negative
    c_magnus: Annotated[tuple[float, ...], Meta(min_length=2)]  # Magnus force, by p d / v [1/rad]; negative
    cd_alpha2: Annotated[tuple[NotNegative, ...], Meta(min_length=2)]  # drag by the square of the yaw [1/rad2]
    source: dict[str, str]


class RoundClass(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A class of rounds (not a product): body, drag by Mach, thrust if any, spread, and where each figure is from."""

    name: Name
    title: str
    kind: Annotated[str, Meta(pattern="^(rocket|mortar|shell)$")]
    mass_kg: Positive  # in flight, after burn
    mass_launch_kg: Positive | None = None  # before burn; rockets only
    calibre_m: Positive
    length_m: Positive | None = None  # None: six calibres
    mach: Annotated[tuple[NotNegative, ...], Meta(min_length=2)]
    cd: Annotated[tuple[Positive, ...], Meta(min_length=2)]
    burn_s: Positive | None = None
    burnout_speed_mps: Positive | None = None
    ground_range_m: Band | None = None  # between start and impact, over all arcs
    arrival_speed_mps: Band | None = None  # over all ranges and arcs
    descent_deg: Band | None = None  # below the horizontal at the impact, over all ranges and arcs
    drag_sigma_round: Share  # 1 sigma between rounds of one lot, share of K
    drag_sigma_make: Share  # 1 sigma between makes
    hazard_radius_m: Positive  # half of unprotected standing people are casualties inside it
    sigma_range_share: Share  # of the ground range, 1 sigma
    sigma_cross_share: Share
    p_dud: Share
    spin: Spin | None = None  # None: its truth flies as a point mass
    source: dict[str, str]


class RoundFile(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole round class file."""

    round: Annotated[tuple[RoundClass, ...], Meta(min_length=1)]
