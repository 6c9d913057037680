"""A nats-server of our own on loopback, with JetStream in a folder; `start` and `kill` as often as one likes."""

import asyncio
import base64
import hashlib
import json
import pathlib
import secrets
import shutil
import socket
import subprocess
import time

import nats
import nkeys
import pytest
from brokers import Authority, free_port
from nats.js import JetStreamContext

from casemate.io.channels import nats_words as words

NATS_SERVER = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")
needs_nats_server = pytest.mark.skipif(
    NATS_SERVER is None, reason="nats-server is not installed (Debian: apt-get install nats-server)"
)
COMMON = """
listen: "127.0.0.1:{port}"
jetstream {{ store_dir: "{folder}/kept", max_memory_store: 16MB, max_file_store: 256MB }}
"""
TLS = """
tls {{
  cert_file: "{folder}/broker.pem", key_file: "{folder}/broker.key", ca_file: "{folder}/ca.pem"
  verify_and_map: true
}}
authorization {{ users: [
  {{ user: "CN=hill", permissions: {{
    publish: ["casemate.live.hill.>", "$JS.API.STREAM.INFO.>", "$JS.API.STREAM.CREATE.>"], subscribe: ["_INBOX.>"]
  }} }}
  {{ user: "CN=centre", permissions: {{
    publish: ["$JS.API.STREAM.INFO.>", "$JS.API.STREAM.CREATE.>", "$JS.API.CONSUMER.CREATE.>",
              "$JS.API.CONSUMER.INFO.>"]
    subscribe: ["_INBOX.>", "casemate.live.>"]
  }} }}
] }}
"""


class NatsServer:
    """A nats-server that keeps its messages when it is killed."""

    def __init__(self, folder, more=""):
        self.folder, self.port, self._process = pathlib.Path(folder), free_port(), None
        self._file = self.folder / "nats.conf"
        self._file.write_text((COMMON + more).format(port=self.port, folder=folder), "utf-8")

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    def start(self):
        with (self.folder / "nats.log").open("ab") as log:
            self._process = subprocess.Popen([NATS_SERVER, "-c", self._file], stdout=log, stderr=log)
        end = time.monotonic() + 10.0
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1.0).close()
            except OSError:
                assert time.monotonic() < end, (self.folder / "nats.log").read_text()
                time.sleep(0.02)
            else:
                return

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


def kept(server, subject, mark="drill"):
    """Return what the server has kept, in order: headers and what is said."""

    async def ask():
        client = await nats.connect(server.url)
        stream = JetStreamContext(client)
        found = []
        for each in words.keeping(mark):
            state = (await stream.stream_info(each.stream)).state
            for seq in range(state.first_seq, state.last_seq + 1):
                try:
                    message = await stream.get_msg(each.stream, seq)
                except nats.js.errors.NotFoundError:  # a newer one took its place
                    continue
                if message.subject.endswith(subject):
                    found.append((message.headers or {}, words.decode(message.subject, message.data)))
        await client.close()
        return found

    return asyncio.run(ask())


def guarded(folder):
    """Return a server that knows `hill`, which may speak in its own name alone, and `centre`, which may listen."""
    authority = Authority(folder)
    authority.issue("127.0.0.1", "broker")
    for name in ("hill", "centre"):
        authority.issue(name)
    return NatsServer(folder, TLS)


def by_credentials(folder):
    """Return a server that knows accounts by JWT, and the file of credentials of one user."""
    kinds = (nkeys.PREFIX_BYTE_OPERATOR, nkeys.PREFIX_BYTE_ACCOUNT, nkeys.PREFIX_BYTE_ACCOUNT, nkeys.PREFIX_BYTE_USER)
    operator, system, account, user = (_seeded(kind) for kind in kinds)
    names = ("subs", "data", "payload", "conn", "imports", "exports", "leaf")
    free = {**dict.fromkeys(names, -1), "wildcards": True}
    room = dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), -1)
    plain, keeping = ({"type": "account", "limits": limits, "version": 2} for limits in (free, free | room))
    config = f"""operator: {_token(operator, operator, {"type": "operator", "version": 2})}
system_account: {_public(system)}
resolver: MEMORY
resolver_preload: {{{{
  {_public(system)}: {_token(operator, system, plain)}
  {_public(account)}: {_token(operator, account, keeping)}
}}}}
"""
    server = NatsServer(folder, config)
    seat = {"type": "user", "subs": -1, "data": -1, "payload": -1, "version": 2}
    lines = (
        "-----BEGIN NATS USER JWT-----",
        _token(account, user, seat),
        "------END NATS USER JWT------",
        "",
        "-----BEGIN USER NKEY SEED-----",
        user.seed.decode(),
        "------END USER NKEY SEED------",
        "",
    )
    (server.folder / "hill.creds").write_text("\n".join(lines), "utf-8")
    return server, server.folder / "hill.creds"


def _seeded(kind):
    return nkeys.from_seed(nkeys.encode_seed(secrets.token_bytes(32), kind))


def _public(pair):
    return pair.public_key.decode()


def _token(issuer, subject, claims):
    # a JWT as NATS has it: ed25519 over header and body, its id the hash of the body
    body = {"iat": int(time.time()), "iss": _public(issuer), "name": "test", "sub": _public(subject), "nats": claims}
    body["jti"] = base64.b32encode(hashlib.sha256(json.dumps(body).encode()).digest()).decode().rstrip("=")
    parts = [_base64(json.dumps(each).encode()) for each in ({"typ": "JWT", "alg": "ed25519-nkey"}, body)]
    signed = ".".join(parts)
    return f"{signed}.{_base64(issuer.sign(signed.encode()))}"


def _base64(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
