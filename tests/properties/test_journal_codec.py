"""The journal's codec: decode(encode(x)) == x for every message, and the same bytes for the same message."""

import contextlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.io.journal import decode, encode
from casemate.model.messages import (
    Aside,
    Cause,
    Events,
    Scan,
    Threat,
    Tick,
    WarningLevel,
    WarningPhase,
    ZoneWarning,
    ZoneWatch,
)
from casemate.model.records import FATE, IMPACT, LABEL, PLOT, TRACK, TRACK_CLASS

OTHER = np.dtype([("id", "<u4"), ("pos_m", "<f8", (3,)), ("word", "<U5"), ("alive", "?")])
T_NS = st.integers(-(2**63), 2**63 - 1)
F8 = st.floats(allow_nan=True, allow_infinity=True)
ID = st.integers(0, 2**32 - 1)


@st.composite
def arrays(draw, dtype):
    """Rows of random bytes: NaN, infinities and denormals included; words must be text that numpy can read."""
    n = draw(st.integers(0, 4))
    rows = np.frombuffer(draw(st.binary(min_size=n * dtype.itemsize, max_size=n * dtype.itemsize)), dtype).copy()
    for name in dtype.names:
        if dtype[name].kind == "U":
            rows[name] = draw(st.text(st.characters(exclude_categories=("Cs",)), max_size=5))
        if dtype[name].kind == "b":
            rows[name] = draw(st.booleans())
    return rows


def message(struct, /, **fields):
    return st.builds(struct, **fields)


SCAN = message(
    Scan,
    sensor_id=st.integers(0, 65535),
    t_start_ns=T_NS,
    t_end_ns=T_NS,
    t_recv_ns=T_NS,
    az_from_rad=F8,
    az_to_rad=F8,
    plots=arrays(PLOT),
)
TICK = message(Tick, t_ns=T_NS)
ASIDE = message(Aside, t_ns=T_NS, kind=st.sampled_from(["label", "truth"]), rows=arrays(LABEL) | arrays(OTHER))
THREAT = message(
    Threat,
    threat_id=ID,
    track_id=ID,
    asset_id=ID,
    t_ns=T_NS,
    t_impact_ns=T_NS,
    p_hit=F8,
    round_class=st.text(max_size=9),
    rank=ID,
    reason=st.text(max_size=9),
)
CAUSE = st.builds(
    Cause,
    track_id=ID,
    round_class=st.text(max_size=9),
    t_impact_ns=T_NS,
    sigma_t_s=F8,
    p_hit=F8,
    p_round=F8,
    n_hit=ID,
    point_m=st.tuples(F8, F8),
    cov_m2=st.tuples(st.tuples(F8, F8), st.tuples(F8, F8)),
)
WARNING = message(
    ZoneWarning,
    warning_id=ID,
    zone_id=ID,
    level=st.sampled_from(WarningLevel),
    t_issued_ns=T_NS,
    t_impact_ns=T_NS,
    p_impact=F8,
    threat_ids=st.lists(ID, max_size=3).map(tuple),
    track_ids=st.lists(ID, max_size=3).map(tuple),
    supersedes=ID,
    is_useful=st.booleans(),
    reason=st.text(max_size=9),
    phase=st.sampled_from(WarningPhase),
    incident_id=ID,
    causes=st.lists(CAUSE, max_size=2).map(tuple),
    lead_s=F8,
    benefit=F8,
    cost=F8,
    would_change=st.text(max_size=9),
)
WATCH = message(
    ZoneWatch,
    zone_id=ID,
    t_ns=T_NS,
    sensor_ids=st.lists(ID, max_size=3).map(tuple),
    share=F8,
    is_watched=st.booleans(),
    reason=st.text(max_size=9),
)
EVENTS = message(
    Events,
    t_ns=T_NS,
    tracks=arrays(TRACK),
    classes=arrays(TRACK_CLASS),
    impacts=arrays(IMPACT),
    fates=arrays(FATE),
    threats=st.lists(THREAT, max_size=2).map(tuple),
    warnings=st.lists(WARNING, max_size=2).map(tuple),
    zones=st.lists(WATCH, max_size=2).map(tuple),
    diagnostics=st.dictionaries(st.text(max_size=5), st.integers(0, 2**60), max_size=4),
)


def same(a, b) -> bool:
    """Say whether two values are equal, NaN equal to itself bit by bit."""
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if hasattr(a, "__struct_fields__"):
        return type(a) is type(b) and all(same(getattr(a, name), getattr(b, name)) for name in a.__struct_fields__)
    return a == b or (a != a and b != b)  # noqa: PLR0124 how NaN is told


@settings(max_examples=300, deadline=None)
@given(SCAN | TICK | ASIDE | EVENTS)
def test_what_was_encoded_decodes_to_the_same(sent):
    payload = encode(sent)
    got = decode(payload)
    assert same(sent, got)
    assert encode(got) == payload
    assert not any(value.flags.writeable for value in _fields(got) if isinstance(value, np.ndarray))


@settings(max_examples=500, deadline=None)
@given(SCAN | TICK | ASIDE, st.data())
def test_damaged_bytes_are_an_error_and_nothing_else(sent, data):
    payload = bytearray(encode(sent))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(payload)))
    with contextlib.suppress(ValueError):
        decode(bytes(payload[:cut]))


def _fields(got):
    return [getattr(got, name) for name in got.__struct_fields__]
