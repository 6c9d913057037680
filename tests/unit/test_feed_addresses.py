"""URLs of feeds: every form that is read, and what is said of those that cannot be."""

import pytest

from casemate.errors import SettingsError
from casemate.io.feeds.address import OPTIONS, parse


@pytest.mark.parametrize(
    ("url", "host", "port", "is_multicast"),
    [
        ("udp://0.0.0.0:8600", "0.0.0.0", 8600, False),  # noqa: S104 what a user writes for any interface
        ("udp://127.0.0.1:0", "127.0.0.1", 0, False),
        ("udp://[::1]:8600", "::1", 8600, False),
        ("udp://239.1.2.3:8600", "239.1.2.3", 8600, True),
        ("udp://239.1.2.3:8600?interface=192.0.2.7", "239.1.2.3", 8600, True),
        ("tcp://radar.example:8600", "radar.example", 8600, False),
        ("tcp://[::1]:1", "::1", 1, False),
        ("UDP://10.0.0.1:65535", "10.0.0.1", 65535, False),
    ],
)
def test_a_network_address_is_taken_apart(url, host, port, is_multicast):
    address = parse(url)
    assert (address.host, address.port, address.is_multicast) == (host, port, is_multicast)
    assert address.url == url


@pytest.mark.parametrize(("said", "speed"), [("", 1.0), ("?speed=2.5", 2.5), ("?speed=max", None)])
def test_a_file_is_played_as_fast_as_is_said(tmp_path, monkeypatch, said, speed):
    (tmp_path / "day.pcap").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    for where in (f"file://{tmp_path}/day.pcap", "file:day.pcap", "file://day.pcap"):
        address = parse(where + said)
        assert address.path.is_file()
        assert address.speed == speed


def test_standard_input_has_two_names():
    assert parse("-").scheme == parse("ndjson:-").scheme == "ndjson"


@pytest.mark.parametrize(
    ("url", "key", "why"),
    [
        ("upd://0.0.0.0:8600", "upd", "no kind of feed.*udp"),
        ("0.0.0.0:8600", "", "no kind of feed"),
        ("", "", "no kind of feed"),
        ("udp://0.0.0.0", "port", "is missing: udp://ADDRESS:PORT"),
        ("udp://0.0.0.0:", "port", "is missing"),
        ("udp://0.0.0.0:86000", "", "no URL: Port out of range"),
        ("udp://0.0.0.0:86oo", "", "no URL: Port could not be cast"),
        ("udp://:8600", "", "there is no IP address"),
        ("udp://eth0:8600", "", "'eth0' is no IP address"),
        ("udp://256.1.1.1:8600", "", "'256.1.1.1' is no IP address"),
        ("udp://[::1:8600", "", "no URL"),
        ("udp://[ff02::1]:8600", "", "IPv4 only"),
        ("udp://239.1.2.3:8600?interfce=10.0.0.1", "interfce", "no option of udp:.*interface"),
        ("udp://239.1.2.3:8600?interface=eth0", "interface", "'eth0' is no IP address"),
        ("udp://239.1.2.3:8600?interface=::1", "interface", "IPv4"),
        ("udp://239.1.2.3:8600?interface=", "interface", "there is no IP address"),
        ("udp://239.1.2.3:8600?interface", "", "no URL: bad query field"),
        ("udp://10.0.0.1:8600?interface=10.0.0.1", "interface", "multicast group"),
        ("udp://10.0.0.1:8600/radar", "", "holds more than udp://ADDRESS:PORT"),
        ("udp://me@10.0.0.1:8600", "", "holds more than"),
        ("udp://10.0.0.1:8600#a", "", "holds more than"),
        ("tcp://:8600", "", "is not tcp://HOST:PORT"),
        ("tcp://radar..example:8600", "", "'radar..example' is no name of a host"),
        ("tcp://radar", "port", "is missing: tcp://HOST:PORT"),
        ("tcp://radar:0", "port", "1 to 65535"),
        ("tcp://radar:8600/asterix", "", "holds more than tcp://HOST:PORT"),
        ("tcp://radar:8600?speed=2", "speed", "no option of tcp:"),
        ("file:///there/is/none.pcap", "", "there is no file /there/is/none.pcap"),
        ("file:", "", "there is no file"),
        ("ndjson:plots.ndjson", "", "only standard input"),
    ],
)
def test_what_cannot_be_used_is_named(url, key, why):
    with pytest.raises(SettingsError, match=why) as caught:
        parse(url)
    assert (caught.value.file, caught.value.key) == (url or "", key)


@pytest.mark.parametrize("said", ["0", "-1", "nan", "inf", "fast", ""])
def test_a_speed_that_cannot_be(tmp_path, said):
    (tmp_path / "day.pcap").write_bytes(b"")
    with pytest.raises(SettingsError, match="must be greater than 0, or max") as caught:
        parse(f"file://{tmp_path}/day.pcap?speed={said}")
    assert caught.value.key == "speed"


@pytest.mark.parametrize("scheme", list(OPTIONS))
def test_one_wrong_letter_is_told_the_right_one(scheme):
    with pytest.raises(SettingsError, match=f"did you mean '?{scheme[:3]}"):
        parse(f"{scheme[:-1]}://x:1" if len(scheme) > 4 else f"{scheme}x://x:1")
