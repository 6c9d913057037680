"""Class: what kind of thing each track is, with its probability; and which class of round, if it is one."""

from casemate.assess.classify.stage import ClassStage, Settings

__all__ = ["ClassStage", "Settings"]
