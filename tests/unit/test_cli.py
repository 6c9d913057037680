"""The face of the command line: exit codes, one line on standard error, late imports."""

import json
import math
import subprocess
import sys

import pytest

from casemate import rehearsal
from casemate.cli import main
from casemate.io.settings import packaged


def _call(capsys, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["casemate", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    said = capsys.readouterr()
    return stop.value.code, said.out, said.err


SITE = """
[site]
name = "Here"
lat_deg = 33.3
lon_deg = 44.4
height_m = 34.0

[[sensor]]
name = "radar-1"
lat_deg = 33.3
lon_deg = 44.4
height_m = 44.0
scan_period_s = 1.0
sigma_range_m = 15.0
sigma_azimuth_deg = 0.17
"""


@pytest.fixture
def site(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(SITE)
    return path


@pytest.fixture
def plots(tmp_path):
    path = tmp_path / "plots.csv"
    path.write_text("t_ns,sensor,range_m,azimuth_deg\n1000000000,radar-1,5000,10\n2000000000,radar-1,5100,10.1\n")
    return path


def test_version_and_help_end_well(capsys, monkeypatch):
    assert _call(capsys, monkeypatch, "--version")[0] == 0
    code, out, _ = _call(capsys, monkeypatch, "--help")
    assert code == 0
    for command in ("run", "track", "replay", "fly", "import", "verify", "doctor"):
        assert command in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "green-zone"], "did you mean 'green-zone-2020'"),
        (["run", "--sede", "3", "green-zone-2020"], "--sede"),
        (["run", "nowhere/else.toml"], "nowhere/else.toml"),
        (["track", "absent.csv", "--site", "absent.toml", "-o", "out"], "absent.toml"),
        (["track", "absent.csv"], "--site"),
        (["replay", "absent"], "absent"),
        (["import", "absent.pcap", "-o", "plots.csv"], "absent.pcap"),
        (["verify", "absent"], "absent"),
        (["shoot"], "shoot"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(capsys, monkeypatch, tmp_path, arguments, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = _call(capsys, monkeypatch, *arguments)
    lines = [line for line in err.splitlines() if not line.startswith("compiling kernels")]
    assert code == 2
    assert out == ""
    assert len(lines) == 1
    assert words in lines[0]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("scan_period_s = 1.0", "scan_period = 1.0", "scan_period"),
        ("sigma_range_m = 15.0", "sigma_range_m = -15.0", "sigma_range_m"),
        (
            "lat_deg = 33.3\nlon_deg = 44.4\nheight_m = 34.0",
            "lat_deg = 93.3\nlon_deg = 44.4\nheight_m = 34.0",
            "lat_deg",
        ),
        ("[[sensor]]", "[tracking]\ndrag_curve = 'g9'\n\n[[sensor]]", "drag_curve"),
        (
            "[[sensor]]",
            (
                '[[zone]]\nname = "Bow"\npolygon_deg = [[33.3, 44.4], [33.31, 44.41], [33.31, 44.4], [33.3, 44.41]]\n'
                "[[sensor]]"
            ),
            "Bow",
        ),
    ],
)
def test_a_wrong_setting_names_file_key_and_why(capsys, monkeypatch, tmp_path, site, plots, old, new, words):
    assert old in SITE
    site.write_text(SITE.replace(old, new))
    code, _, err = _call(capsys, monkeypatch, "track", plots, "--site", site, "-o", tmp_path / "out")
    assert code == 2
    assert "site.toml" in err
    assert words in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('round_class = "m82"', 'round_class = "m83"', "m83"),
        ("[2500.0, 3500.0]", "[90000.0, 99000.0]", "no flight of m82"),
        ("duration_s", "durations", "durations"),
    ],
)
def test_a_wrong_scenario_names_file_key_and_why(capsys, monkeypatch, tmp_path, old, new, words):
    text = packaged("scenarios", "mortar-team").read_text("utf-8")
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    code, _, err = _call(capsys, monkeypatch, "run", path, "-o", tmp_path / "out")
    assert code == 2
    assert "mine.toml" in err
    assert words in err
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_cannot_be_is_refused_before_anything_runs(capsys, monkeypatch, tmp_path, site, plots):
    (tmp_path / "file").write_text("in the way")
    code, _, err = _call(capsys, monkeypatch, "track", plots, "--site", site, "-o", tmp_path / "file" / "out")
    assert code == 2
    assert "cannot be written" in err


def test_a_run_is_never_written_over(capsys, monkeypatch, tmp_path, site, plots):
    arguments = ["track", plots, "--site", site, "-o", tmp_path / "out"]
    assert _call(capsys, monkeypatch, *arguments)[0] == 0
    before = (tmp_path / "out" / "journal.sqlite").read_bytes()
    code, _, err = _call(capsys, monkeypatch, *arguments)
    assert code == 2
    assert "holds a run already" in err
    assert (tmp_path / "out" / "journal.sqlite").read_bytes() == before


@pytest.mark.slow  # without the compiler
def test_every_round_is_flown_if_asked_for(capsys, monkeypatch, tmp_path):
    worlds = []
    world = rehearsal.World
    monkeypatch.setattr(rehearsal, "World", lambda *args, **kwargs: worlds.append(world(*args, **kwargs)) or worlds[-1])
    scenario = tmp_path / "short.toml"
    text = packaged("scenarios", "green-zone-2020").read_text(encoding="utf-8")
    for key, value in (
        ("duration_s = 300.0", "duration_s = 1.0"),
        ("count = 21", "count = 1"),
        ("sigma_m = 300.0", "sigma_m = 10.0"),
    ):
        assert key in text
        text = text.replace(key, value)
    scenario.write_text(text)
    assert _call(capsys, monkeypatch, "run", scenario, "-o", tmp_path / "flown", "--every-round")[0] == 0
    ends = [spent.end for _, _, spent in worlds[-1].spent]
    assert any(math.isnan(end.p_kill) for end in ends)  # a burst that is integrated has one


def test_json_is_json_and_nothing_else(capsys, monkeypatch, tmp_path, site, plots):
    code, out, _ = _call(capsys, monkeypatch, "track", plots, "--site", site, "-o", tmp_path / "out", "--json")
    assert code == 0
    assert json.loads(out)["counts"]["plots"] == 2
    code, out, _ = _call(capsys, monkeypatch, "doctor", "--json")
    assert code == 0
    assert {"numba", "disk"} <= {check["name"] for check in json.loads(out)}


def test_help_does_not_wait_for_numba_or_arrow():
    code = "import sys, casemate.cli; print(sorted({'numba', 'pyarrow', 'matplotlib', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_doctor_prints_brackets_as_they_are(capsys):
    from casemate.cli import show
    from casemate.io.doctor import Check

    show.examined((Check(name="a", is_needed=False, is_well=False, found="x[terrain]"),))
    assert "x[terrain]" in capsys.readouterr().out
