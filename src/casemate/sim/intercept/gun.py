"""Guns as a scenario declares them: generic figures with a band and a source, no product, no performance claim.

A `Gun` names a packaged kind (`data/guns.toml`) or carries its own figures. `ENGAGEMENT` is all that is ever
recorded of a shot.
"""

import math
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Annotated, Final, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from casemate.model.catalog import Band, Declaration, Height, Lat, Lon, Name, NotNegative, Positive, Share

ENGAGEMENT = np.dtype(
    [
        ("engagement_id", "u4"),
        ("track_id", "u4"),
        ("gun_id", "u2"),
        ("t_fire_ns", "i8"),
        ("t_intercept_ns", "i8"),
        ("n_rounds", "u4"),
        ("pk", "f8"),
        ("outcome", "U11"),
        ("fate", "U10"),
    ]
)
"""What became of a burst, or (NOT_ENGAGED, gun 65535) of a threat that nobody shot at; `pk` as believed when bound,
`fate` what a kill did (`Fate`) or which rule held fire, else empty."""

NO_GUN = 65535

BODY_AREA_M2: Final = 0.02
"""Of a round along the shots [m2], where its class is not known: 0.005 / 0.02 / 0.05 [A]."""

Floats = NDArray[np.float64]


class Outcome(StrEnum):
    """What became of a threat in one engagement."""

    KILL = "kill"
    MISS = "miss"
    NOT_ENGAGED = "not engaged"
    HELD = "held"  # planned, and called off by a rule before a round left


class Fate(StrEnum):
    """What a hit that kills does to a round; what is left of it falls in each case."""

    DETONATED = "detonated"  # the warhead goes off in the air: pieces come down
    BROKEN = "broken"  # the body breaks up: its parts tumble down, the warhead among them alive
    FUZE_DEAD = "fuze dead"  # it flies on as it was, and does not go off


