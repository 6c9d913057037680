"""Why a zone was warned, as the page tells it: the last decision of its incident, with all that it knew."""

from typing import Any

from casemate.model.messages import ZoneWarning


def decision_of(told: ZoneWarning) -> dict[str, Any]:
    """Return a decision as JSON has it; what is not known is null.

    Benefit and cost are casualties, as in `ZoneWarning`; positions ENU metres of the site.
    """
    return {
        "warning_id": told.warning_id,
        "phase": told.phase.value,
        "t_issued_ns": told.t_issued_ns,
        "reason": told.reason,
        "p_impact": told.p_impact,
        "lead_s": told.lead_s,
        "benefit": told.benefit,
        "cost": told.cost,
        "would_change": told.would_change,
        "causes": [
            {
                "track_id": each.track_id,
                "round_class": each.round_class,
                "t_impact_ns": each.t_impact_ns,
                "sigma_t_s": each.sigma_t_s,
                "p_hit": each.p_hit,
                "p_round": each.p_round,
                "n_hit": each.n_hit,
                "point_m": each.point_m,
                "cov_m2": each.cov_m2,
            }
            for each in told.causes
        ],
    }
