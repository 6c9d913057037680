"""The webhook against a real server on loopback, which verifies with the library of Standard Webhooks."""

import base64
import http.client
import json
import socket
import time

import notice_cases as cases
import pytest
from hook_server import Receiver

from casemate.errors import ChannelError, SettingsError
from casemate.io.channels.webhook import Settings, Webhook, header_id, signed_headers
from casemate.model.notices import DrillPicture, ExerciseNotice, LiveHeartbeat, LiveNotice

SECRET = b"0123456789abcdef0123456789abcdef"
WORD = "whsec_" + base64.b64encode(SECRET).decode()


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text(WORD + "\n")
    return str(path)


@pytest.fixture
def receiver():
    made = Receiver(WORD)
    yield made
    made.close()


def hook(url, secret_file, **changes):
    settings = Settings(name="hook", audience="drill", url=url, secret_file=secret_file, timeout_s=2.0)
    return Webhook(cases.changed(settings, **changes), None, lambda reply: None)


def here(receiver, scheme="http"):
    return f"{scheme}://127.0.0.1:{receiver.port}/warn?site=a"


@pytest.mark.parametrize(
    ("kind", "status"),
    [(LiveNotice, "live"), (ExerciseNotice, "exercise"), (cases.KINDS[2], "rehearsal")],
)
def test_a_notice_arrives_verified_and_says_what_it_is(kind, status, receiver, secret_file):
    channel = hook(here(receiver), secret_file)
    channel.open()
    channel.send(cases.notice(kind))
    channel.close()
    (message,) = receiver.taken
    assert message["type"] == f"{status}.notice"
    assert message["data"]["status"] == status
    assert message["data"]["sent"] == "2026-09-21T14:13:21.000Z"
    assert message["data"]["notice"]["type"] == kind.__name__
    assert message["data"]["notice"]["zone"] == "Alpha North"
    headers, _ = receiver.attempts[0]
    assert headers["Idempotency-Key"] == headers["webhook-id"] == "run-1"


def test_what_is_sent_twice_has_one_id_over_one_connection(receiver, secret_file):
    channel = hook(here(receiver), secret_file)
    channel.open()
    channel.send(cases.notice())
    channel.send(cases.notice())
    channel.beat(LiveHeartbeat(station="A", t_sent_ns=cases.T0_NS, t_picture_ns=0, zones=(), sensors=()))
    channel.show(DrillPicture(station="A", t_ns=0, tracks=(), areas=()))
    assert [each["type"] for each in receiver.taken] == ["rehearsal.notice", "live.heartbeat"]
    assert len(receiver.twice) == 1
    assert receiver.connections == 1
    channel.close()
    channel.close()


def test_forged_and_replayed_requests_are_told_apart(receiver, secret_file):
    channel = hook(here(receiver), secret_file)
    channel.send(cases.notice())
    channel.close()
    headers, body = receiver.attempts[0]
    headers = {name: value for name, value in headers.items() if name.startswith("webhook-")}

    def post(headers, body):
        connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=2.0)
        connection.request("POST", "/warn", body, headers)
        status = connection.getresponse().status
        connection.close()
        return status

    assert post(headers, body) == 200  # replayed at once: its id is known
    assert len(receiver.taken) == len(receiver.twice) == 1
    assert post(headers, body.replace(b"rehearsal", b"live")) == 401
    assert post({**headers, "webhook-id": "run-2"}, body) == 401
    assert post({**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 60)}, body) == 401
    old = signed_headers(SECRET, "run-9", int(time.time()) - 600, body)
    assert post(old, body) == 401  # signed by us, recorded then, replayed ten minutes later
    assert post(signed_headers(b"x" * 32, "run-9", int(time.time()), body), body) == 401
    assert len(receiver.taken) == 1


@pytest.mark.parametrize(
    ("status", "is_final"),
    [
        *((status, True) for status in (301, 307, 400, 401, 404, 410)),
        *((status, False) for status in (408, 429, 500, 503)),
    ],
)
def test_a_refusal_is_final_and_a_failure_is_not(status, is_final, receiver, secret_file):
    channel = hook(here(receiver), secret_file)
    receiver.answers = [status]
    with pytest.raises(ChannelError, match=str(status)) as caught:
        channel.send(cases.notice())
    assert caught.value.is_final == is_final
    channel.send(cases.notice())
    assert len(receiver.taken) == 1
    channel.close()


