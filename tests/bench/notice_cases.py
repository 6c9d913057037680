"""Notices for tests of channels: by hand, and any whatsoever."""

import datetime as dt
import ipaddress
import math

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import strategies as st

from casemate.constants import NS_PER_S
from casemate.model.messages import WarningPhase
from casemate.model.notices import ExerciseNotice, ImpactArea, LiveNotice, Reference, RehearsalNotice

T0_NS = 1_790_000_000 * NS_PER_S
KINDS = (LiveNotice, ExerciseNotice, RehearsalNotice)
ZONE = ((33.30, 44.38), (33.31, 44.38), (33.31, 44.40), (33.30, 44.40))


def ellipse(lat_deg, lon_deg, major_m, minor_m, turn_rad, n=36):
    """Return a small ellipse about a point as a ring, and its area on the sphere that it is drawn on."""
    m_per_deg = math.radians(1.0) * 6_371_008.8
    ring = []
    for i in range(n):
        x, y = (
            major_m * math.cos(2.0 * math.pi * i / n),
            minor_m * math.sin(2.0 * math.pi * i / n),
        )
        e_m, n_m = x * math.cos(turn_rad) - y * math.sin(turn_rad), x * math.sin(turn_rad) + y * math.cos(turn_rad)
        ring.append((lat_deg + n_m / m_per_deg, lon_deg + e_m / (m_per_deg * math.cos(math.radians(lat_deg)))))
    return tuple(ring)


def area(track_id=7, lat_deg=33.305, lon_deg=44.39, major_m=300.0, minor_m=120.0, **changes):
    made = ImpactArea(
        track_id=track_id,
        round_class="r107",
        t_impact_ns=T0_NS + 20 * NS_PER_S,
        p_zone=0.4,
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        height_m=34.0,
        ring_deg=ellipse(lat_deg, lon_deg, major_m, minor_m, 0.6),
        cov_m2=(9e4, 2e4, 4e4),
    )
    return made._replace(**changes)


def notice(kind=RehearsalNotice, n=1, **changes):
    values = {
        "station": "Site Alpha",
        "notice_id": f"run-{n}",
        "incident": "run-1",
        "n": n,
        "phase": WarningPhase.WARN,
        "zone": "Alpha North",
        "zone_list": "0123456789abcdef",
        "ring_deg": ZONE,
        "areas": (area(),),
        "t_sent_ns": T0_NS + n * NS_PER_S,
        "t_impact_ns": T0_NS + 20 * NS_PER_S,
        "t_expires_ns": T0_NS + 140 * NS_PER_S,
        "shelter_s": 10.0,
        "p_impact": 0.42,
        "is_useful": True,
        "reason": "track 7 comes down here in 20 s",
        "references": tuple(Reference(f"run-{i}", T0_NS + i * NS_PER_S) for i in range(1, n)),
    }
    return kind(**{**values, **changes})


def incident(kind=RehearsalNotice):
    """Return one incident from its first warning to its end."""
    phases = (WarningPhase.WARN, WarningPhase.UPDATE, WarningPhase.IMPACT, WarningPhase.STAY, WarningPhase.CLEAR)
    over = {"areas": (), "p_impact": 0.0}
    return [
        notice(kind, i + 1, phase=phase, **(over if phase is WarningPhase.CLEAR else {}))
        for i, phase in enumerate(phases)
    ]


hostile = st.one_of(
    st.text(st.characters(), max_size=60),
    st.sampled_from(
        [
            "]]></x><alert/>",
            "&lol;<!DOCTYPE a [<!ENTITY x 'y'>]>",
            "a" * 10_000,
            "\u202eevil\u202c",
            "\x00\x0b\x1f\ufffe\ud800",
            "../../etc/passwd",
            "a,b c&d<e",
            "\r\n\r\nHTTP/1.1 200",
            "שלום عالم",
            "",
            ".",
            "..",
            "${zone} $zone {0.__class__}",
        ]
    ),
)
t_ns = st.one_of(st.integers(T0_NS, T0_NS + 10**12), st.integers(-(2**63), 2**63 - 1))
rings = st.one_of(
    st.just(ZONE),
    st.lists(
        st.tuples(st.floats(-90.0, 90.0), st.floats(-180.0, 180.0)) | st.tuples(st.floats(), st.floats()), max_size=8
    ).map(tuple),
)
areas = st.builds(
    ImpactArea,
    track_id=st.integers(0, 2**32 - 1),
    round_class=hostile,
    t_impact_ns=t_ns,
    p_zone=st.floats(),
    lat_deg=st.floats(-90.0, 90.0) | st.floats(),
    lon_deg=st.floats(-180.0, 180.0) | st.floats(),
    height_m=st.floats(),
    ring_deg=rings,
    cov_m2=st.tuples(st.floats(), st.floats(), st.floats()),
)
any_notice = st.one_of(
    st.builds(
        kind,
        station=hostile,
        notice_id=hostile,
        incident=hostile,
        n=st.integers(1, 10**6),
        phase=st.sampled_from(WarningPhase),
        zone=hostile,
        zone_list=hostile,
        ring_deg=rings,
        areas=st.lists(areas, max_size=3).map(tuple),
        t_sent_ns=t_ns,
        t_impact_ns=t_ns,
        t_expires_ns=t_ns,
        shelter_s=st.floats(),
        p_impact=st.floats(),
        is_useful=st.booleans(),
        reason=hostile,
        references=st.lists(st.builds(Reference, hostile, t_ns), max_size=4).map(tuple),
    )
    for kind in KINDS
)


def server_pair(folder, name):
    """Write the key and certificate of a server at 127.0.0.1, which is its own authority."""
    return key_pair(folder, name, address="127.0.0.1")


def key_pair(folder, name="station", *, key=None, days=(-1, 30), address=None):
    """Write a key on P-256 and a certificate that it signed itself; return their paths."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(days=days[0]))
        .not_valid_after(now + dt.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if address is not None:
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        builder = builder.add_extension(names, critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    paths = folder / f"{name}-key.pem", folder / f"{name}.pem"
    paths[0].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    paths[1].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return paths


def changed(made, **changes):
    return msgspec.structs.replace(made, **changes)
