"""One connection, without its socket: bytes in; answers, looks and counts out.

Whatever comes in, nothing is raised: what cannot be used is counted by its reason and answered with it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from sapient_msg.bsi_flex_335_v2_0.sapient_message_pb2 import SapientMessage
from sapient_msg.bsi_flex_335_v2_0.status_report_pb2 import StatusReport

from casemate.constants import NS_PER_S
from casemate.errors import DecodeError
from casemate.io.feeds.capture import Tally
from casemate.io.feeds.clock import WireClock
from casemate.io.feeds.looks import Detection, Look, Looks, Moment
from casemate.io.feeds.sapient import wire
from casemate.io.feeds.sapient.node import STATUS_S, Node
from casemate.io.feeds.sapient.plots import Sensors, Told, told_by
from casemate.model.records import Records

AWAY_M: Final = 50.0
"""How far a sensor may say it stands from where the site file has it, beside three of its own sigmas: [A], what a
hand-held GPS without corrections is wrong by at worst; beyond it bearings would be drawn from the wrong place."""
_STATUS_NS: Final = round(STATUS_S * NS_PER_S)
_NOT_SUPPORTED: Final = ("Task not supported",)


class Registered:
    """A node that registered, and how it said it was."""

    def __init__(self, told: Told, looks: Looks, holder: object) -> None:
        self.told, self.looks, self.holder = told, looks, holder
        self.system = "unspecified"  # as its last status report has it
        self.t_status_ns = 0
        self.is_misplaced = False
        self.n_detections = self.n_alerts = 0
        self.delay_ns = 0  # of the last detection: receipt less its own time
        self.t_odd_ns: int | None = None  # time of the last look that was refused for it


class Register:
    """The nodes that are registered, over all connections; the last connection that registered a node holds it.

    Parameters
    ----------
    sensors : Sensors
    tally : Tally
    clocks : sequence of WireClock
        By `sensor_id`; they outlive a registration.
    """

    def __init__(self, sensors: Sensors, tally: Tally, clocks: Sequence[WireClock]) -> None:
        self.sensors, self.tally, self.clocks = sensors, tally, clocks
        self.nodes: dict[str, Registered] = {}  # of the site file's own nodes only: a stranger takes no memory

    def held_by(self, holder: object, node_id: str) -> Registered:
        """Return a node that a connection registered.

        Raises
        ------
        DecodeError
            It did not, or another one did since.
        """
        node = self.nodes.get(node_id)
        if node is None:
            raise DecodeError(0, "node", "a report before a registration")
        if node.holder is not holder:
            raise DecodeError(0, "node", "a node that another connection registered since")
        return node

    def release(self, holder: object) -> list[Look]:
        """Forget the nodes of a connection that ended; return what they had still in hand."""
        mine = [node_id for node_id, node in self.nodes.items() if node.holder is holder]
        return [look for node_id in mine for look in self.nodes.pop(node_id).looks.close()]


class Taken(NamedTuple):
    """What came of some bytes: what to send back, and the looks that ended."""

    answer: bytes
    looks: list[Look]
    is_over: bool  # the connection is of no use any more


class Session:
    """The protocol of one connection.

    Parameters
    ----------
    node : Node
        Ours.
    register : Register
    is_client : bool
        Whether we connected, to a middleware or a parent: then we register there.
    """

    def __init__(self, node: Node, register: Register, *, is_client: bool) -> None:
        self._node, self._register, self._is_client = node, register, is_client
        self._framing = wire.Framing()
        self._answers: list[SapientMessage] = []
        self._looks: list[Look] = []
        self._is_over = False
        self._t_status_ns: int | None = None  # monotonic, of our last status report; None: we are not registered here
        self._takers: dict[str, Callable[[SapientMessage, Moment], None]] = {
            "registration": self._registration,
            "registration_ack": self._registration_ack,
            "status_report": self._status_report,
            "detection_report": self._detection_report,
            "task": self._task,
            "alert": self._alert,
            "error": self._error,
        }

    def hello(self, now: Moment) -> bytes:
        """Return what to send first."""
        return wire.frame(self._node.registration(now.t_ns)) if self._is_client else b""

    def beat(self, now: Moment) -> bytes:
        """Return our status report if it is due."""
        if self._t_status_ns is None or now.monotonic_ns - self._t_status_ns < _STATUS_NS:
            return b""
        self._t_status_ns = now.monotonic_ns
        return wire.frame(self._node.status(now.t_ns))

    def goodbye(self, now: Moment) -> bytes:
        """Return what to send last."""
        return b"" if self._t_status_ns is None else wire.frame(self._node.status(now.t_ns, is_leaving=True))

    def take(self, data: bytes, now: Moment) -> Taken:
        """Take what the connection delivered, in pieces as it comes."""
        try:
            for payload in self._framing.take(data):
                self._message(payload, now)
        except DecodeError as error:
            self._refuse(error, "", data, now)
            self._is_over = True
        answer = b"".join(wire.frame(each) for each in self._answers)
        taken = Taken(answer, self._looks, self._is_over)
        self._answers, self._looks = [], []
        return taken

    def end(self) -> list[Look]:
        """Note that the connection ended; return what its nodes had still in hand."""
        if self._framing.n_held:
            self._register.tally.note("frame: cut by the end of the connection", self._framing.offset)
        return self._register.release(self)

    def _message(self, payload: bytes, now: Moment) -> None:
        sender = ""
        try:
            message = wire.parse(payload)
            sender = message.node_id
            wire.check(message)
            self._takers.get(wire.kind_of(message), _unasked)(message, now)
        except DecodeError as error:
            self._refuse(error, sender, payload, now)

    def _refuse(self, error: DecodeError, to: str, packet: bytes, now: Moment) -> None:
        why = f"{error.category}: {error.why}"
        self._register.tally.note(why, self._framing.offset)
        if error.category != "error":  # two that answered each other's errors would not stop
            self._answers.append(self._node.error(now.t_ns, to if wire.is_node_id(to) else "", packet, why))

    def _registration(self, message: SapientMessage, now: Moment) -> None:
        node_id, sensors = message.node_id, self._register.sensors
        try:
            told, sensor_id = told_by(message.registration), sensors.id_of(node_id)
        except DecodeError as error:
            self._register.tally.note(f"{error.category}: {error.why}", self._framing.offset)
            self._answers.append(self._node.registration_ack(now.t_ns, node_id, error.why))
            return
        before = self._register.nodes.get(node_id)
        if before is not None:
            self._looks += before.looks.close()
        looks = Looks(sensor_id, sensors.models[sensor_id], is_scanning=told.is_scanning)
        self._register.nodes[node_id] = Registered(told, looks, self)
        self._answers.append(self._node.registration_ack(now.t_ns, node_id, ""))

    def _registration_ack(self, message: SapientMessage, now: Moment) -> None:
        if not self._is_client:
            _unasked(message, now)
        if not message.registration_ack.acceptance:
            self._register.tally.note("registration_ack: our registration was refused", self._framing.offset)
            self._is_over = True
            return
        self._t_status_ns = now.monotonic_ns
        self._answers.append(self._node.status(now.t_ns))

    def _status_report(self, message: SapientMessage, now: Moment) -> None:
        node, report = self._register.held_by(self, message.node_id), message.status_report
        node.system = StatusReport.System.Name(report.system).removeprefix("SYSTEM_").lower()
        node.t_status_ns = now.t_ns
        if report.system in {StatusReport.SYSTEM_WARNING, StatusReport.SYSTEM_ERROR}:  # the feed's health shows it
            self._register.tally.note(f"status_report: the sensor reports {node.system}", self._framing.offset)
        if report.system == StatusReport.SYSTEM_GOODBYE:
            self._looks += self._register.nodes.pop(message.node_id).looks.close()
        elif report.HasField("node_location"):
            away_m, sigma_m = self._register.sensors.away_m(message.node_id, report.node_location, node.told.zone)
            node.is_misplaced = away_m > AWAY_M + 3.0 * sigma_m

    def _detection_report(self, message: SapientMessage, now: Moment) -> None:
        node = self._register.held_by(self, message.node_id)
        if node.is_misplaced and message.detection_report.HasField("range_bearing"):
            raise DecodeError(0, "detection_report", "a bearing of a sensor that says it stands elsewhere")
        row = self._register.sensors.plot_of(message, node.told)
        node.delay_ns = now.t_ns - int(row["t_ns"][0])
        row["t_ns"] += self._shift_ns(node, row, now)
        node.n_detections += 1
        self._looks += node.looks.add(Detection(row, message.detection_report.object_id, now))

    def _shift_ns(self, node: Registered, row: Records, now: Moment) -> int:
        # Of a look with a wrong time the first detection speaks for all: together they would agree with themselves.
        t_ns, clock = int(row["t_ns"][0]), self._register.clocks[int(row["sensor_id"][0])]
        if t_ns == node.t_odd_ns or not clock.take(t_ns, now.t_ns):
            node.t_odd_ns = t_ns
            side = "behind" if t_ns + clock.shift_ns < now.t_ns else "ahead of"
            raise DecodeError(0, "detection_report", f"a time too far {side} its receipt")
        return clock.shift_ns

    def _task(self, message: SapientMessage, now: Moment) -> None:
        if message.destination_id not in {"", self._node.id}:
            raise DecodeError(0, "task", "for another node")
        task, asker = message.task, message.node_id
        request = task.command.request.strip().lower() if task.command.HasField("request") else ""
        tell = {"registration": self._node.registration, "status": self._node.status}.get(request)
        why_not = () if tell and task.control == task.CONTROL_START else _NOT_SUPPORTED
        self._answers.append(self._node.task_ack(now.t_ns, asker, task.task_id, why_not))
        if tell and not why_not:
            self._answers.append(tell(now.t_ns))

    def _alert(self, message: SapientMessage, now: Moment) -> None:
        node = self._register.held_by(self, message.node_id)
        node.n_alerts += 1
        self._answers.append(self._node.alert_ack(now.t_ns, message.node_id, message.alert.alert_id))

    def _error(self, message: SapientMessage, now: Moment) -> None:  # noqa: ARG002 the shape of a taker
        self._register.tally.note("error: the other side refused a message of ours", self._framing.offset)


def _unasked(message: SapientMessage, now: Moment) -> None:  # noqa: ARG001 the shape of a taker
    raise DecodeError(0, wire.kind_of(message), "an answer to nothing that was sent")


def due(register: Register, now: Moment) -> Iterator[Look]:
    """Yield the looks that are over by now because nothing more came."""
    for node in register.nodes.values():
        due_ns = node.looks.due_ns()
        if due_ns is not None and due_ns <= now.monotonic_ns:
            yield from node.looks.close()
