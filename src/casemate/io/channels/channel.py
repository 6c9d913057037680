"""What every channel is, by shape, and what it hears back.

A channel knows its protocol and nothing of queues, retries, arming or the audit log: the courier in front of it does.
Which notices it takes is its type: a live channel is a `Channel[LiveNotice, LivePicture, LiveHeartbeat]`, and nothing
of a drill fits in.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

from casemate.model.notices import AnyHeartbeat, AnyNotice, AnyPicture

N_contra = TypeVar("N_contra", bound=AnyNotice, contravariant=True)
P_contra = TypeVar("P_contra", bound=AnyPicture, contravariant=True)
H_contra = TypeVar("H_contra", bound=AnyHeartbeat, contravariant=True)


class Reply(NamedTuple):
    """What came back from the other side: a siren's acknowledgement, an operator's, a refusal."""

    channel: str
    kind: str  # "acknowledged", "refused"
    notice_id: str  # that it answers
    who: str
    t_ns: int  # of the station's clock, at receipt
    why: str = ""


OnReply = Callable[[Reply], None]


class Channel(Protocol[N_contra, P_contra, H_contra]):
    """A way out; used by one thread, its courier's.

    A channel may have `send_all` too, which takes many notices in order, as `send` takes one, and raises nothing final;
    and `introduce`, which is told before anything else whose station it is and how often that says that it lives.
    """

    name: str

    def open(self) -> None:
        """Connect, or raise `ChannelError`."""
        ...

    def send(self, notice: N_contra) -> None:
        """Return when the other side has it (its broker, its disk), or raise `ChannelError`."""
        ...

    def show(self, picture: P_contra) -> None:
        """Show the newest picture where the channel has maps; do nothing where it has none."""
        ...

    def beat(self, heartbeat: H_contra) -> None:
        """Say that the station lives and what it sees."""
        ...

    def close(self) -> None:
        """Take leave; safe to call twice and after a failure."""
        ...
