"""One command for recordings of every kind: ASTERIX and SAPIENT told apart, system tracks beside plots."""

import json
import struct

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from casemate.cli.commands import app
from casemate.errors import SettingsError
from casemate.io.feeds.importing import convert


def block(category: int, body: bytes) -> bytes:
    return bytes([category]) + struct.pack(">H", len(body) + 3) + body


def test_system_tracks_go_to_a_table_of_their_own(tmp_path):
    fspec = bytes([0b1001_1001, 0b0000_1000])  # I010, I070, I105, and I040
    body = fspec + bytes.fromhex("196460000000800000004000001234")
    (tmp_path / "x.raw").write_bytes(block(62, body))
    called = ["import", str(tmp_path / "x.raw"), "-o", str(tmp_path / "p.parquet"), "--json"]
    told = CliRunner().invoke(app, [*called, "--tracks", str(tmp_path / "t.parquet")])
    counts = json.loads(told.output)
    assert (counts["n_plots"], counts["n_system_tracks"], counts["refused"]) == (0, 1, [])
    (row,) = pq.read_table(tmp_path / "t.parquet").to_pylist()
    assert (row["lat_deg"], row["lon_deg"]) == pytest.approx((45.0, 22.5))
    assert (row["source"], row["number"], row["ve_mps"]) == ("25-100", 0x1234, None)


def test_an_edition_of_the_command_line_decides(tmp_path):
    # I048/020 with a third part, which editions before 1.31 do not have
    body = bytes([0b1111_0000]) + bytes.fromhex("190a60000021010002004000")
    (tmp_path / "x.raw").write_bytes(block(48, body))
    called = ["import", str(tmp_path / "x.raw"), "-o", str(tmp_path / "p.parquet"), "--json"]
    assert json.loads(CliRunner().invoke(app, called).output)["n_plots"] == 1
    counts = json.loads(CliRunner().invoke(app, [*called, "--edition", "048=1.30"]).output)
    assert [each["reason"] for each in counts["refused"]] == ["category 048 block does not decode as edition 1.30"]


def test_sapient_needs_to_know_where_its_sensors_stand(tmp_path):
    cases = pytest.importorskip("sapient_cases", reason="without the extra sapient")
    from casemate.io.feeds.sapient import wire

    (tmp_path / "x.sapient").write_bytes(b"".join(wire.frame(each) for each in cases.every_kind()))
    with pytest.raises(SettingsError, match="--site: is needed"):
        convert(tmp_path / "x.sapient", tmp_path / "p.parquet")
