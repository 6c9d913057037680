"""Row 33, and S15: a drill and a real raid at once. The drill never reads as real, and never hides the real one."""

import contextlib
import json
import threading
import time

import msgspec
import pytest
from raid_sender import SITE, Raid

from casemate import station
from casemate.errors import SettingsError
from casemate.io import settings
from casemate.io.channels.arming import make_keys, scope_of, sign
from casemate.io.channels.auditing import audit_run
from casemate.io.channels.opening import read_channels
from casemate.io.feeds.clock import StationClock
from casemate.model.catalog import zone_list_digest

CHANNELS = """
heartbeat_s = 1.0

[[channel]]
kind = "log"
name = "sirens"
audience = "live"
lines = "sirens.jsonl"

[[channel]]
kind = "log"
name = "practice"
audience = "drill"
lines = "practice.jsonl"
"""
LIVE_PORT, DRILL_PORT = 8733, 8734


@pytest.fixture
def post(tmp_path):
    """A site, a channels file and two statements that arm it."""
    (tmp_path / "hill.toml").write_text(SITE)
    text = CHANNELS
    for name in ("anna", "bert"):
        text += f'[[key_holder]]\nname = "{name}"\npublic_key = "{make_keys(name, tmp_path)[1]}"\n'
    (tmp_path / "channels.toml").write_text(text)
    site = settings.read_site(tmp_path / "hill.toml")
    scope = scope_of(tmp_path / "channels.toml", zone_list_digest(site.zone), site.site.name)
    declared = read_channels(tmp_path / "channels.toml")
    for name in ("anna", "bert"):
        signed = sign(declared, scope, tmp_path / f"{name}.key", StationClock().now_ns(), 3600.0)
        (tmp_path / f"{name}.arm").write_bytes(msgspec.json.encode(signed))
    return tmp_path


class Serving:
    """`station.serve` in a thread of its own; `drill_urls` beside the live feed."""

    def __init__(self, post, *, arms=("anna", "bert"), is_drilled=True, site="hill.toml"):
        self.summary, self._stop, self.folder = None, threading.Event(), post / "run"
        telling = station.Telling(
            post / "channels.toml",
            tuple(post / f"{name}.arm" for name in arms),
            (f"udp://127.0.0.1:{DRILL_PORT}",) if is_drilled else (),
        )
        self._thread = threading.Thread(target=self._run, args=(post / site, telling))

    def _run(self, site, telling):
        urls = [f"udp://127.0.0.1:{LIVE_PORT}"]
        self.summary = station.serve(site, urls, self.folder, is_stopped=self._stop.is_set, telling=telling)

    def __enter__(self):
        self._thread.start()
        self.until((self.folder / "notices-heartbeat.json").exists, 300.0)
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def told(self, name):
        with contextlib.suppress(FileNotFoundError):
            return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]
        return []

    def until(self, condition, within_s=25.0):
        end_s = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < end_s
            time.sleep(0.05)


def _types(lines):
    return {line["type"] for line in lines}


def _phases(lines):
    return [line["phase"] for line in lines]


