"""A run that is over, on the page: any moment holds what a straight fold up to there holds, and playheads are apart."""

import asyncio
import contextlib
import json
import sqlite3

import film_cases
import page_cases
import pytest
import websockets
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from casemate.constants import NS_PER_S
from casemate.errors import JournalError, SettingsError
from casemate.io import journal
from casemate.io.channels.herald import Herald
from casemate.io.channels.stamps import REHEARSAL
from casemate.io.web import film as films
from casemate.io.web import roles
from casemate.io.web.app import make_app
from casemate.io.web.scene import Scene
from casemate.io.web.screening import Playhead
from casemate.io.web.wire import Play, Visitor, state_hash
from casemate.model.messages import Aside, Events
from casemate.runner.onlooking import screening_of

N_S = 150
HERE = {"host": "127.0.0.1:8800", "origin": "http://127.0.0.1:8800"}
T0_NS = film_cases.T0_NS


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return film_cases.write_run(tmp_path_factory.mktemp("film") / "run", film_cases.steps(N_S, 40))


@pytest.fixture(scope="module")
def screening(run):
    kept, films.SIZE = films.SIZE, 100_000  # some ten keyframes
    made = screening_of(run, None)
    films.SIZE = kept
    assert made.film.n_steps == N_S
    return made


def straight(run, premises, t_ns):
    """Fold the run from its start, apart from the film."""
    scene, herald = Scene(premises), Herald(REHEARSAL, premises.place, "run1", 30.0)
    inputs = [each for each in journal.read_inputs(run / "journal.sqlite") if not isinstance(each, Aside)]
    for message, payload in zip(inputs, journal.read_events(run / "journal.sqlite"), strict=True):
        events = journal.decode(payload)
        assert isinstance(events, Events)
        notices = herald.take(message, events)
        if events.t_ns > t_ns:
            break
        scene.take(message, events)
        for each in notices:
            scene.hear(each)
    return scene


def agrees(scene, other):
    assert (scene.t_ns, scene.n_plots, scene.threatening) == (other.t_ns, other.n_plots, other.threatening)
    assert scene.tracks.tobytes() == other.tracks.tobytes()
    assert scene.landings.tobytes() == other.landings.tobytes()
    names = {name: (each.phase, each.serial, each.t_impact_ns) for name, each in scene.alarms.items()}
    assert names == {name: (each.phase, each.serial, each.t_impact_ns) for name, each in other.alarms.items()}
    assert (scene.sensors, scene.zones) == (other.sensors, other.zones)
    assert repr(scene.decisions) == repr(other.decisions)  # what is not known in them is no number
    assert [each.rows.tobytes() for each in scene.trail] == [each.rows.tobytes() for each in other.trail]


@settings(max_examples=10, deadline=None)
@given(moments=st.lists(st.floats(-5.0, N_S + 5.0), min_size=1, max_size=4))
def test_any_moment_holds_what_a_straight_fold_holds(run, screening, moments):
    key = None
    for at_s in moments:  # forwards and backwards, from a keyframe or from where it was
        t_ns = T0_NS + round(at_s * NS_PER_S)
        key = screening.film.at(t_ns, key)
        agrees(key.scene, straight(run, screening.film.premises, max(t_ns, T0_NS)))


def test_looking_changes_nothing(run, screening):
    moments = [T0_NS + s * NS_PER_S for s in (140, 7, 77, 7, 140)]
    first = [state_hash(screening.film.at(each).scene.alarms.values()) for each in moments]
    assert first == [state_hash(screening.film.at(each).scene.alarms.values()) for each in moments]
    assert first[0] == first[4]
    assert first[1] == first[3]


