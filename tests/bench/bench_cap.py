"""How long an alert takes: from a notice to signed bytes, and to the disk with its feed.

    python tests/bench/bench_cap.py [ROUNDS]

Prints p50, p99 and the longest, for one zone and for 50 zones warned in the same step.
"""

import sys
import tempfile
import time
from pathlib import Path

import notice_cases as cases
import numpy as np
from lxml import etree

from casemate.io.channels.cap import Cap
from casemate.io.channels.cap_alert import alert_of
from casemate.io.channels.cap_settings import Settings
from casemate.io.channels.cap_sign import Signer
from casemate.io.channels.texts import read_languages
from casemate.model.notices import LiveNotice


def line(what, took_s):
    p50, p99 = np.percentile(took_s, (50, 99)) * 1e3
    print(f"{what:58} n {len(took_s):5}  p50 {p50:7.2f} ms  p99 {p99:7.2f} ms  max {max(took_s) * 1e3:7.2f} ms")


def timed(n, run):
    took_s = []
    for i in range(n):
        start = time.perf_counter()
        run(i)
        took_s.append(time.perf_counter() - start)
    return took_s


def bytes_of(notice, settings, languages, signer):
    alert = alert_of(notice, settings, languages)
    return etree.tostring(signer.sign(alert) if signer else alert, encoding="utf-8", xml_declaration=True)


def measure(root, codes, n):
    key, certificate = cases.key_pair(root)
    settings = Settings(
        name="public",
        audience="live",
        sender="a@b.example",
        sender_name="A",
        languages=codes,
        key_file=str(key),
        certificate_file=str(certificate),
    )
    languages, signer = read_languages(codes), Signer(key, certificate)
    cap = Cap(settings, root, lambda reply: None)
    cap.open()
    notices = [cases.notice(LiveNotice, 3, notice_id=f"x-{i}", zone=f"Zone {i}") for i in range(50)]
    print(f"{len(codes)} languages, {len(bytes_of(notices[0], settings, languages, signer)):,} bytes signed")
    line("1 zone, bytes, not signed", timed(n, lambda i: bytes_of(notices[0], settings, languages, None)))
    line("1 zone, bytes, signed", timed(n, lambda i: bytes_of(notices[0], settings, languages, signer)))
    line("50 zones, bytes, signed", timed(n, lambda i: [bytes_of(x, settings, languages, signer) for x in notices]))
    line("1 zone, on the disk, with its feed", timed(n, lambda i: cap.send(notices[i % 50])))
    line("50 zones, on the disk, with their feed", timed(n // 10, lambda i: [cap.send(x) for x in notices]))


def main(n=200):
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        for codes in (("en",), ("en", "uk", "he", "ar")):
            measure(Path(folder), codes, n)


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:]))
