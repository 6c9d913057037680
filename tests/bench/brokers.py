"""A mosquitto of our own on loopback, with an authority, certificates and an ACL made for the occasion."""

import datetime as dt
import ipaddress
import pathlib
import shutil
import socket
import subprocess
import time

import pytest

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
WHY_NOT = "mosquitto is not installed (Debian: apt-get install mosquitto mosquitto-clients)"
needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason=WHY_NOT)
OPEN = "listener {port} 127.0.0.1\nallow_anonymous true\n"
TLS = """listener {port} 127.0.0.1
cafile {folder}/ca.pem
certfile {folder}/broker.pem
keyfile {folder}/broker.key
require_certificate true
use_identity_as_username true
acl_file {folder}/acl
"""
COMMON = """set_tcp_nodelay true
max_queued_messages 100000
max_inflight_messages {window}
persistence false
user root
"""
ACL = """user station
topic readwrite casemate/camp/#
topic readwrite drill/camp/#
pattern read casemate/+/zone/+/alarm
pattern read casemate/+/status
pattern write casemate/+/ack/%u
"""


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Broker:
    """A mosquitto; `start` and `kill` as often as one likes."""

    def __init__(self, folder, text=OPEN, window=1000):
        self.folder, self.port, self._process = pathlib.Path(folder), free_port(), None
        self._file = self.folder / "mosquitto.conf"
        self._file.write_text((text + COMMON).format(port=self.port, folder=folder, window=window), "utf-8")

    def start(self):
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen([MOSQUITTO, "-c", self._file], stdout=log, stderr=log)
        end = time.monotonic() + 10.0
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1.0).close()
            except OSError:
                assert time.monotonic() < end, (self.folder / "mosquitto.log").read_text()
                time.sleep(0.02)
            else:
                return

    def send_signal(self, which):
        self._process.send_signal(which)

    def kill(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()


class Authority:
    """Signs certificates of brokers and clients, valid for a day."""

    def __init__(self, folder, name="ca"):
        self._folder, self._name = folder, name
        self._key, self._subject = _new_key(), _named(name)
        self._write(name, self._certify(self._subject, self._key.public_key(), is_authority=True), self._key)

    def issue(self, name, file=None):
        key = _new_key()
        self._write(file or name, self._certify(_named(name), key.public_key()), key)

    def _certify(self, subject, public_key, *, is_authority=False):
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes

        now = dt.datetime.now(dt.UTC)
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        return (
            x509.CertificateBuilder(self._subject, subject, public_key, x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _write(self, name, certificate, key):
        from cryptography.hazmat.primitives import serialization as form

        (self._folder / f"{name}.pem").write_bytes(certificate.public_bytes(form.Encoding.PEM))
        secret = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
        (self._folder / f"{name}.key").write_bytes(secret)


def _new_key():
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _named(name):
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)])


def guarded(folder):
    """Return a broker that knows its clients by certificate: station, north, south."""
    authority = Authority(folder)
    authority.issue("127.0.0.1", "broker")
    for name in ("station", "north", "south"):
        authority.issue(name)
    (folder / "acl").write_text(ACL, "utf-8")
    return Broker(folder, TLS)