def test_marks_are_the_notices_of_the_run(screening):
    marks = screening.film.marks
    assert [(each.t_ns - T0_NS) // NS_PER_S for each in marks] == list(range(0, N_S, 10))
    assert [each.phase for each in marks[:3]] == ["warn", "update", "all-clear"]


async def played(screening, speed, passed_s, monkeypatch):
    head = Playhead(screening.film, iter(range(10, 99)), Visitor("local", "operator"))
    now_s = [100.0]
    monkeypatch.setattr("casemate.io.web.screening.time.monotonic", lambda: now_s[0])
    hello, _ = await head.play(Play(t_ns=T0_NS + 70 * NS_PER_S, speed=speed))
    out = []
    for _ in range(round(passed_s / 0.2)):
        now_s[0] += 0.2
        out += await head.go_on()
    return json.loads(hello), out, json.loads(head.beat(5))


def test_a_playhead_tells_what_changes_and_says_no_number_twice(screening, monkeypatch):
    hello, out, beat = asyncio.run(played(screening, 10.0, 4.0, monkeypatch))  # 70 to 110 s
    assert hello["t_ns"] == T0_NS + 70 * NS_PER_S
    assert (hello["mark"], hello["span_ns"]) == ("REPLAY", [T0_NS, T0_NS + (N_S - 1) * NS_PER_S])
    told = [json.loads(each) for each in out if isinstance(each, str)]
    assert [each["n"] for each in told] == list(range(1, len(told) + 1))
    assert [each["phase"] for each in told if each["kind"] == "alarm"] == ["all-clear", "warn", "update", "all-clear"]
    pictures = [page_cases.read_picture(each) for each in out if isinstance(each, bytes)]
    times = [head[2] for head, _ in pictures]
    assert times == sorted(set(times))
    assert beat["t_ns"] == T0_NS + 110 * NS_PER_S == times[-1]
    assert beat["hash"] == state_hash(screening.film.at(times[-1]).scene.alarms.values())


def test_backwards_what_had_not_begun_is_gone_under_a_new_epoch(screening, monkeypatch):
    hello, out, beat = asyncio.run(played(screening, -10.0, 4.0, monkeypatch))  # 70 to 30 s
    hellos = [
        each for each in map(json.loads, (each for each in out if isinstance(each, str))) if each["kind"] == "hello"
    ]
    assert [len(each["alarms"]) for each in hellos] == [2]  # the third began at 60 s, the second at 30 s
    assert hellos[0]["epoch"] != hello["epoch"]
    assert beat["t_ns"] == T0_NS + 30 * NS_PER_S


def test_it_stands_at_its_ends_and_where_it_is_paused(screening, monkeypatch):
    for speed, at_s in ((100.0, N_S - 1), (-100.0, 0), (0.0, 70)):
        _, _, beat = asyncio.run(played(screening, speed, 3.0, monkeypatch))
        assert beat["t_ns"] == T0_NS + at_s * NS_PER_S


def test_a_replay_is_a_page_in_which_nothing_is_acknowledged(screening):
    app = make_app(screening, roles.Keeper(None), is_local=True, is_tls=False)
    with TestClient(app, base_url="http://127.0.0.1:8800") as client:
        moment = T0_NS + 65 * NS_PER_S
        state = client.get(f"/api/state?t_ns={moment}").json()
        assert (state["mark"], state["t_ns"], len(state["alarms"])) == ("REPLAY", moment, 3)
        head, sections = page_cases.read_picture(client.get(f"/api/picture?t_ns={moment}").content)
        assert head[2] == moment
        assert sections[5]  # trails
        marks = client.get("/api/marks").json()
        assert (marks[0]["phase"], marks[0]["incident"]) == ("warn", "run1-1")
        assert client.get(f"/api/alarms/run1-7/why?t_ns={moment}").json()["warning_id"] == 7
        assert "REPLAY" in client.get(f"/text?t_ns={moment}").text
        assert client.post("/api/alarms/run1-1/acknowledge", headers=HERE).status_code == 409
        for asked in ("x", "-1", "9" * 20):
            assert client.get(f"/api/state?t_ns={asked}").status_code == 400


def test_over_a_socket_a_page_goes_where_it_says(screening):
    moment = T0_NS + 65 * NS_PER_S

    async def watch(url):
        link, first = await page_cases.greeted(url)
        async with link:
            await link.send(json.dumps({"kind": "play", "t_ns": moment, "speed": 0}))
            (hello,) = [each for each in await page_cases.frames_of(link, 1) if each["kind"] == "hello"]
            return first, hello

    with page_cases.serving(screening) as server:
        first, hello = asyncio.run(watch(server.url))
    assert hello["epoch"] != first["epoch"]
    assert (hello["t_ns"], len(hello["alarms"])) == (moment, 3)


def test_a_journal_that_goes_away_ends_no_other_connection(screening, monkeypatch):
    async def watch(url):
        first, _ = await page_cases.greeted(url)
        async with first:
            monkeypatch.setattr(screening.film, "at", gone)
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    await asyncio.wait_for(first.recv(), 5.0)
        monkeypatch.undo()
        second, hello = await page_cases.greeted(url)
        async with second:
            while not isinstance(said := await asyncio.wait_for(second.recv(), 5.0), str) or '"beat"' not in said:
                pass
        return hello, said

    def gone(*_):
        raise JournalError("journal.sqlite", 5, "is gone")

    with page_cases.serving(screening) as server:
        hello, said = asyncio.run(watch(server.url))
    assert hello["mark"] == "REPLAY"
    assert json.loads(said)["kind"] == "beat"


@pytest.mark.parametrize(
    "said", ['{"kind":"play"}', '{"kind":"play","t_ns":5,"speed":101}', '{"kind":"play","t_ns":-5}', '{"kind":"stop"}']
)
def test_what_no_page_says_ends_the_connection(screening, said):
    async def say(url):
        link, _ = await page_cases.greeted(url)
        async with link:
            await link.send(said)
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    await asyncio.wait_for(link.recv(), 5.0)
            return link.close_code

    with page_cases.serving(screening) as server:
        assert asyncio.run(say(server.url)) == 1008


def test_a_live_page_plays_nothing_and_has_no_other_moment():
    app = make_app(page_cases.make_page(), roles.Keeper(None), is_local=True, is_tls=False)
    with TestClient(app, base_url="http://127.0.0.1:8800") as client:
        assert client.get("/api/state?t_ns=5").status_code == 409
        assert client.get("/api/marks").json() == []


def test_what_is_no_run_says_so(tmp_path, run):
    with pytest.raises(SettingsError, match="holds no run that can be shown"):
        screening_of(tmp_path, None)
    empty = film_cases.write_run(tmp_path / "empty", [])
    with pytest.raises(SettingsError, match="no step"):
        screening_of(empty, None)
    torn = film_cases.write_run(tmp_path / "torn", film_cases.steps(20, 3))
    with sqlite3.connect(torn / "journal.sqlite") as db:
        db.execute("DELETE FROM rows WHERE seq = (SELECT max(seq) FROM rows)")  # killed between an input and its events
    assert screening_of(torn, None).film.n_steps == 19
    with sqlite3.connect(torn / "journal.sqlite") as db:
        db.execute("UPDATE rows SET payload = x'c1' WHERE seq = 9")
    with pytest.raises(JournalError, match="row 9"):
        screening_of(torn, None)
