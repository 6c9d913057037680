"""A siren to test against: it listens to its zones, sounds or is silent by what stands there, and acknowledges.

Written with the library's threaded loop and from the reference page alone, as a maker of sirens would.
"""

import hashlib
import hmac
import json
import threading
import time

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


class Siren:
    """Listens to a topic filter; `heard` holds (topic, payload, properties, is_retained) as they came."""

    def __init__(self, port, name="north", topics="casemate/camp/zone/+/alarm", key=None, certificates=None):
        self.name, self.heard, self._key, self._topics = name, [], key, topics
        self._changed, self._subscribed = threading.Condition(), threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, f"siren-{name}-{id(self)}", protocol=paho.MQTTv5)
        if certificates is not None:
            self.client.tls_set(f"{certificates}/ca.pem", f"{certificates}/{name}.pem", f"{certificates}/{name}.key")
        self.client.on_connect = self._greet
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_message = self._hear
        self.client.reconnect_delay_set(1, 1)
        self._port = port

    def __enter__(self):
        properties = Properties(PacketTypes.CONNECT)
        self.client.connect("127.0.0.1", self._port, 30, properties=properties)
        self.client.loop_start()
        assert self._subscribed.wait(10.0)
        return self

    def __exit__(self, *_):
        self.client.disconnect()
        self.client.loop_stop()

    def wait(self, n=1, most_s=10.0):
        """Wait for n messages; return their payloads."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.heard) >= n, most_s), f"{len(self.heard)} of {n} came"
            return [payload for _, payload, _, _ in self.heard]

    @property
    def sounds(self):
        """Whether it sounds: whether the last word on any of its topics is to take cover, and has not expired."""
        last = {topic: payload for topic, payload, _, _ in self.heard}
        return any(payload.get("is_cover") for payload in last.values())

    def acknowledge(self, payload, key=None, **changed):
        """Publish an acknowledgement, or a forgery of one."""
        ack = {"notice_id": payload["notice_id"], "nonce": payload["nonce"]} | changed
        lines = f"casemate-ack-1\n{ack['notice_id']}\n{ack['nonce']}\n{self.name}"
        ack.setdefault("mac", hmac.new(bytes.fromhex(key or self._key), lines.encode(), hashlib.sha256).hexdigest())
        tree = "casemate" if payload["kind"] == "live" else "drill"
        self.client.publish(f"{tree}/camp/ack/{self.name}", json.dumps(ack), qos=1)
        return ack

    def say(self, topic, payload, **options):
        """Publish anything; return when the broker has it."""
        self.client.publish(topic, payload, qos=1, **options).wait_for_publish(5.0)

    def _greet(self, client, *_):
        client.subscribe(self._topics, qos=1)

    def _hear(self, _client, _data, message):
        t_ns = time.time_ns()
        user = dict(getattr(message.properties, "UserProperty", []))
        expiry_s = getattr(message.properties, "MessageExpiryInterval", None)
        with self._changed:
            payload = json.loads(message.payload)
            self.heard.append((message.topic, payload, {**user, "expiry_s": expiry_s, "t_ns": t_ns}, message.retain))
            self._changed.notify_all()
        if self._key is not None and "nonce" in payload and not message.retain:
            self.acknowledge(payload)
