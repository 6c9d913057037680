"""Our node: who we are on a SAPIENT network, and what we say there.

A fusion node that takes no task of steering or moving anything: it registers, says that it is well, and answers.
"""

import hashlib
import uuid
from collections.abc import Sequence
from typing import Final

from sapient_msg.bsi_flex_335_v2_0 import location_pb2 as places
from sapient_msg.bsi_flex_335_v2_0.alert_ack_pb2 import AlertAck
from sapient_msg.bsi_flex_335_v2_0.registration_pb2 import Registration
from sapient_msg.bsi_flex_335_v2_0.sapient_message_pb2 import SapientMessage
from sapient_msg.bsi_flex_335_v2_0.status_report_pb2 import StatusReport
from sapient_msg.bsi_flex_335_v2_0.task_ack_pb2 import TaskAck

from casemate import __version__
from casemate.io.feeds.sapient.plots import ICD
from casemate.io.feeds.sapient.wire import new_ulid, stamped

STATUS_S: Final = 5.0
"""Between two status reports [s], as our registration says; [A], the value of dstl's sample registration."""
ECHO_BYTES: Final = 4096
"""Most of a refused message that goes back with the reason [byte]: no answer is much longer than its question."""
_MODE: Final = "Default"


def node_id_of(site_name: str) -> str:
    """Return the id under which a site's station registers: the same after every restart, of the form of version 4."""
    digest = hashlib.sha256(f"casemate station {site_name}".encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


class Node:
    """What our node says; every method returns a message ready to be framed.

    Parameters
    ----------
    node_id : str
        UUID of version 4.
    site_name : str
        Shown to operators of the network.
    """

    def __init__(self, node_id: str, site_name: str) -> None:
        self.id, self._name = node_id, site_name
        self._last_system: int | None = None

    def registration(self, t_ns: int) -> SapientMessage:
        """Say who we are and what we can do."""
        self._last_system = None
        message = stamped(t_ns, self.id)
        said = message.registration
        said.icd_version, said.name, said.short_name = ICD, f"Casemate {self._name}", "Casemate"
        said.node_definition.add(node_type=Registration.NODE_TYPE_FUSION_NODE)
        said.capabilities.add(category="Fusion", type="Tracks and impacts of rockets, artillery and mortars")
        interval = said.status_definition.status_interval
        interval.units, interval.value = Registration.TIME_UNITS_SECONDS, STATUS_S
        mode = said.mode_definition.add(mode_name=_MODE, mode_type=Registration.MODE_TYPE_DEFAULT)
        mode.settle_time.units, mode.settle_time.value = Registration.TIME_UNITS_SECONDS, 0.0
        region = mode.task.region_definition  # the standard wants one; no command stands beside it, so none is taken
        region.region_type.append(Registration.REGION_TYPE_AREA_OF_INTEREST)
        region.region_area.add(
            location_units=places.LOCATION_COORDINATE_SYSTEM_LAT_LNG_DEG_M, location_datum=places.LOCATION_DATUM_WGS84_E
        )
        said.config_data.add(manufacturer="Casemate", model="Casemate", software_version=__version__)
        return message

    def status(self, t_ns: int, *, is_leaving: bool = False) -> SapientMessage:
        """Say how we are; new information the first time after a registration and when it changes."""
        system = StatusReport.SYSTEM_GOODBYE if is_leaving else StatusReport.SYSTEM_OK
        message = stamped(t_ns, self.id)
        message.status_report.report_id = new_ulid(t_ns)
        message.status_report.system, message.status_report.mode = system, _MODE
        is_new = system != self._last_system
        message.status_report.info = StatusReport.INFO_NEW if is_new else StatusReport.INFO_UNCHANGED
        self._last_system = system
        return message

    def registration_ack(self, t_ns: int, to: str, why_not: str) -> SapientMessage:
        """Accept a node that registered, or say why not (empty: accepted)."""
        message = stamped(t_ns, self.id, to)
        message.registration_ack.acceptance = not why_not
        message.registration_ack.ack_response_reason.append(why_not or "Accepted")
        return message

    def alert_ack(self, t_ns: int, to: str, alert_id: str) -> SapientMessage:
        """Say that an alert came."""
        message = stamped(t_ns, self.id, to)
        message.alert_ack.alert_id, message.alert_ack.alert_ack_status = alert_id, AlertAck.ALERT_ACK_STATUS_ACCEPTED
        return message

    def task_ack(self, t_ns: int, to: str, task_id: str, why_not: Sequence[str]) -> SapientMessage:
        """Accept a task, or say why not (empty: accepted)."""
        message = stamped(t_ns, self.id, to)
        status = TaskAck.TASK_STATUS_REJECTED if why_not else TaskAck.TASK_STATUS_ACCEPTED
        message.task_ack.task_id, message.task_ack.task_status = task_id, status
        message.task_ack.reason.extend(why_not)
        return message

    def error(self, t_ns: int, to: str, packet: bytes, why: str) -> SapientMessage:
        """Say why a message was refused, with its beginning."""
        message = stamped(t_ns, self.id, to)
        message.error.packet = packet[:ECHO_BYTES] or b"\0"
        message.error.error_message.append(why)
        return message
