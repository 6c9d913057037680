"""mosquitto_sub as a process of its own that writes down when each message came: the subscriber of the benches.

Python takes half a millisecond for a message with properties, which would be most of what is measured. The time is that
of the system's clock, when the message is printed.
"""

import shutil
import signal
import subprocess
import time

MOSQUITTO_SUB = shutil.which("mosquitto_sub")


class SirenLog:
    """Listens from here on; `stop` returns (t_ns, payload) of all that came, in order."""

    def __init__(self, folder, port, topics):
        self._file = folder / "heard.txt"
        tls = ["--cafile", folder / "ca.pem", "--cert", folder / "log.pem", "--key", folder / "log.key"]
        command = [MOSQUITTO_SUB, "-V", "5", "-h", "127.0.0.1", "-p", str(port), "-q", "1", "-d", "-F", "heard %U %p"]
        with self._file.open("wb") as out:
            self._process = subprocess.Popen(["stdbuf", "-oL", *command, *tls, "-t", topics], stdout=out)
        end = time.monotonic() + 20.0
        while b"Subscribed" not in self._file.read_bytes():
            assert time.monotonic() < end
            time.sleep(0.02)

    def stop(self):
        self._process.send_signal(signal.SIGINT)
        self._process.wait()
        heard = (line.split(b" ", 2) for line in self._file.read_bytes().splitlines() if line.startswith(b"heard "))
        return [(round_ns(t), payload) for _, t, payload in heard]


def round_ns(stamp):
    """Nanoseconds of `1470818943.786368637`, exactly."""
    seconds, _, rest = stamp.partition(b".")
    return int(seconds) * 1_000_000_000 + int(rest.ljust(9, b"0"))
