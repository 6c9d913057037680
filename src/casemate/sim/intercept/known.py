"""What a simulated fire control knows between steps: tracks, what they threaten, and what became of its bursts.

Tracks and threats are the pipeline's. What a burst did is learned late and not surely: a look after the last round of
a burst, wrong with two declared probabilities; then what the track itself shows.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from casemate.constants import NS_PER_S
from casemate.model.messages import Threat
from casemate.model.records import Motion, Records, TrackStatus
from casemate.sim.intercept.gun import Fate, GunKind, PlannedBurst

_BACK: Final = 2
"""Plots after a look that said "killed", from which on the round is taken to fly on after all [A]."""


class Known:
    """Tracks and what they threaten, as last told."""

    def __init__(self) -> None:
        self.tracks: dict[int, np.void] = {}
        self.threats: dict[int, list[Threat]] = {}  # by track

    def take(self, t_ns: int, tracks: Records, threats: Sequence[Threat]) -> None:
        """Remember what a step said; what a touched track threatened before is forgotten."""
        is_gone = (tracks["status"] == TrackStatus.DROPPED) | (tracks["motion"] != Motion.BALLISTIC)
        for track_id in tracks["track_id"][is_gone].tolist():
            self.tracks.pop(track_id, None)
        for row in tracks[~is_gone & (tracks["status"] != TrackStatus.TENTATIVE)]:
            track_id = int(row["track_id"])
            self.tracks[track_id] = row.copy()
            if track_id in self.threats and self.worst(track_id).t_impact_ns >= t_ns:
                del self.threats[track_id]
        for threat in threats:
            self.threats.setdefault(threat.track_id, []).append(threat)

    def worst(self, track_id: int) -> Threat:
        """Return the threat of a track that ranks first."""
        return min(self.threats[track_id], key=lambda each: (each.rank, each.t_impact_ns))

    def by_rank(self) -> list[int]:
        """Return the tracks that threaten something and are still known, the worst first."""

        def urgency(track_id: int) -> tuple[int, int, int]:
            worst = self.worst(track_id)
            return worst.rank, worst.t_impact_ns, track_id

        return sorted((i for i in self.threats if i in self.tracks), key=urgency)

    def forget_past(self, t_ns: int) -> list[Threat]:
        """Return the worst threats of tracks whose impact is past, by track, and forget these tracks' threats."""
        past = [self.worst(i) for i in sorted(self.threats) if self.worst(i).t_impact_ns < t_ns]
        for threat in past:
            del self.threats[threat.track_id]
        return past


class _Awaited(NamedTuple):
    """A burst of which it is not known yet what it did."""

    track_id: int
    until_ns: int
    pk: float


class Looks:
    """What bursts are thought to have done.

    Parameters
    ----------
    rng : numpy.random.Generator
        Of the looks alone.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._awaited: dict[int, _Awaited] = {}  # by engagement
        self._verdicts: dict[int, tuple[int, bool]] = {}  # by engagement: when it is known, whether it says killed
        self._killed: dict[int, int] = {}  # by track: plots that it had when it was said to be killed
        self._shot_at: set[int] = set()

    def await_(self, burst: PlannedBurst, until_ns: int) -> None:
        """Note a burst that a gun is bound to."""
        self._awaited[burst.engagement_id] = _Awaited(burst.track_id, until_ns, burst.pk)

    def forget(self, burst: PlannedBurst) -> None:
        """Drop a burst that was called off."""
        self._awaited.pop(burst.engagement_id, None)

    def see(self, burst: PlannedBurst, kind: GunKind, fate: Fate | None) -> None:
        """Look at what a burst did; what is seen is known when the gun has watched, and may be wrong.

        A round whose fuze is dead flies on: it looks alive.
        """
        is_gone = fate is not None and fate is not Fate.FUZE_DEAD
        chance = float(self._rng.random())
        is_said = chance >= kind.p_kill_unseen if is_gone else chance < kind.p_kill_mistaken
        known_ns = burst.t_intercept_ns + round(kind.assess_s * NS_PER_S)
        self._verdicts[burst.engagement_id] = (known_ns, is_said)
        self._shot_at.add(burst.track_id)

    def take(self, t_ns: int, tracks: dict[int, np.void]) -> None:
        """Learn what is known by now; tracks that go on after all are taken up again."""
        for i in [i for i, (known_ns, _) in self._verdicts.items() if known_ns <= t_ns]:
            _, is_said = self._verdicts.pop(i)
            track_id = self._awaited.pop(i).track_id
            if is_said and track_id in tracks:
                self._killed[track_id] = int(tracks[track_id]["n_hit"])
        for track_id, n_hit in list(self._killed.items()):
            if track_id in tracks and int(tracks[track_id]["n_hit"]) >= n_hit + _BACK:
                del self._killed[track_id]

    def p_left(self, track_id: int) -> float:
        """Return the probability that a round outlives the bursts that are out for it, as if each missed by itself."""
        return float(np.prod([1.0 - each.pk for each in self._awaited.values() if each.track_id == track_id]))

    def n_out(self, track_id: int) -> int:
        """Return how many bursts are out for a round, not yet looked at."""
        return sum(each.track_id == track_id for each in self._awaited.values())

    def is_done(self, track_id: int, status: int) -> bool:
        """Tell whether a round is thought to be gone: said to be, or shot at and no longer seen by radars."""
        return track_id in self._killed or (track_id in self._shot_at and status == TrackStatus.COASTING)
