"""Whatever is dropped, repeated or swapped on the way, and however often the server begins anew: a page that follows
the wire's rules ends with the server's own state.
"""

import hashlib
import json

import page_cases
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.io.web.scene import Scene
from casemate.io.web.wire import Ledger, Visitor
from casemate.model.messages import WarningPhase

PREMISES = page_cases.make_premises()
VISITOR = Visitor("anna", "operator")
TELLS = st.tuples(st.just("tell"), st.integers(0, 3), st.sampled_from(list(WarningPhase)))
ACTS = st.tuples(st.just("acknowledge"), st.integers(0, 3), st.sampled_from(["anna", "bert"]))
HARMS = st.tuples(st.sampled_from(["drop", "repeat", "swap", "restart", "beat", "sensor"]))


class Follower:
    """A page as the reference has it, written from that alone: it asks again when it lost count."""

    def __init__(self):
        self.epoch, self.n, self.alarms = None, 0, {}

    def hear(self, frame):
        """Take a frame in; return whether everything must be told again."""
        said = json.loads(frame)
        if said["kind"] == "hello":
            self.epoch, self.n = said["epoch"], said["n"]
            self.alarms = {each["incident"]: each for each in said["alarms"]}
            return False
        if said["kind"] == "beat":
            return said["epoch"] != self.epoch or said["n"] != self.n or said["hash"] != self.hash()
        if said["epoch"] != self.epoch or said["n"] > self.n + 1:
            return True
        if said["n"] <= self.n:  # it is known
            return False
        self.n = said["n"]
        if said["kind"] == "alarm":
            self.alarms[said["incident"]] = said
        elif said["kind"] == "acknowledged":
            self.alarms[said["incident"]]["acknowledged"] = {"by": said["by"], "t_ns": said["t_ns"]}
        return False

    def hash(self):
        lines = []
        for incident, alarm in sorted(self.alarms.items()):
            if alarm["phase"] not in {"all-clear", "withdrawn"}:
                by = alarm["acknowledged"]["by"] if alarm["acknowledged"] else "-"
                lines.append(f"{incident}|{alarm['serial']}|{alarm['phase']}|{by}")
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def delivered(follower, ledger, frames):
    """Deliver what came through; who lost count is told everything."""
    for frame in frames:
        if follower.hear(frame):
            assert not follower.hear(ledger.hello(VISITOR))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(TELLS, TELLS, ACTS, HARMS), max_size=40))
def test_after_any_loss_the_hashes_agree(acts):
    ledger, follower, serial = Ledger(Scene(PREMISES), 1), Follower(), 0
    delivered(follower, ledger, [ledger.hello(VISITOR)])
    held, harm = [], ""
    for what, *rest in acts:
        frames = []
        if what == "tell":
            serial += 1
            told = page_cases.notice(PREMISES, serial, rest[1], incident=f"run1-{rest[0]}", zone=rest[0])
            frames = ledger.frames(ledger.scene.hear(told))
        elif what == "acknowledge" and f"run1-{rest[0]}" in ledger.scene.alarms:
            frames = ledger.frames(ledger.scene.acknowledge(f"run1-{rest[0]}", rest[1], serial))
        elif what == "sensor":
            frames = ledger.frames(ledger.scene.take(*page_cases.lost()))
        elif what == "beat":
            frames = [ledger.beat(0, 0.0)]
        elif what == "restart":  # another life, which knows what the first had decided
            ledger, held = Ledger(ledger.scene, ledger.epoch + 1), []
        elif what in {"drop", "repeat", "swap"}:
            harm = what
        if frames and harm:
            held, frames = {"drop": (held, []), "repeat": (held, frames * 2), "swap": (held + frames, [])}[harm]
            harm = ""
        elif frames:
            frames, held = frames + held, []
        delivered(follower, ledger, frames)
    delivered(follower, ledger, [ledger.beat(0, 0.0)])
    assert follower.hash() == json.loads(ledger.beat(0, 0.0))["hash"]
    assert (follower.epoch, follower.n) == (ledger.epoch, ledger.n)


def test_a_lost_alarm_is_noticed_by_the_beat_at_the_latest():
    ledger, follower = Ledger(Scene(PREMISES), 1), Follower()
    follower.hear(ledger.hello(VISITOR))
    ledger.frames(ledger.scene.hear(page_cases.notice(PREMISES)))
    assert follower.hear(ledger.beat(0, 0.0))
