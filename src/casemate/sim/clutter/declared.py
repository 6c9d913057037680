"""What a scenario declares of things that are no rounds: traffic, flocks, wind turbines, rain and the ground.

Figures in the packaged scenarios are those of section 5 of the project's public parameter list; what is only assumed is
marked [A] beside it there and here.
"""

from typing import Annotated

from msgspec import Meta

from casemate.model.catalog import Band, Declaration, Name, NotNegative, Positive, Share

Decibel = Annotated[float, Meta(ge=-60.0, le=40.0)]
Reflectivity = Annotated[float, Meta(ge=-10.0, le=70.0)]
AtOnce = Annotated[int, Meta(ge=0, le=1000)]
Degrees = Annotated[float, Meta(ge=-5.0, le=90.0)]


class Traffic(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Friendly traffic and birds of one kind: how many an hour, and within what bounds they move."""

    kind: Annotated[str, Meta(pattern="^(aircraft|light|helicopter|drone|bird)$")]
    per_hour: NotNegative
    speed_mps: Band
    height_m: Band  # over the site
    rcs_dbsm: tuple[Decibel, Decibel]
    life_s: Band
    leg_s: Band  # how long it flies straight between manoeuvres
    reach_m: Positive  # stays (or is forgotten) within this distance of the site
    load_g: Positive  # largest manoeuvre
    turn_dps: Positive  # largest turn rate
    hover_share: Share = 0.0  # share of legs spent standing in the air


class Flock(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Flocks of birds: always so many at once; each flies as one, splits into parts, and merges again."""

    at_once: AtOnce
    parts: tuple[Annotated[int, Meta(ge=1, le=20)], Annotated[int, Meta(ge=1, le=20)]] = (2, 4)
    apart_m: Positive = 200.0  # of each part from the middle, when widest split [A]
    drift_mps: Positive = 2.0  # fastest that parts move apart [A]
    speed_mps: Band
    height_m: Band  # over the site
    rcs_dbsm: tuple[Decibel, Decibel]  # of the whole flock
    life_s: Band
    leg_s: Band
    reach_m: Positive
    load_g: Positive
    turn_dps: Positive


class Turbines(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A wind farm: masts that stand, and blades that flash."""

    name: Name = "turbine"
    count: AtOnce
    range_m: Band  # of the farm's middle from the site; drawn once, like everything here
    spacing_m: Positive = 500.0  # between neighbours of its square grid [A]: 4 diameters
    height_m: Band  # between the lowest and the highest point that a tip reaches
    blade_m: Positive = 60.0  # length of a blade [A]
    tip_mps: Band
    rcs_dbsm: tuple[Decibel, Decibel]  # mast and nacelle, steady
    blade_rcs_dbsm: tuple[Decibel, Decibel]
    flash_share: Share = 0.2  # share of looks that the blades outshine the mast after its filter [A]


class Rain(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rain cells: always so many at once, drifting; each grows, fades, and gives plots from anywhere in its volume."""

    at_once: AtOnce
    speed_mps: Band
    from_deg: Annotated[float, Meta(ge=0.0, lt=360.0)] = 240.0  # whence they drift
    from_spread_deg: Annotated[float, Meta(ge=0.0, le=180.0)] = 20.0  # half width over cells [A]
    radius_m: Band  # when largest
    top_m: Band  # of the highest drops, when largest
    reflectivity_dbz: tuple[Reflectivity, Reflectivity]
    life_s: Band
    reach_m: Positive  # cells begin within this of the site
    patches: Annotated[int, Meta(ge=1, le=1000)] = 20  # resolution cells that stand out of a cell at once, at most [A]
    wavelength_m: Positive = 0.1
    suppression_db: NotNegative = 15.0  # what Doppler filter and thresholds take off rain before plots [A]
    spread_mps: NotNegative = 3.0  # half width of its Doppler: turbulence, shear, fall of drops [A]


class Ground(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ground clutter or road traffic: clumps of reflectors near the ground, a share of them showing at each look.

    Clumps lie evenly over a ring, each with a Poisson number of reflectors (Neyman-Scott). What moves, stops and goes
    along its road. With `apparent_deg` it shows through side lobes and multipath at an elevation where it is not.
    """

    name: Name
    clumps: AtOnce
    reflectors: AtOnce  # in a clump, in the mean
    clump_m: Positive  # 1 sigma of a clump; half length of a road
    range_m: Band  # of clumps from the site
    height_m: Band  # over the site
    rcs_dbsm: tuple[Decibel, Decibel]  # as the beam or the side lobe sees it
    speed_mps: Band = (0.0, 0.0)  # fastest of each
    share: Share  # of reflectors that show at one look
    apparent_deg: tuple[Degrees, Degrees] | None = None  # elevation where they seem to be, over the site's ground
