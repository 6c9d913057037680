"""What data is stamped as, once, where it enters: the three types of its notices, pictures and heartbeats.

The stamp of live feeds is not here: `live` holds it, and an import contract says who may reach for that.
"""

from typing import Final, Generic, NamedTuple, TypeVar

from casemate.model.notices import (
    AnyHeartbeat,
    AnyNotice,
    AnyPicture,
    DrillHeartbeat,
    DrillPicture,
    ExerciseNotice,
    RehearsalNotice,
)

N_co = TypeVar("N_co", bound=AnyNotice, covariant=True)
P_co = TypeVar("P_co", bound=AnyPicture, covariant=True)
H_co = TypeVar("H_co", bound=AnyHeartbeat, covariant=True)


class Stamp(NamedTuple, Generic[N_co, P_co, H_co]):
    """The types that everything told of one source of data has."""

    notice: type[N_co]
    picture: type[P_co]
    heartbeat: type[H_co]


EXERCISE: Final = Stamp(ExerciseNotice, DrillPicture, DrillHeartbeat)
"""Of feeds that carry an exercise."""
REHEARSAL: Final = Stamp(RehearsalNotice, DrillPicture, DrillHeartbeat)
"""Of recordings, replays and the rehearsed world."""
