"""`serve`, `send` and `track -` as processes of their own, over loopback and pipes, and what the operator is shown."""

import io
import json
import signal
import subprocess
import sys
import time

import pytest
import rich.console
from asterix_sender import Radar
from live_station import write_site

from casemate.cli import main, watch
from casemate.model.messages import Aside
from casemate.model.records import FEED, FEED_CLOCK, FeedState, missing

CASEMATE = [sys.executable, "-c", "from casemate.cli import main; main()"]
URL = "udp://127.0.0.1:8732"


def casemate(*arguments, **options):
    command = [*CASEMATE, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **options)


class Kept(Radar):
    """A radar whose datagrams are kept in place of being sent."""

    def send(self, sock, due, payload, kind, t_s):
        self.sent.append(payload)


@pytest.fixture
def recording(tmp_path):
    radar, path = Kept(("", 0), n_things=5), tmp_path / "radar.raw"
    n_plots = radar.run(3.0)
    path.write_bytes(b"".join(radar.sent))
    return path, n_plots


def test_a_recording_is_sent_to_a_station_that_ctrl_c_ends_with_a_whole_folder(tmp_path, recording):
    path, n_plots = recording
    run = tmp_path / "run"
    command = [*CASEMATE, "serve", str(write_site(tmp_path)), "--feed", URL, "-o", str(run), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as station:
        assert station.stderr is not None
        try:
            for said in station.stderr:
                if said.startswith(f"{URL}: "):
                    break
            sent = casemate("send", path, URL, "--speed", "4", "--json")
            time.sleep(0.5)
            station.send_signal(signal.SIGINT)
            out, errors = station.communicate(timeout=60.0)
        finally:
            station.kill()
    assert (sent.returncode, station.returncode) == (0, 0), sent.stderr + errors
    told, summary = json.loads(sent.stdout), json.loads(out)
    assert told["refused"] == []
    assert told["wall_s"] > 0.7  # three seconds at four times their pace, and what loading takes
    (feed,) = summary["feeds"]
    assert feed["n_received"] == told["n_datagrams"] > 96
    assert feed["n_plots"] + feed["n_refused"] == n_plots  # the recording's clock is old: what that costs is counted
    assert json.loads((run / "summary.json").read_text("utf-8"))["feeds"] == summary["feeds"]
    assert {"journal.sqlite", "plots.parquet", "tracks.parquet", "feed.parquet"} <= {
        each.name for each in run.iterdir()
    }


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["serve", "SITE", "--feed", "udp://127.0.0.1", "-o", "run"], "udp://127.0.0.1"),
        (["send", "RECORDING", "http://127.0.0.1:80"], "http://127.0.0.1:80"),
        (["send", "RECORDING", "tcp://127.0.0.1:80"], "is not udp://ADDRESS:PORT"),
        (["send", "RECORDING", URL, "--speed", "0"], "--speed: must be greater than 0, got 0"),
        (["send", "absent.raw", URL], "absent.raw"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys, command, why):
    site, path = write_site(tmp_path), tmp_path / "x.raw"
    path.write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    said = ({"SITE": str(site), "RECORDING": str(path)}.get(each, each) for each in command)
    monkeypatch.setattr(sys, "argv", ["casemate", *said])
    with pytest.raises(SystemExit) as stop:
        main()
    out, errors = capsys.readouterr()
    lines = [each for each in errors.splitlines() if not each.startswith("compiling kernels")]
    assert (stop.value.code, out, len(lines)) == (2, "", 1), errors
    assert why in lines[0]
    assert not (tmp_path / "run").exists()


def plot_line(k, **changes):
    t_ns = 1_790_000_000_000_000_000 + k * 1_000_000_000
    row = {"t_ns": t_ns, "sensor": "radar-1", "range_m": 5000.0 - 60.0 * k, "azimuth_deg": 40.0, **changes}
    return json.dumps(row) + "\n"


def test_track_takes_plots_as_lines_on_standard_input(tmp_path):
    command = ["track", "-", "--site", write_site(tmp_path), "-o", tmp_path / "run"]
    done = casemate(*command, "--json", input="".join(plot_line(k) for k in range(12)))
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)["counts"]
    assert (counts["plots"], counts["tracks_confirmed"]) == (12, 1)
    wrong = casemate(*command[:-1], tmp_path / "wrong", input=plot_line(0) + plot_line(1, azimuth_deg="east"))
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "line 2" in wrong.stderr.splitlines()[-1]
    assert "azimuth_deg" in wrong.stderr.splitlines()[-1]


def a_feed(state, **counts):
    row = missing(FEED, 1)
    for name in FEED.names[5:]:
        row[name] = 0
    row["feed"], row["t_ns"], row["state"], row["t_last_ns"], row["plots_per_s"] = URL, 5 * 10**9, state, 0, 0.0
    for name, value in counts.items():
        row[name] = value
    return Aside(t_ns=5 * 10**9, kind="feed", rows=row)


def shown(table):
    console = rich.console.Console(width=200, record=True, file=io.StringIO())
    console.print(table._shown())
    return " ".join(console.export_text().split())


def test_the_table_shows_how_a_feed_and_its_clock_are():
    table = watch.StatusTable()
    table.take(a_feed(FeedState.WAITING), None)
    assert "waiting" in shown(table)
    assert "never" in shown(table)
    table.take(
        a_feed(FeedState.OK, n_plots=12_345, t_last_ns=4_500_000_000, n_shed=2, n_lost=3, plots_per_s=77.0), None
    )
    clock = missing(FEED_CLOCK, 1)
    clock["feed"], clock["sensor_id"], clock["t_ns"], clock["t_last_ns"], clock["n_plots"] = URL, 0, 5, 5, 5
    clock["offset_s"], clock["shift_s"], clock["n_jumps"], clock["is_off"] = 0.012, -3600.0, 1, True
    table.take(Aside(t_ns=5 * 10**9, kind="feed-clock", rows=clock), None)
    text = shown(table)
    for words in (
        URL,
        "ok",
        "12,345",
        "77",
        "0.5 s",
        "5",
        "+0.012 s, put right by -3,600.0 s",
        "0 tracks, 0 zones warned",
    ):
        assert words in text, words
    table.take(a_feed(FeedState.SILENT), None)
    assert "silent" in shown(table)


def test_elsewhere_than_on_a_terminal_each_change_of_state_is_a_line(capsys):
    table = watch.StatusTable()
    for state in (FeedState.WAITING, FeedState.OK, FeedState.OK, FeedState.LOST, FeedState.OK):
        table.take(a_feed(state), None)
    said = [each for each in capsys.readouterr().err.splitlines() if each]
    assert said == [f"{URL}: {word}" for word in ("waiting", "ok", "lost", "ok")]
