"""A run exported and read back: CAP by its schema, GeoJSON by OGR, CZML by czml3; areas as they were computed."""

import json
import math

import notice_cases as cases
import pyogrio
import pytest
import shapely
from czml3 import Packet
from lxml import etree

from casemate.cli import main
from casemate.cli.exports import RETOLD, export_retold
from casemate.errors import SettingsError
from casemate.io.channels.czml import czml_of
from casemate.io.channels.run_map import RunMap, geojson_of
from casemate.io.run_folder import read_run
from casemate.model.notices import DrillPicture, MapTrack
from casemate.runner.retelling import retell

K_90 = -2.0 * math.log(1.0 - 0.9)
"""Squared radius, in sigmas, of the ellipse that holds 90 % of a normal in the plane."""


@pytest.fixture(scope="module")
def exported(run_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    for to in RETOLD:
        export_retold(run_folder, to, folder / to)
    return folder


def area_m2(polygon):
    """Return a small polygon's area on a sphere of the Earth's size; its ellipsoid differs by up to 0.7 %."""
    lat_deg = polygon.centroid.y
    return polygon.area * math.radians(6_371_008.8) ** 2 * math.cos(math.radians(lat_deg))


def wanted_m2(run_folder):
    """Return by track the area of the 90 % ellipse of its last impact, from the run's table."""
    table = read_run(run_folder).impacts
    names = ("track_id", "status", "cov_ee_m2", "cov_en_m2", "cov_nn_m2")
    rows = zip(*(table[name].to_pylist() for name in names), strict=True)
    return {
        track_id: math.pi * K_90 * math.sqrt(ee * nn - en * en)
        for track_id, status, ee, en, nn in rows
        if status in {"ok", "out_of_table"}
    }


def test_every_alert_of_a_run_is_valid_and_an_exercise(exported, run_folder, shared):
    rules = etree.XMLSchema(etree.parse(shared / "interop" / "cap" / "CAP-v1.2.xsd"))
    alerts = [etree.parse(path) for path in (exported / "cap").glob("*.xml") if path.name != "atom.xml"]
    assert len(alerts) == read_run(run_folder).warnings.num_rows > 0
    for alert in alerts:
        rules.assertValid(alert)
        assert alert.getroot().findtext("{*}status") == "Exercise"
        assert alert.getroot().findtext("{*}sender") == "export@casemate.invalid"


def test_ogr_reads_the_areas_of_a_run_within_one_percent(exported, run_folder):
    columns = ["kind", "track_id", "status"]
    meta, _, geometries, values = pyogrio.raw.read(exported / "geojson" / "run.geojson", columns=columns)
    kind, track_id, status = (values[list(meta["fields"]).index(name)] for name in columns)
    assert set(status) <= {"exercise", "rehearsal"}
    wanted = wanted_m2(run_folder)
    seen = {
        int(track): area_m2(shapely.from_wkb(shape))
        for what, track, shape in zip(kind, track_id, geometries, strict=True)
        if what == "impact"
    }
    assert len(seen) >= 2
    for track, found_m2 in seen.items():
        assert found_m2 == pytest.approx(wanted[track], rel=0.01)


def test_czml3_reads_the_areas_of_a_run_within_one_percent(exported, run_folder):
    document, *packets = json.loads((exported / "czml" / "run.czml").read_text("utf-8"))
    assert document["id"] == "document"
    wanted, n = wanted_m2(run_folder), 0
    for packet in packets:
        read = Packet.model_validate(packet)
        assert read.name.startswith("EXERCISE: ")
        if packet["id"].startswith("impact:"):
            values = packet["polygon"]["positions"][-1]["cartographicDegrees"]
            ring = shapely.Polygon(zip(values[0::3], values[1::3], strict=True))
            assert area_m2(ring) == pytest.approx(wanted[int(packet["id"].split(":")[1])], rel=0.01)
            n += 1
    assert n >= 2
    assert len({packet["id"] for packet in packets}) == len(packets)


def test_a_run_is_told_again_as_a_rehearsal_with_the_same_warnings(run_folder):
    told = [notice for step in retell(run_folder).steps for notice in step.notices]
    table = read_run(run_folder).warnings
    assert [notice.t_sent_ns for notice in told] == table["t_ns"].to_pylist()
    assert [notice.zone for notice in told] == table["zone"].to_pylist()
    assert {type(notice) for notice in told} == {cases.KINDS[2]}


def test_tracks_and_areas_that_cross_180_degrees_are_cut(tmp_path):
    run = RunMap("Fiji", 55.0)
    for i, lon_deg in enumerate((179.9, 179.98, -179.94, -179.86)):
        track = MapTrack(7, cases.T0_NS + i, "confirmed", "rocket", 1.0, -17.0, lon_deg, 100.0, (0.0, 0.0, 0.0))
        ring = ((-17.0, 179.99), (-17.0, -179.98), (-16.99, -179.98), (-16.99, 179.99))
        area = cases.area(ring_deg=ring, lat_deg=-17.0, lon_deg=lon_deg)
        run.add(cases.T0_NS + i, (), DrillPicture(station="Fiji", t_ns=i, tracks=(track,), areas=(area,)))
    impact, line = geojson_of(run).features
    assert impact.geometry["type"] == "MultiPolygon"
    assert [len(part) for part in line.geometry["coordinates"]] == [2, 2]
    _, east, west, track = czml_of(run)
    assert (east["id"], west["id"]) == ("impact:7:0", "impact:7:1")
    assert track["position"]["cartographicDegrees"][3] == 155.0  # above the ellipsoid


def test_a_folder_without_a_run_and_an_unknown_format_are_refused(run_folder, tmp_path, monkeypatch, capsys):
    with pytest.raises(SettingsError, match="is no run that can be told again"):
        export_retold(tmp_path, "czml", tmp_path / "x")
    (tmp_path / "file").write_text("x")
    for to in RETOLD:
        with pytest.raises(SettingsError, match="cannot be written"):
            export_retold(run_folder, to, tmp_path / "file")
    monkeypatch.setattr("sys.argv", ["casemate", "export", str(run_folder), "--to", "kml", "-o", str(tmp_path / "x")])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert "'kml'; there are: asterix, cap, cot, czml, geojson" in capsys.readouterr().err
