"""Who is told what, and when: what a warning spares against what it costs, and one small state machine per zone."""

from casemate.assess.warning.stage import WarningStage

__all__ = ["WarningStage"]
