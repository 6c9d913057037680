"""What a predicted impact means for zones and assets: the probability that the round comes down there."""

from casemate.assess.threat.inside import p_inside
from casemate.assess.threat.stage import Settings, ThreatStage, ThreatStep

__all__ = ["Settings", "ThreatStage", "ThreatStep", "p_inside"]
