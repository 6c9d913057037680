"""A run exported as Cursor on Target: every line an event, all of them a drill's; taky and pytak pass them on."""

import xml.etree.ElementTree as ET

import cot_cases as cases
import pytest

from casemate.cli.exports import export_retold
from casemate.io.channels.stream import Endpoint, Stream
from casemate.io.run_folder import read_run
from casemate.model.messages import WarningPhase


@pytest.fixture(scope="module")
def lines(run_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    export_retold(run_folder, "cot", folder)
    return (folder / "run.cot").read_bytes().splitlines()


def test_every_line_is_an_event_of_a_drill_in_order(lines, run_folder):
    events = [ET.fromstring(line) for line in lines]  # noqa: S314 of our own making
    assert [each.get("time") for each in events] == sorted(each.get("time") for each in events)
    assert all(each.get("uid").startswith("casemate-exercise.") for each in events)
    said = [e.get("callsign") for each in events for e in each.iter("contact")]
    said += [e.text for each in events for e in each.iter("remarks")]
    assert all(each.startswith("EXERCISE ") for each in said)
    own = [e for each in events for e in each.iter("__casemate")]
    assert len(own) == read_run(run_folder).warnings.num_rows > 0
    ended = {each.get("uid") for each in events if each.get("type") == "b-a-o-can"}
    raised = {each.get("uid") for each in events if each.get("type") == "b-a-o-tbl"}
    assert ended <= raised
    over = {
        e.get("incident") for e in own if e.get("phase") in {WarningPhase.CLEAR.value, WarningPhase.WITHDRAWN.value}
    }
    assert len(ended) == len(over)


def test_the_areas_are_those_of_the_run(lines, run_folder):
    table = read_run(run_folder).impacts
    rows = zip(*(table[name].to_pylist() for name in ("cov_ee_m2", "cov_en_m2", "cov_nn_m2", "status")), strict=True)
    wanted = [cases.true_area_m2(((ee, en), (en, nn))) for ee, en, nn, status in rows if status == "ok"]
    events = [ET.fromstring(line) for line in lines if b'.area" type="u-d-f"' in line]  # noqa: S314 of our own making
    assert events
    for each in events:
        seen = cases.area_m2(cases.vertices(each))
        assert min(abs(seen / each_m2 - 1.0) for each_m2 in wanted) < 0.01


def test_taky_passes_every_line_on(lines, tmp_path):
    server = cases.Taky(tmp_path / "taky", with_tls=False).start()
    listener = cases.Listener(server.url)
    try:
        stream = Stream(Endpoint("127.0.0.1", server.port, 5.0), lambda _: None)
        stream.send(b"\n".join(lines) + b"\n")
        came = listener.take(len(lines))
        sent = [ET.fromstring(line) for line in lines]  # noqa: S314 of our own making
        assert [(each.get("uid"), each.get("type")) for each in came] == [
            (each.get("uid"), each.get("type")) for each in sent
        ]
        stream.close()
    finally:
        listener.stop()
        server.remove()
