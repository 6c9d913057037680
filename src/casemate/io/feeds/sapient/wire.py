"""The wire of SAPIENT (BSI Flex 335 v2.0): frames out of bytes, messages out of frames, and back.

A frame is its length (four bytes, the least first) and one protobuf message. What the standard demands of a
message stands as options in the definitions themselves; it is read from there, so it cannot drift from them.
"""

import functools
import re
import secrets
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.message import DecodeError as ProtobufError
from google.protobuf.message import Message
from sapient_msg import proto_options_pb2 as options
from sapient_msg.bsi_flex_335_v2_0.sapient_message_pb2 import SapientMessage

from casemate.constants import NS_PER_S
from casemate.errors import DecodeError

MAX_BYTES: Final = 1_048_576
"""Largest frame believed [byte], the limit that dstl's Apex middleware ships with; beyond it the length is damage."""
LENGTH_BYTES: Final = 4

_UUID4: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_BASE32: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's, of the ULID specification
_MS_NS: Final = NS_PER_S // 1000


class Framing:
    """Cuts what a stream delivers into the payloads of frames; holds at most one frame that is not whole."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._n_cut = 0

    @property
    def offset(self) -> int:
        """Where in the stream the next frame begins [byte]."""
        return self._n_cut

    @property
    def n_held(self) -> int:
        """Bytes of a frame that is not whole yet."""
        return len(self._held)

    def take(self, data: bytes) -> Iterator[bytes]:
        """Take what came and yield every payload that is whole now.

        Raises
        ------
        DecodeError
            A frame says that it is longer than `MAX_BYTES`: where the next one begins cannot be known any more.
        """
        self._held += data
        while len(self._held) >= LENGTH_BYTES:
            n_bytes = int.from_bytes(self._held[:LENGTH_BYTES], "little")
            if n_bytes > MAX_BYTES:
                self._held.clear()
                raise DecodeError(self._n_cut, "frame", f"longer than {MAX_BYTES} bytes")
            end = LENGTH_BYTES + n_bytes
            if len(self._held) < end:
                return
            payload = bytes(self._held[LENGTH_BYTES:end])
            del self._held[:end]
            self._n_cut += end
            yield payload


def frame(message: SapientMessage) -> bytes:
    """Return a message as a frame."""
    payload = message.SerializeToString()
    return len(payload).to_bytes(LENGTH_BYTES, "little") + payload


def read(payload: bytes, offset: int = 0) -> SapientMessage:
    """Read the payload of a frame into a message that holds all that the standard demands.

    Raises
    ------
    DecodeError
        As `parse` and `check` do.
    """
    message = parse(payload, offset)
    check(message, offset)
    return message


def parse(payload: bytes, offset: int = 0) -> SapientMessage:
    """Read the payload of a frame; a DecodeError where it is not protobuf."""
    try:
        return SapientMessage.FromString(payload)
    except ProtobufError:
        raise DecodeError(offset, "message", "not a protobuf message") from None


def check(message: SapientMessage, offset: int = 0) -> None:
    """Raise a DecodeError for a message that lacks something mandatory or holds an id, enumerator or time not allowed.

    The reason names the field, never what the sender wrote into it, so that reasons can be counted.
    """
    why = fault_of(message)
    if why:
        raise DecodeError(offset, kind_of(message), why)
    time_of(message)


def kind_of(message: SapientMessage) -> str:
    """Return the name of a message's content ("detection_report"), "message" where it has none."""
    return message.WhichOneof("content") or "message"


class _Rules(NamedTuple):
    # What the options of one kind of message demand, by field.
    needed: tuple[FieldDescriptor, ...]
    needed_oneofs: tuple[str, ...]
    formed: tuple[tuple[FieldDescriptor, re.Pattern[str]], ...]
    enums: tuple[tuple[FieldDescriptor, frozenset[int]], ...]
    nested: tuple[FieldDescriptor, ...]