def test_a_server_that_never_answers_or_drips_costs_one_timeout(receiver, secret_file):
    channel = hook(here(receiver), secret_file, timeout_s=0.3)
    for name, value in (("delay_s", 1.0), ("drip_s", 0.1)):
        setattr(receiver, name, value)
        start = time.monotonic()
        with pytest.raises(ChannelError) as caught:
            channel.send(cases.notice())
        assert time.monotonic() - start < 0.9
        assert not caught.value.is_final
        setattr(receiver, name, 0.0)
    channel.send(cases.notice())
    channel.close()


def test_a_server_that_restarted_gets_the_next_notice_without_an_error(secret_file):
    receiver = Receiver(WORD)
    channel = hook(here(receiver), secret_file)
    channel.send(cases.notice())
    port = receiver.port
    channel._connection.sock.shutdown(socket.SHUT_RDWR)
    channel.send(cases.notice(n=2))
    assert len(receiver.taken) == 2
    receiver.close()
    channel.close()
    with pytest.raises(ChannelError, match=f"127.0.0.1:{port}: .*refused"):
        channel.open()


def test_only_a_certificate_of_its_authority_is_taken(tmp_path, secret_file):
    ours, other = cases.server_pair(tmp_path, "ours"), cases.server_pair(tmp_path, "other")
    for server, is_taken in ((ours, True), (other, False)):
        receiver = Receiver(WORD, (server[1], server[0]))
        channel = hook(here(receiver, "https"), secret_file, authority_file=str(ours[1]))
        if is_taken:
            channel.send(cases.notice())
        else:
            with pytest.raises(ChannelError, match="its certificate is refused: "):
                channel.open()
            with pytest.raises(ChannelError, match="its certificate is refused: ") as caught:
                channel.send(cases.notice())
            assert not caught.value.is_final
        assert len(receiver.attempts) == int(is_taken)
        channel.close()
        receiver.close()


def test_a_name_that_the_certificate_does_not_hold_is_refused(tmp_path, secret_file):
    pair = cases.server_pair(tmp_path, "ours")
    receiver = Receiver(WORD, (pair[1], pair[0]))
    url = f"https://localhost:{receiver.port}/"  # the certificate is for 127.0.0.1
    with pytest.raises(ChannelError, match="Hostname mismatch"):
        hook(url, secret_file, authority_file=str(pair[1])).open()
    receiver.close()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.org/x", "is plain HTTP to another machine"),
        ("http://127.0.0.1.example.org/x", "is plain HTTP to another machine"),
        ("ftp://example.org/x", "is not https://"),
        ("https://", "is not https://"),
        ("https://a:b@example.org/", "holds a password"),
        ("https://example.org:99999/", "is no URL"),
        ("https://exa mple.org/", "is not https://"),
        ("https://example.org/\r\nX: y", "is not https://"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_by_name(url, why, secret_file):
    with pytest.raises(SettingsError, match=why) as caught:
        hook(url, secret_file)
    assert caught.value.key == "url"


def test_a_secret_or_authority_that_cannot_be_used_is_refused_by_name(tmp_path, secret_file):
    for content, why in (("no base64!", "is not base64"), ("c2hvcnQ=", "holds 5 bytes"), ("é", "is not base64")):
        path = tmp_path / "bad"
        path.write_text(content, "utf-8")
        with pytest.raises(SettingsError, match=why) as caught:
            hook("https://example.org/", str(path))
        assert caught.value.file == str(path)
    with pytest.raises(SettingsError, match="cannot be read"):
        hook("https://example.org/", str(tmp_path / "none"))
    with pytest.raises(SettingsError, match="holds no certificate"):
        hook("https://example.org/", secret_file, authority_file=secret_file)


def test_ids_fit_into_headers():
    assert header_id("run-1") == "run-1"
    assert header_id("a\r\nb é") == "a%0D%0Ab%20%C3%A9"
    assert len(header_id("x" * 10_000)) == 64


def test_hostile_words_arrive_as_they_are(receiver, secret_file):
    reason = "\u202e<script>\"'\\ \x00 שלום" + "x" * 10_000
    channel = hook(here(receiver), secret_file)
    channel.send(cases.notice(reason=reason, p_impact=float("nan")))
    channel.close()
    (message,) = receiver.taken
    assert message["data"]["notice"]["reason"] == reason
    assert message["data"]["notice"]["p_impact"] is None
    assert json.loads(receiver.attempts[0][1]) == message