def test_a_drill_gives_way_where_the_real_thing_comes(post):
    with Serving(post) as serving, Raid(DRILL_PORT, is_drill=True):
        serving.until(lambda: serving.told("drill/practice.jsonl"))
        assert serving.told("sirens.jsonl") == []  # the drill alone says nothing live
        assert serving.told("notices.jsonl") == []
        with Raid(LIVE_PORT, seed=2):
            serving.until(lambda: serving.told("sirens.jsonl"))
            serving.until(lambda: _phases(serving.told("drill/practice.jsonl"))[-1] == "withdrawn")
            time.sleep(2.0)  # the drill's raid goes on, and says nothing more
    real, practice = serving.told("sirens.jsonl"), serving.told("drill/practice.jsonl")
    assert _types(real) == _types(serving.told("notices.jsonl")) == {"LiveNotice"}
    assert _types(practice) == _types(serving.told("drill/notices.jsonl")) == {"ExerciseNotice"}
    assert {line["zone"] for line in real} == {"Hill"}
    assert practice[-1]["phase"] == "withdrawn"
    assert _phases(practice).count("withdrawn") == 1
    assert practice[-1]["reason"] == "the exercise is over in this zone"
    assert practice[-1]["references"][0][0] == practice[0]["notice_id"]
    assert practice[-1]["incident"] == practice[0]["incident"]
    assert not {line["notice_id"] for line in real} & {line["notice_id"] for line in practice}
    for folder in (serving.folder, serving.folder / "drill"):
        verdict = audit_run(folder)
        assert verdict.is_whole
        assert verdict.n_heads >= 3  # summary, journal's end, and with heartbeats
    assert serving.summary["data"] == "LIVE"
    assert serving.summary["drill"]["data"] == "EXERCISE"
    heartbeat = json.loads((serving.folder / "drill" / "practice-heartbeat.json").read_text())
    assert heartbeat["type"] == "DrillHeartbeat"
    assert json.loads((serving.folder / "sirens-heartbeat.json").read_text())["type"] == "LiveHeartbeat"


def test_what_says_that_it_is_a_drill_is_refused_by_a_live_feed(post):
    with Serving(post, is_drilled=False, arms=()) as serving, Raid(LIVE_PORT, is_drill=True):
        time.sleep(5.0)
    assert serving.told("notices.jsonl") == []
    assert serving.summary["counts"].get("plots", 0) == 0
    states = {each["channel"]: (each["state"], each["why"]) for each in serving.summary["told"]["channels"]}
    assert states["sirens"] == ("off", "is not armed (--arm, twice)")
    assert states["practice"] == ("off", "takes drills, and no --drill-feed is given")
    assert states["run folder"] == ("ok", "")


def test_a_site_that_takes_drills_is_an_exercise_whatever_arms_it(post):
    (post / "hill.toml").write_text(SITE + "\n[asterix]\ndrills = true\n")
    with pytest.raises(SettingsError, match=r"--arm: arms nothing: what comes of a site that takes drills"):
        Serving(post, is_drilled=False)._run(post / "hill.toml", _telling(post, arms=2))
    with Serving(post, is_drilled=False, arms=()) as serving, Raid(LIVE_PORT):  # plots that do not say so
        serving.until(lambda: serving.told("practice.jsonl"))
    assert serving.summary["data"] == "EXERCISE"
    assert _types(serving.told("practice.jsonl") + serving.told("notices.jsonl")) == {"ExerciseNotice"}
    assert serving.told("sirens.jsonl") == []


def _telling(post, arms=0, drills=()):
    return station.Telling(post / "channels.toml", tuple(post / f"{n}.arm" for n in ("anna", "bert")[:arms]), drills)


@pytest.mark.parametrize(
    ("urls", "options", "why"),
    [
        (["udp://127.0.0.1:8735"], {"arms": 1}, "takes two statements of different key holders"),
        (["udp://127.0.0.1:8735"], {"drills": ("ndjson:-",)}, "an exercise comes by network"),
    ],
)
def test_what_arms_nothing_is_refused_before_anything_opens(post, urls, options, why):
    with pytest.raises(SettingsError, match=why):
        station.serve(post / "hill.toml", urls, post / "run", telling=_telling(post, **options))
    assert not (post / "run" / "journal.sqlite").exists()


def test_a_refused_arming_stays_in_the_audit_log_of_the_start_that_follows(post):
    with pytest.raises(SettingsError):
        station.serve(post / "hill.toml", ["udp://127.0.0.1:8736"], post / "run", telling=_telling(post, arms=1))
    station.serve(post / "hill.toml", ["udp://127.0.0.1:8736"], post / "run", for_s=0.5, telling=_telling(post, arms=2))
    verdict = audit_run(post / "run")
    assert verdict.is_whole
    assert (verdict.what["arming-refused"], verdict.what["armed"], verdict.what["begin"]) == (1, 1, 2)
