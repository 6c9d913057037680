"""A process of its own that listens to zones and writes down when each message came: subscriber of the benches.

python siren_log.py PORT FILTER CERTIFICATES: prints "ready" when subscribed, and a line `t_mono_ns kind payload` for each
message after a line comes on standard input. The monotonic clock is one for all processes of a machine.
"""

import pathlib
import subprocess
import sys
import threading
import time


class SirenLog:
    """Starts the process; `stop` returns (t_mono_ns, payload bytes) of all that came, in order."""

    def __init__(self, port, topics, certificates):
        command = [sys.executable, pathlib.Path(__file__), str(port), topics, str(certificates)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout.readline() == b"ready\n"

    def stop(self):
        out, _ = self._process.communicate(b"\n")
        lines = (line.split(b" ", 1) for line in out.splitlines())
        return [(int(t), payload) for t, payload in lines]


def main(port, topics, certificates):
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    heard, ready = [], threading.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2, "log", protocol=paho.MQTTv5)
    client.tls_set(f"{certificates}/ca.pem", f"{certificates}/log.pem", f"{certificates}/log.key")
    client.on_connect = lambda *_: client.subscribe(topics, qos=1)
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _c, _d, message: heard.append((time.monotonic_ns(), message.payload))
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert ready.wait(20.0)
    print("ready", flush=True)
    sys.stdin.readline()
    for t_ns, payload in heard:
        sys.stdout.buffer.write(b"%d %s\n" % (t_ns, payload))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
