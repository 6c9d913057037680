"""`casemate serve` with its page: a demonstration as a process of its own, and what cannot be."""

import contextlib
import io
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from live_station import write_site

from casemate.cli import main, page
from casemate.io.channels.auditing import audit_run
from casemate.io.web import roles

CASEMATE = [sys.executable, "-c", "from casemate.cli import main; main()"]


def asked(url, path, data=None, headers=None):
    request = urllib.request.Request(f"{url}{path}", data=data, headers=headers or {})  # noqa: S310 of this machine
    with urllib.request.urlopen(request, timeout=5.0) as answer:  # noqa: S310
        return json.loads(answer.read())


def wait_until_ready(url, seconds):
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        with contextlib.suppress(urllib.error.HTTPError):  # 503: kernels are being warmed up
            asked(url, "health/ready")
            return
        time.sleep(0.1)
    pytest.fail("it never was ready")


@pytest.mark.slow
def test_a_demonstration_moves_is_acknowledged_and_ends_with_a_whole_audit_log(tmp_path):
    run = tmp_path / "run"
    command = [*CASEMATE, "serve", "--demo", "mortar-team", "--page", "127.0.0.1:0", "-o", str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as station:
        assert station.stderr is not None
        try:
            line = next(each for each in station.stderr if each.startswith("page"))
            url = line.split()[1]
            wait_until_ready(url, 300.0)
            first = asked(url, "api/state")
            time.sleep(2.0)
            then = asked(url, "api/state")
            end_s = time.monotonic() + 60.0
            while not (alarms := asked(url, "api/alarms")):
                assert time.monotonic() < end_s
                time.sleep(0.2)
            path = f"api/alarms/{alarms[0]['incident']}/acknowledge"
            done = asked(url, path, b"", {"X-Casemate": "1"})
            station.send_signal(signal.SIGINT)
            _, errors = station.communicate(timeout=60.0)
        finally:
            station.kill()
    assert (first["mark"], first["data"], first["role"]) == ("SIMULATION", "SIMULATION", "operator")
    assert 1.0 < (then["t_ns"] - first["t_ns"]) / 1e9 < 5.0  # as fast as time
    assert (done["is_first"], done["acknowledged"]["by"]) == (True, "local")
    assert station.returncode == 1, errors  # stopped before its end, as `run` says it
    verdict = audit_run(run)
    assert (verdict.is_whole, verdict.what["acknowledged"]) == (True, 1)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["--demo", "mortar-team", "--feed", "udp://127.0.0.1:8600"], "--demo"),
        (["--demo", "mortar-team", "--no-page"], "casemate run"),
        (["--demo", "nothing-such"], "nothing-such"),
        ([], "SITE"),
        (["SITE", "--seed", "3"], "belong to --demo"),
        (["SITE", "--feed", "udp://127.0.0.1:8739", "--no-page", "--page", "127.0.0.1:0"], "--no-page"),
        (["SITE", "--feed", "udp://127.0.0.1:8739", "--page", "8800"], "HOST:PORT"),
        (["SITE", "--feed", "udp://127.0.0.1:8739", "--page", "0.0.0.0:8800"], "--users, --certificate and --key"),
        (["SITE", "--feed", "udp://127.0.0.1:8739", "--page", "127.0.0.1:TAKEN"], "Address already in use"),
        (["SITE", "--feed", "udp://127.0.0.1:8739", "--certificate", "SITE"], "belong together"),
        (["SITE", "--feed", "udp://127.0.0.1:8739", "--certificate", "SITE", "--key", "SITE"], "cannot be used"),
        (["SITE", "--feed", "udp://127.0.0.1:8739", "--users", "SITE"], "not a known key"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys, command, why):
    site = write_site(tmp_path)
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = [str(site) if each == "SITE" else each.replace("TAKEN", port) for each in command]
        monkeypatch.setattr(sys, "argv", ["casemate", "serve", *said])
        with pytest.raises(SystemExit) as stop:
            main()
    out, errors = capsys.readouterr()
    lines = [each for each in errors.splitlines() if not each.startswith("compiling kernels")]
    assert (stop.value.code, out, len(lines)) == (2, "", 1), errors
    assert why in lines[0]
    assert not (tmp_path / "runs").exists()


def test_without_its_extra_a_page_that_is_asked_for_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(page.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["casemate", "serve", "--demo", "mortar-team", "--page", "127.0.0.1:0"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert "pip install casemate[web]" in capsys.readouterr().err


def test_a_password_is_told_as_a_user_of_the_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("open sesame\n"))
    monkeypatch.setattr(sys, "argv", ["casemate", "password", "anna", "--role", "operator"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0
    (tmp_path / "users.toml").write_text(capsys.readouterr().out, "utf-8")
    keeper = roles.Keeper(roles.read_users(tmp_path / "users.toml"))
    assert keeper.check("anna", "open sesame") == ("anna", "operator")
    assert keeper.check("anna", "open sesam") is None