@functools.cache
def _rules_of(kind: Descriptor) -> _Rules:
    marks = {field.name: _mark(field, options.field_options) for field in kind.fields}
    forms = {field: _UUID4 if marks[field.name].is_uuid else _ULID for field in kind.fields}
    return _Rules(
        needed=tuple(field for field in kind.fields if marks[field.name].is_mandatory),
        needed_oneofs=tuple(each.name for each in kind.oneofs if _mark(each, options.oneof_options).is_mandatory),
        formed=tuple(
            (field, form) for field, form in forms.items() if marks[field.name].is_uuid or marks[field.name].is_ulid
        ),
        enums=tuple((f, frozenset(f.enum_type.values_by_number)) for f in kind.fields if f.enum_type is not None),
        nested=tuple(
            field
            for field in kind.fields
            if field.message_type is not None and field.message_type.full_name.startswith("sapient_msg.")
        ),
    )


def _mark(described: FieldDescriptor | OneofDescriptor, option: Any) -> options.ValidationOptions:  # noqa: ANN401
    # the stubs of options know extensions of messages only
    extensions: Any = described.GetOptions().Extensions
    return extensions[option]


def fault_of(message: Message) -> str:
    """Return what the standard forbids about a message, or that it lacks, in a few words; empty where all is well."""
    rules = _rules_of(message.DESCRIPTOR)
    why = _lack_of(message, rules) or _misfit_of(message, rules)
    if why:
        return f"{message.DESCRIPTOR.name}: {why}"
    inside = (fault_of(each) for field in rules.nested for each in _values(message, field))
    return next((why for why in inside if why), "")


def _lack_of(message: Message, rules: _Rules) -> str:
    for field in rules.needed:
        if not _is_there(message, field):
            return f"no {field.name}"
    for name in rules.needed_oneofs:
        if message.WhichOneof(name) is None:
            return f"no {name.removesuffix('_oneof')}"
    return ""


def _misfit_of(message: Message, rules: _Rules) -> str:
    for field, form in rules.formed:
        if any(not form.fullmatch(each) for each in _values(message, field)):
            return f"{field.name} is no {'ULID' if form is _ULID else 'UUID of version 4'}"
    for field, numbers in rules.enums:
        if any(each not in numbers for each in _values(message, field)):
            return f"{field.name} is not of the standard"
    return ""


def _is_there(message: Message, field: FieldDescriptor) -> bool:
    if field.has_presence:
        return message.HasField(field.name) and getattr(message, field.name) != ""
    return bool(getattr(message, field.name))


def _values(message: Message, field: FieldDescriptor) -> tuple[Any, ...]:
    if field.is_repeated:
        return tuple(getattr(message, field.name))
    if field.has_presence and not message.HasField(field.name):
        return ()
    return (getattr(message, field.name),)


def is_node_id(text: str) -> bool:
    """Tell whether a text is a node's id: a UUID of version 4, in lower case."""
    return _UUID4.fullmatch(text) is not None


def time_of(message: SapientMessage) -> int:
    """Return when a message says that it was sent, a detection that it was made [ns since 1970, UTC].

    Raises
    ------
    DecodeError
        The time cannot be: before 1970, after 2116, or with a fraction beyond a second.
    """
    seconds, nanos = message.timestamp.seconds, message.timestamp.nanos
    if not (0 <= seconds < 2**62 // NS_PER_S and 0 <= nanos < NS_PER_S):
        raise DecodeError(0, kind_of(message), "a time that cannot be")
    return seconds * NS_PER_S + nanos


def stamped(t_ns: int, node_id: str, destination_id: str = "") -> SapientMessage:
    """Begin a message: when, from whom, and to whom where it is to one node."""
    message = SapientMessage(node_id=node_id)
    message.timestamp.FromNanoseconds(t_ns)
    if destination_id:
        message.destination_id = destination_id
    return message


def new_ulid(t_ns: int) -> str:
    """Make an id that sorts by time: 48 bits of milliseconds, 80 bits that nobody can guess (github.com/ulid/spec)."""
    return ulid_of(t_ns, secrets.token_bytes(10))


def ulid_of(t_ns: int, rest: bytes) -> str:
    """Make an id of a time and of the first 80 bits of `rest`."""
    number = (t_ns // _MS_NS % (1 << 48)) << 80 | int.from_bytes(rest[:10])
    return "".join(_BASE32[number >> 5 * place & 31] for place in reversed(range(26)))