class GunKind(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Generic figures of a kind of gun and its rounds; `band` holds low and high of each, `source` where it is from."""

    name: Name
    title: str
    # the gun
    rate_per_min: Positive  # rounds
    spin_up_s: NotNegative  # time to full rate; half the rounds come in it
    slew_train_degps: Positive
    slew_elevate_degps: Positive
    settle_s: NotNegative
    lag_s: NotNegative  # of its fire control: what comes in later than this before the first round does not move it
    assess_s: NotNegative  # from intercept until the gun may take the next threat, and what it did is known
    p_kill_unseen: Share  # that a round that is gone still looks alive then
    p_kill_mistaken: Share  # that a round that flies on looks gone then
    range_m: Band  # slant range of the intercept
    elevation_deg: Band
    n_burst: Annotated[int, Meta(ge=1)]
    n_magazine: Annotated[int, Meta(ge=0)]
    reload_s: NotNegative  # from the last round of a magazine to the first of the next
    n_hot: Annotated[int, Meta(ge=1)]  # rounds fired at once that heat a cold barrel to its limit
    cool_per_min: Positive  # rounds' worth of heat that it loses
    # what its rounds share, and what they do not: 1 sigma
    muzzle_mps: Positive
    sigma_muzzle_mps: NotNegative  # each round
    sigma_lot_mps: NotNegative  # shared by a burst: the muzzle speed is not known better
    scatter_mrad: Positive  # each round, per axis
    aim_error_mrad: NotNegative  # shared by a burst, per axis; the track's own error and the wind's apart
    boresight_mrad: NotNegative  # the same all night, per axis
    # the round
    calibre_m: Positive
    mass_kg: Positive
    charge_kg: NotNegative  # burns, and does not fall
    mach: Annotated[tuple[NotNegative, ...], Meta(min_length=2)]
    cd: Annotated[tuple[Positive, ...], Meta(min_length=2)]
    self_destruct_s: Positive  # after it left
    sigma_self_destruct_s: NotNegative
    p_self_destruct_fails: Share
    cloud_radius_m: NotNegative  # of the cloud of pieces where it meets the body; 0: the round itself must hit
    n_pieces: Annotated[int, Meta(ge=0)]  # in that cloud
    piece_kg: NotNegative  # of that cloud
    # what a hit does
    p_kill_given_hit: Share
    share_detonated: Share  # of kills: the warhead goes off in the air
    share_broken: Share  # the body breaks, the warhead falls alive; what is left of 1: its fuze is dead
    band: dict[str, Band] = msgspec.field(default_factory=dict[str, Band])
    source: dict[str, str]

    def __post_init__(self) -> None:
        """Refuse what no single range check can see."""
        if not 0.0 <= self.range_m[0] < self.range_m[1]:
            raise ValueError("range_m must rise from a value of at least 0")
        if not -20.0 <= self.elevation_deg[0] < self.elevation_deg[1] <= 90.0:
            raise ValueError("elevation_deg must rise within -20 to 90")
        if len(self.mach) != len(self.cd):
            raise ValueError("mach and cd must be of one length")
        if len({self.cloud_radius_m > 0.0, self.n_pieces > 0, self.piece_kg > 0.0}) > 1:
            raise ValueError("cloud_radius_m, n_pieces and piece_kg go together")
        if self.charge_kg + self.n_pieces * self.piece_kg >= self.mass_kg:
            raise ValueError("mass_kg must exceed what the round carries: charge_kg and n_pieces of piece_kg")
        if self.share_detonated + self.share_broken > 1.0:
            raise ValueError("share_detonated and share_broken exceed 1")

    def burst_s(self, n_rounds: int) -> float:
        """Return how long a burst lasts [s]: full rate after a spin-up in which the rate rises evenly."""
        return float(self._left_s(np.array([float(n_rounds)]))[0])

    def rounds_s(self, n_rounds: int) -> Floats:
        """Return when each round of a burst leaves (n,) [s] after the trigger: the first when it is through."""
        return self._left_s(np.arange(1.0, n_rounds + 1.0))

    def _left_s(self, n_rounds: Floats) -> Floats:
        per_s = self.rate_per_min / 60.0
        in_spin_up = 0.5 * per_s * self.spin_up_s
        rising = self.spin_up_s * np.sqrt(n_rounds / max(in_spin_up, 1e-9))
        return np.where(n_rounds < in_spin_up, rising, self.spin_up_s + (n_rounds - in_spin_up) / per_s)

    def shared_mrad(self) -> float:
        """Return the shared error of a burst's direction, per axis, before anything is known of the boresight."""
        return math.hypot(self.aim_error_mrad, self.boresight_mrad)

    def reach(self, area_m2: float = BODY_AREA_M2) -> tuple[float, float]:
        """Return the radius [m] within which a round counts, and the probability that it then kills.

        A contact round must touch the body (a disc of its presented area). A cloud must enclose it; its pieces,
        evenly spread, then strike with 1 - exp(-n area / cloud area).
        """
        if self.cloud_radius_m <= 0.0:
            return (area_m2 / math.pi) ** 0.5, self.p_kill_given_hit
        strikes = self.n_pieces * area_m2 / (math.pi * self.cloud_radius_m**2)
        return self.cloud_radius_m, -self.p_kill_given_hit * math.expm1(-strikes)


class GunFile(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole file of gun kinds."""

    gun: Annotated[tuple[GunKind, ...], Meta(min_length=1)]


@cache
def packaged_kinds() -> dict[str, GunKind]:
    """Return the kinds of guns that come with the package, by name."""
    text = resources.files("casemate").joinpath("data", "guns.toml").read_bytes()
    return {kind.name: kind for kind in msgspec.toml.decode(text, type=GunFile).gun}


class Gun(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A gun of a scenario: where it stands, and a packaged kind or figures of its own."""

    name: Name
    lat_deg: Lat
    lon_deg: Lon
    height_m: Height
    kind: str = "g20"
    figures: GunKind | None = None  # in place of a packaged kind

    def __post_init__(self) -> None:
        """Refuse a kind that is not packaged."""
        if self.figures is None and self.kind not in packaged_kinds():
            raise ValueError(f"unknown gun kind {self.kind!r}, known are {', '.join(packaged_kinds())}")

    def resolved(self) -> GunKind:
        """Return the figures that hold for this gun."""
        return self.figures or packaged_kinds()[self.kind]


class PlannedBurst(NamedTuple):
    """A burst that a gun will fire; where it aims stays inside `schedule`."""

    engagement_id: int
    track_id: int
    gun_id: int
    t_fire_ns: int
    t_intercept_ns: int
    n_rounds: int
    pk: float
