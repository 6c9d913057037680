"""The server of the page: routes, roles, what is refused, and real sockets with slow and odd clients."""

import asyncio
import contextlib
import socket
import threading
import time

import page_cases
import pytest
import websockets
from starlette.testclient import TestClient

from casemate.constants import NS_PER_S
from casemate.errors import SettingsError
from casemate.io.channels.audit import AuditLog
from casemate.io.web import hub as hubs
from casemate.io.web import roles
from casemate.io.web.app import make_app
from casemate.io.web.page import Note, Page
from casemate.io.web.server import PORT, Door, listen
from casemate.model.messages import Events, Tick

HERE = {"host": "127.0.0.1:8800", "origin": "http://127.0.0.1:8800"}


@pytest.fixture(scope="module")
def premises():
    return page_cases.make_premises()


@pytest.fixture
def audited():
    return page_cases.Audited()


@pytest.fixture
def page(premises, audited):
    return page_cases.make_page(premises, audited)


@pytest.fixture(scope="module")
def users():
    def user(name, role):
        return roles.User(name=name, role=roles.Role(role), password=roles.hashed(f"{name}'s"))

    return {name: user(name, role) for name, role in (("vera", "viewer"), ("otto", "operator"), ("cora", "commander"))}


@contextlib.contextmanager
def asking(page, keeper=None, static=None, *, is_local=True):
    app = make_app(page, keeper or roles.Keeper(None), is_local=is_local, is_tls=False, **static or {})
    with TestClient(app, base_url="http://127.0.0.1:8800") as client:
        yield client


def warned(page, premises):
    page.take(*page_cases.step(2, threats=(1,)))
    page.hear(page_cases.notice(premises))


def until(is_true, seconds=5.0):
    end_s = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_it_is_not_ready_before_a_step_was_taken(page):
    with asking(page) as client:
        assert client.get("/health/live").status_code == 200
        answer = client.get("/health/ready")
        assert (answer.status_code, answer.json()["is_ready"]) == (503, False)
        page.take(*page_cases.step(1))
        until(lambda: client.get("/health/ready").status_code == 200)


def test_an_alarm_is_acknowledged_once_and_audited(page, premises, audited):
    with asking(page) as client:
        warned(page, premises)
        until(lambda: client.get("/api/alarms").json())
        answers = [client.post("/api/alarms/run1-1/acknowledge", headers=HERE) for _ in range(2)]
        assert [each.json()["is_first"] for each in answers] == [True, False]
        (alarm,) = client.get("/api/alarms").json()
        assert alarm["acknowledged"] == {"by": "local", "t_ns": page_cases.T0_NS}
        assert client.post("/api/alarms/run1-2/acknowledge", headers=HERE).status_code == 404
        page.is_over = True
        assert client.post("/api/alarms/run1-1/acknowledge", headers=HERE).status_code == 409
    assert [each["incident"] for each in audited.of("acknowledged")] == ["run1-1", "run1-1"]
    assert audited.of("acknowledged")[0]["who"] == "local"


def test_why_is_the_last_decision_of_the_incident(page, premises):
    told = [page_cases.decision(n) for n in (1, 2)]
    page.ledger.frames(page.ledger.scene.hear(page_cases.notice(premises)))
    for each in told:
        page.ledger.scene.take(Tick(t_ns=each.t_issued_ns), Events(t_ns=each.t_issued_ns, warnings=(each,)))
    with asking(page) as client:
        why = client.get("/api/alarms/run1-1/why", headers=HERE).json()
        assert (why["warning_id"], why["would_change"], why["benefit"]) == (2, "less chance", None)
        assert [(each["track_id"], each["n_hit"]) for each in why["causes"]] == [(4, 6)]
        assert client.get("/api/alarms/run1-9/why", headers=HERE).status_code == 404


def test_state_zones_tracks_metrics_and_text_say_the_same(page, premises):
    with asking(page) as client:
        warned(page, premises)
        page.take(*page_cases.lost())
        until(lambda: client.get("/api/alarms").json())
        state = client.get("/api/state").json()
        assert (state["role"], state["mark"], len(state["zones"])) == ("operator", "SIMULATION", 7)
        assert client.get("/api/zones").json()["zones"] == state["zones"]
        tracks = client.get("/api/tracks").json()
        assert [(each["track_id"], each["kind"], each["status"]) for each in tracks] == [
            (1, "mortar", "confirmed"),
            (2, "mortar", "confirmed"),
        ]
        assert tracks[0]["t_impact_ns"] == page_cases.T0_NS + 20 * NS_PER_S
        figures = dict(line.rsplit(" ", 1) for line in client.get("/metrics").text.splitlines() if line[0] != "#")
        assert (figures["casemate_tracks"], figures["casemate_alarms"]) == ("2.0", "1.0")
        assert figures['casemate_sensor_ok{sensor="radar-1"}'] == "0.0"
        text = client.get("/text").text
        assert "SIMULATION: Site Alpha: 1 alarm</title>" in text
        assert "Take cover now" in text
        assert "impact in 20 s plus or minus 1 s" in text
        assert "<td>radar-1</td><td>lost</td><td>silent</td>" in text
        assert "<script" not in text


