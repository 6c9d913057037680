"""What zones were told, and who can see what comes down in them, as rows of tables."""

import math
from typing import Any, Final

import pyarrow as pa

from casemate.model.messages import Cause, ZoneWarning, ZoneWatch

_CAUSE: Final = pa.struct(
    [
        ("track_id", pa.uint32()),
        ("round_class", pa.string()),
        ("t_impact_ns", pa.int64()),
        *((name, pa.float64()) for name in ("sigma_t_s", "p_hit", "p_round")),
        ("n_hit", pa.int64()),
        *((name, pa.float64()) for name in ("e_m", "n_m", "cov_ee_m2", "cov_en_m2", "cov_nn_m2")),
    ]
)
WARNING_SCHEMA: Final = pa.schema(
    [
        ("t_ns", pa.int64()),
        ("warning_id", pa.int64()),
        ("zone", pa.string()),
        ("level", pa.string()),
        ("t_impact_ns", pa.int64()),
        ("p_impact", pa.float64()),
        ("track_ids", pa.list_(pa.uint32())),
        ("supersedes", pa.int64()),
        ("reason", pa.string()),
        ("is_useful", pa.bool_()),
        ("phase", pa.string()),
        ("incident_id", pa.int64()),
        *((name, pa.float64()) for name in ("lead_s", "benefit", "cost")),
        ("would_change", pa.string()),
        ("causes", pa.list_(_CAUSE)),
    ]
)
"""Of `warnings.parquet`."""
WATCH_SCHEMA: Final = pa.schema(
    [
        ("t_ns", pa.int64()),
        ("zone", pa.string()),
        ("is_watched", pa.bool_()),
        ("share", pa.float64()),
        ("sensors", pa.list_(pa.string())),
        ("reason", pa.string()),
    ]
)
"""Of `zones.parquet`."""


def warning_row(issued: ZoneWarning, zone: str) -> dict[str, Any]:
    """Return a warning as a row of `WARNING_SCHEMA`; None for what is not known."""
    return {
        "t_ns": issued.t_issued_ns,
        "warning_id": issued.warning_id,
        "zone": zone,
        "level": issued.level.value,
        "t_impact_ns": issued.t_impact_ns,
        "p_impact": issued.p_impact,
        "track_ids": list(issued.track_ids),
        "supersedes": issued.supersedes or None,
        "reason": issued.reason,
        "is_useful": issued.is_useful,
        "phase": issued.phase.value,
        "incident_id": issued.incident_id,
        "lead_s": _known(issued.lead_s),
        "benefit": _known(issued.benefit),
        "cost": _known(issued.cost),
        "would_change": issued.would_change,
        "causes": [_cause_row(cause) for cause in issued.causes],
    }


def watch_row(watch: ZoneWatch, zone: str, sensors: list[str]) -> dict[str, Any]:
    """Return who sees a zone as a row of `WATCH_SCHEMA`; `sensors` are the names of all."""
    return {
        "t_ns": watch.t_ns,
        "zone": zone,
        "is_watched": watch.is_watched,
        "share": watch.share,
        "sensors": [sensors[i] for i in watch.sensor_ids],
        "reason": watch.reason,
    }


def _cause_row(cause: Cause) -> dict[str, Any]:
    (cov_ee_m2, cov_en_m2), (_, cov_nn_m2) = cause.cov_m2
    return {
        **{name: value for name, value in cause._asdict().items() if name not in {"point_m", "cov_m2"}},
        "e_m": cause.point_m[0],
        "n_m": cause.point_m[1],
        "cov_ee_m2": cov_ee_m2,
        "cov_en_m2": cov_en_m2,
        "cov_nn_m2": cov_nn_m2,
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
