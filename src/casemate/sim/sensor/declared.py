"""What a simulated radar does that its owner's site file does not say: the tracker is told none of it."""

from typing import Annotated

from msgspec import Meta

from casemate.model.catalog import Band, Declaration, Name, NotNegative, Positive, RadarSite, Share

Bearing = Annotated[float, Meta(ge=0.0, lt=360.0)]
Offset = Annotated[float, Meta(ge=-10_000.0, le=10_000.0)]
Lean = Annotated[float, Meta(ge=-45.0, le=45.0)]


class RadarFault(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that is wrong with a radar for a while; several may be at once.

    `silent`: nothing comes. `frozen`: each sector's last plots again and again, stamped anew. `blind`: nothing is seen
    in an arc. `jammed`: the noise in an arc is up, and false plots stand along it. `storm`: more false ones.
    """

    kind: Annotated[str, Meta(pattern="^(silent|frozen|blind|jammed|storm)$")]
    from_s: NotNegative = 0.0  # since the scenario's start
    to_s: Positive = 1e9
    azimuth_deg: Band | None = None  # blind, jammed: clockwise from, to; None: all round
    noise_db: Annotated[float, Meta(ge=0.0, le=120.0)] = 20.0  # jammed: over the noise that is always there [A]
    plots_per_scan: NotNegative = 0.0  # jammed: false plots along the strobe
    factor: Annotated[float, Meta(ge=1.0, le=1000.0)] = 10.0  # storm: so many times the false plots


class RadarTruth(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a radar of the site file truly is and does. What is None is as the site file has it.

    A plot delay of 0.15 s is typical of a rotating 3D radar, 0.05 to 0.4 s [A]. Clumps: Neyman-Scott, of figures [A].
    """

    name: Name
    reference_range_m: Positive | None = None
    sectors: Annotated[int, Meta(ge=1, le=64)] = 8  # that a turn is sent in; a dwell of a staring radar is sent whole
    delay_s: Annotated[float, Meta(ge=0.0, le=60.0)] = 0.15
    mask_deg: Annotated[float, Meta(ge=-10.0, le=45.0)] | None = None
    # what the sigmas of angles come from: the site file's, which hold at the reference SNR, or its beamwidths
    accuracy: Annotated[str, Meta(pattern="^(declared|beamwidth)$")] = "declared"
    bias_range_m: float = 0.0
    bias_azimuth_deg: float = 0.0  # its north is so far off; 0.3 as a fault [A]
    bias_elevation_deg: float = 0.0
    tilt_deg: Lean = 0.0  # its mast leans so far
    tilt_toward_deg: Bearing = 0.0
    offset_e_m: Offset = 0.0  # it truly stands so far from where the site file says
    offset_n_m: Offset = 0.0
    offset_u_m: Offset = 0.0
    multipath_mrad: Annotated[float, Meta(ge=0.0, le=100.0)] = 0.0  # largest error of elevation on the ground; 5 [A]
    clock_offset_s: Annotated[float, Meta(ge=-3600.0, le=3600.0)] = 0.0  # its stamps less true time, at the start
    clock_drift_ppm: Annotated[float, Meta(ge=-1e5, le=1e5)] = 0.0
    sigma_time_s: Annotated[float, Meta(ge=0.0, le=10.0)] = 0.0  # of each stamp; 0.001 to 0.01 with GNSS [A]
    step_time_s: Annotated[float, Meta(ge=0.0, le=10.0)] = 0.0  # what stamps are rounded to; 1/128 in ASTERIX
    clumped_share: Share = 0.0  # of the false plots, in clumps that stay for a while
    clump_plots_per_scan: Positive = 5.0  # mean of a clump and scan
    clump_range_m: Positive = 150.0  # 1 sigma of a clump's size along the beam
    clump_azimuth_deg: Positive = 1.0  # and across, in azimuth and elevation
    clump_life_s: Positive = 20.0  # mean
    fault: tuple[RadarFault, ...] = ()


def fault_of(truth: RadarTruth, radar: RadarSite) -> tuple[str, str] | None:
    """Return the key and why of what does not fit together, None where all does."""
    has_elevation = radar.sigma_elevation_deg is not None
    is_unsaid = has_elevation and radar.beamwidth_elevation_deg is None
    if truth.accuracy == "beamwidth" and (radar.beamwidth_azimuth_deg is None or is_unsaid):
        return "accuracy", "beamwidth_azimuth_deg (and beamwidth_elevation_deg, in 3D) must be in the site file"
    if truth.multipath_mrad > 0.0 and is_unsaid:
        return "multipath_mrad", "beamwidth_elevation_deg must be in the site file"
    for i, fault in enumerate(truth.fault):
        if not fault.from_s < fault.to_s:
            return f"fault[{i}].to_s", "must be after from_s"
        if fault.azimuth_deg is not None and not all(0.0 <= az < 360.0 for az in fault.azimuth_deg):
            return f"fault[{i}].azimuth_deg", "must be [from, to], both from 0 to 360 degrees"
    return None