def test_every_answer_has_its_headers_and_a_page_that_is_not_built_says_how(page, tmp_path):
    with asking(page, static={"static": tmp_path}) as client:
        answer = client.get("/")
        assert "scripts/page" in answer.text
        for path in ("/", "/api/state", "/nothing", "/health/ready"):
            headers = client.get(path).headers
            assert headers["content-security-policy"].startswith("default-src 'self'; worker-src 'self' blob:;")
            assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "index.html").write_text("<title>built</title>", "utf-8")
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    with asking(page, static={"static": tmp_path / "static"}) as client:
        assert "built" in client.get("/").text
        for name in ("../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "....//secret.txt", "/etc/passwd"):
            answer = client.get(f"/{name}")
            assert (answer.status_code, "secret" in answer.text) == (404, False)


def test_other_sites_hosts_and_large_bodies_are_refused(page, premises):
    with asking(page) as client:
        warned(page, premises)
        until(lambda: client.get("/api/alarms").json())
        path = "/api/alarms/run1-1/acknowledge"
        assert client.post(path, headers={"origin": "http://evil.example"}).status_code == 403
        assert client.post(path).status_code == 403  # as a form of another site, of a browser that says no origin
        assert client.post(path, headers={"x-casemate": "1"}).status_code == 200
        assert client.get("/api/state", headers={"host": "evil.example:8800"}).status_code == 421
        big = client.post("/api/session", content=b"x" * 65_537, headers=HERE)
        assert (big.status_code, "larger" in big.json()["error"]) == (413, True)
        assert client.post("/api/state", headers=HERE).status_code == 405
        assert client.get("/api/nothing").status_code == 404


def test_who_may_what(page, premises, audited, users):
    keeper = roles.Keeper(users)
    with asking(page, keeper) as client:
        warned(page, premises)
        until(lambda: page.ledger.scene.alarms)
        path = "/api/alarms/run1-1/acknowledge"
        assert client.get("/api/state").status_code == 401
        assert client.get("/text").status_code == 401
        assert client.post(path, headers=HERE).status_code == 401
        for said in ({"user": "vera", "password": "wrong"}, {"user": "nobody", "password": "vera's"}):
            assert client.post("/api/session", json=said, headers=HERE).status_code == 401
        assert client.post("/api/session", content=b"[1]", headers=HERE).status_code == 400
        answer = client.post("/api/session", json={"user": "vera", "password": "vera's"}, headers=HERE)
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert client.get("/api/session").json() == {"user": "vera", "role": "viewer", "is_open": False}
        assert client.post(path, headers=HERE).status_code == 403
        assert client.delete("/api/session", headers=HERE).status_code == 200
        assert client.get("/api/session").status_code == 401
        client.post("/api/session", json={"user": "otto", "password": "otto's"}, headers=HERE)
        assert client.post(path, headers=HERE).json()["acknowledged"]["by"] == "otto"
        assert client.get("/api/audit").status_code == 403
    assert [each["who"] for each in audited.of("refused")] == ["vera", "nobody", "vera", "otto"]
    assert [each["who"] for each in audited.of("signed-in")] == ["vera", "otto"]


def test_a_commander_reads_the_last_lines_of_the_audit_log(premises, users, tmp_path):
    log = AuditLog(tmp_path)
    page = Page(premises, Note(log.note, lambda: page_cases.T0_NS, tmp_path / "audit.jsonl"), 7)
    with asking(page, roles.Keeper(users)) as client:
        client.post("/api/session", json={"user": "cora", "password": "cora's"}, headers=HERE)
        until(lambda: log.head.n == 1)
        page.note.audit("begin", 5, run="run1")
        until(lambda: log.head.n == 2)
        first, second = client.get("/api/audit").json()
        assert (first["what"], first["who"], first["role"]) == ("signed-in", "cora", "commander")
        assert client.get("/api/audit?last=1").json() == [second]
        for last in ("0", "x", "10001"):
            assert client.get(f"/api/audit?last={last}").status_code == 400
    log.close()


def test_a_session_ends(users, monkeypatch):
    keeper = roles.Keeper(users)
    token = keeper.begin(roles.Visitor("vera", "viewer"))
    assert keeper.visitor(token) == ("vera", "viewer")
    assert keeper.visitor(token[:-1]) is None
    now_s = time.monotonic()
    monkeypatch.setattr(roles.time, "monotonic", lambda: now_s + roles.SESSION_S + 1.0)
    assert keeper.visitor(token) is None


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('[[user]]\nname = "a b"\nrole = "viewer"\npassword = "x"', "name"),
        ('[[user]]\nname = "a"\nrole = "king"\npassword = "x"', "role"),
        ('[[user]]\nname = "a"\nrole = "viewer"\npassword = "secret"', "password"),
        ('[[user]]\nname = "a"\nrole = "viewer"\npassword = "scrypt$1048576$8$1$AAAA$AAAA"', "64 MiB"),
        ("", "user"),
    ],
)
def test_a_file_of_users_that_cannot_be_used_says_why(tmp_path, line, why):
    (tmp_path / "users.toml").write_text(line, "utf-8")
    with pytest.raises(SettingsError, match=why):
        roles.read_users(tmp_path / "users.toml")


def test_a_port_that_is_taken_is_named_and_only_the_usual_one_gives_way():
    with contextlib.closing(listen(Door(port=0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"127.0.0.1:{port}: Address already in use"):
            listen(Door(port=port))
    with contextlib.closing(listen(Door())) as first, contextlib.closing(listen(Door())) as second:
        ports = first.getsockname()[1], second.getsockname()[1]
        assert PORT <= ports[0] < ports[1]


def test_a_page_is_told_alarms_acknowledgements_and_pictures_as_they_come(page, premises):
    async def watch(url):
        link, hello = await page_cases.greeted(url)
        async with link:
            warned(page, premises)
            (alarm,) = await page_cases.frames_of(link, 1)
            await link.send('{"kind":"resync"}')
            (again,) = await page_cases.frames_of(link, 1)
            picture = b""
            while not isinstance(picture, bytes) or not picture:
                picture = await link.recv()
            await link.send("nonsense")
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    await asyncio.wait_for(link.recv(), 5.0)
            return hello, alarm, again, picture, link.close_code

    with page_cases.serving(page) as server:
        hello, alarm, again, picture, code = asyncio.run(watch(server.url))
        until(lambda: not page.hub.clients)
    assert (hello["kind"], hello["n"], hello["epoch"]) == ("hello", 0, 7)
    assert (alarm["kind"], alarm["n"], alarm["phase"]) == ("alarm", 1, "warn")
    assert (again["kind"], again["n"], len(again["alarms"])) == ("hello", 1, 1)
    assert len(page_cases.read_picture(picture)[1][1]) == 2
    assert code == hubs.POLICY


def test_a_page_of_another_site_and_who_is_not_signed_in_hear_nothing(page, users, caplog):
    async def knock(url, **options):
        with pytest.raises(websockets.InvalidStatus) as refused:
            await page_cases.greeted(url, **options)
        return refused.value.response.status_code

    with page_cases.serving(page) as server:
        assert asyncio.run(knock(server.url, origin="http://evil.example")) == 403
    assert not caplog.records
    with asking(page, roles.Keeper(users)) as client, pytest.raises(Exception) as refused:  # noqa: PT011 of the client
        client.websocket_connect("/api/ws", headers=HERE).__enter__()
    assert refused.value.status_code == 401


def test_who_takes_nothing_costs_the_others_nothing_and_is_hung_up_on(page, premises, monkeypatch):
    monkeypatch.setattr(hubs, "PATIENCE_S", 1.5)

    def stalled(url):
        port = page_cases.port_of(url)
        link = socket.create_connection(("127.0.0.1", port))
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lines = ("GET /api/ws HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13", "", "")  # fmt: skip
        link.sendall("\r\n".join(lines).encode())
        return link

    async def watch(url):
        link, _ = await page_cases.greeted(url)
        async with link:
            delays_s = []
            for n in range(1, 21):
                begin_s = time.monotonic()
                page.hear(page_cases.notice(premises, n, incident=f"run1-{n}"))
                await page_cases.frames_of(link, 1)
                delays_s.append(time.monotonic() - begin_s)
                await asyncio.sleep(0.05)
            return delays_s

    with page_cases.serving(page) as server:
        links = [stalled(server.url) for _ in range(5)]
        is_over = threading.Event()

        def flood():
            k = 0
            while not is_over.wait(0.02):
                k += 1
                page.take(*page_cases.step(4000, page_cases.T0_NS + k * NS_PER_S // 50, has_impacts=False))

        flooding = threading.Thread(target=flood)
        flooding.start()
        try:
            until(lambda: len(page.hub.clients) == 5)
            delays_s = asyncio.run(watch(server.url))
            until(lambda: page.hub.n_dropped == 5, 30.0)
        finally:
            is_over.set()
            flooding.join()
            for link in links:
                link.close()
    assert sorted(delays_s)[10] < 0.5
