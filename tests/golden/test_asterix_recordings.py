"""Real and foreign-made ASTERIX against decoders that are not ours: every plot's time, range, azimuth, address.

The files lie in `shared/interop` (see its README for their sources and licences); tests that need them skip where
they are not.
"""

import csv
import io
import json
import re
import shutil
import struct
import subprocess

import numpy as np
import pytest

from casemate.io.feeds.asterix import DAY_NS, TICK_NS, import_recording
from casemate.io.feeds.asterix.export import wrap_ip
from casemate.io.feeds.capture import Tally, read_datagrams
from casemate.model.catalog import RadarSite, SiteFile, SitePoint

FT = 0.3048


@pytest.fixture(scope="module")
def recordings(shared):
    folder = shared / "interop" / "asterix"
    if not folder.is_dir():
        pytest.skip("shared/interop/asterix is not there")
    return folder


def a_site(sac: int, sic: int) -> SiteFile:
    point = SitePoint(name="Jahorina", lat_deg=43.7260, lon_deg=18.5516, height_m=1900.0)
    radar = RadarSite(
        name="jahorina",
        lat_deg=43.7260,
        lon_deg=18.5516,
        height_m=1900.0,
        scan_period_s=5.0,
        sigma_range_m=70.0,
        sigma_azimuth_deg=0.08,
        sac=sac,
        sic=sic,
    )
    return SiteFile(site=point, sensor=(radar,))


def expected_plots(text: str) -> list[dict]:
    """Read what asterix-decoder said of each CAT048 record with a position."""
    plots = []
    for record in text.split("Data Record ")[1:]:
        source = re.search(r"System Area Code: (\d+)\n\s+System Identification Code: (\d+)", record)
        time = re.search(r"Time Of Day: (\d+)", record)
        position = re.search(r"RHO: (\d+) .*\n\s+THETA: (\d+)", record)
        if not position:
            continue
        address = re.search(r"AircraftAddress: ([0-9A-F]+)", record)
        level = re.search(r"FlightLevel: (-?\d+)", record)
        measured = re.search(r"3D_Height: (-?\d+)", record)
        plots.append(
            {
                "sensor": f"{source[1]}-{source[2]}",
                "ticks": int(time[1]),
                "rho": int(position[1]),
                "theta": int(position[2]),
                "label": address[1].lower() if address else None,
                "height": measured or level,  # the radar's own before the transponder's; both count 25 ft
            }
        )
    return plots


def test_a_real_capture_of_seven_radars(recordings):
    want = expected_plots((recordings / "cat_034_048.expected.txt").read_text())
    result = import_recording(recordings / "cat_034_048.pcap")
    got = result.table.to_pylist()
    assert len(got) == len(want) == 126
    day_ns = 1_462_406_400 * 10**9  # 2016-05-05, the capture's day
    for row, plot in zip(got, want, strict=True):
        assert row["sensor"] == plot["sensor"]
        assert row["t_ns"] == day_ns + plot["ticks"] * TICK_NS
        assert row["range_m"] == pytest.approx(plot["rho"] * 1852.0 / 256.0, abs=1e-6)
        assert row["azimuth_deg"] == pytest.approx(plot["theta"] * 360.0 / 65536.0, abs=1e-9)
        assert row["label"] == plot["label"]
        if plot["height"]:
            assert row["height_m"] == pytest.approx(int(plot["height"][1]) * 25.0 * FT)
    reasons = {each.reason: each.count for each in result.counts.refused}
    assert reasons == {"record without a position (I048/040)": 2}  # I020 says of both: no detection


def test_eighty_seconds_of_a_real_radar(recordings):
    result = import_recording(recordings / "jahorina.raw", a_site(23, 2))
    table = result.table
    # 622 blocks of CAT048 hold 2,099 records; 423 of them are there twice, as the recording has them
    assert table.num_rows == result.counts.n_plots == 2099
    assert result.counts.refused == ()
    assert set(table["sensor"].to_pylist()) == {"jahorina"}
    t_ns = table["t_ns"].to_numpy()
    assert (t_ns.min() / 1e9, t_ns.max() / 1e9) == pytest.approx((33932.195, 34012.578), abs=1e-3)
    scan = table["scan"].to_numpy()
    assert (scan.min(), scan.max()) == (0, 16)
    # an antenna of 5.0156 s: what it saw in a turn is where the antenna was
    turn = np.mod(table["azimuth_deg"].to_numpy() / 360.0 - t_ns / 5.0156e9, 1.0) * 2.0 * np.pi
    assert np.abs(np.exp(1j * turn).mean()) > 0.99
    assert sum(label is not None for label in table["label"].to_pylist()) == 2050


def test_a_radar_that_the_site_does_not_know_is_refused(recordings):
    result = import_recording(recordings / "jahorina.raw", a_site(1, 1))
    assert result.counts.n_plots == 0
    assert [(each.reason, each.count) for each in result.counts.refused] == [
        ("unknown radar SAC 23 SIC 2", 2119)
    ]  # with 20 marks


def test_vectors_made_with_another_encoder_call(recordings):
    folder = recordings / "own_vectors"
    want = json.loads((folder / "expected.json").read_text())["ram048.bin"]
    (row,) = import_recording(folder / "ram048.bin").table.to_pylist()
    assert row["t_ns"] == want["tod"] * 1e9
    assert row["range_m"] == pytest.approx(want["rho_NM"] * 1852.0)
    assert row["azimuth_deg"] == pytest.approx(want["theta_deg"])
    assert row["height_m"] == pytest.approx(want["h3d_ft"] * FT)
    assert row["range_rate_mps"] == want["doppler_mps"]
    # differs in I020 alone, which says that nothing was detected (by a mistake of its maker, who meant the type)
    bad = import_recording(folder / "ram048_bad020.bin").counts
    assert [each.reason for each in bad.refused] == ["no detection, extrapolated (I048/020 TYP 0)"]


def test_a_vector_of_category_015_made_with_another_encoder_call(recordings):
    folder = recordings / "own_vectors"
    want = json.loads((folder / "expected.json").read_text())["ram015.bin"]
    (row,) = import_recording(folder / "ram015.bin").table.to_pylist()
    assert row["t_ns"] == want["toa"] * 1e9
    assert row["range_m"] == pytest.approx(want["R_m"])
    assert row["sigma_range_m"] == pytest.approx(want["SDR_m"])
    assert row["range_rate_mps"] == pytest.approx(want["DV_mps"])
    assert row["sigma_range_rate_mps"] == pytest.approx(want["SDDV"])
    assert row["azimuth_deg"] == pytest.approx(want["AZ"])
    assert row["elevation_deg"] == pytest.approx(want["EL"])


def test_a_vector_of_category_062_made_with_another_encoder_call(recordings):
    folder = recordings / "own_vectors"
    want = json.loads((folder / "expected.json").read_text())["ram062.bin"]
    (row,) = import_recording(folder / "ram062.bin").tracks.to_pylist()
    assert (row["lat_deg"], row["lon_deg"]) == pytest.approx((want["lat"], want["lon"]))
    assert (row["ve_mps"], row["vn_mps"]) == (want["vx"], want["vy"])
    assert row["height_m"] == pytest.approx(want["alt_ft"] * FT)
    assert row["vu_mps"] == pytest.approx(want["rocd_ftmin"] * FT / 60.0)
    assert row["number"] == want["trk"]


def test_all_system_tracks_of_a_real_capture(recordings):
    text = (recordings / "cat_062_065.expected.json.txt").read_text()
    wants = [each for each in (json.loads(line) for line in text.splitlines() if line.strip()) if each["cat"] == 62]
    result = import_recording(recordings / "cat_062_065.pcap")
    rows = result.tracks.to_pylist()
    assert result.counts.n_plots == 0
    assert {each.reason for each in result.counts.refused} == {"category 065 is not imported"}
    assert len(rows) == len(wants) == result.counts.n_system_tracks
    for row, each in zip(rows, wants, strict=True):
        want = each["CAT062"]
        assert row["source"] == f"{want['I010']['SAC']}-{want['I010']['SIC']}"
        assert row["t_ns"] % DAY_NS == want["I070"]["ToT"] * 1e9
        assert row["number"] == want["I040"]["TrkN"]
        assert (row["lat_deg"], row["lon_deg"]) == pytest.approx((want["I105"]["Lat"], want["I105"]["Lon"]), abs=1e-7)
        assert (row["ve_mps"], row["vn_mps"]) == (want["I185"]["Vx"], want["I185"]["Vy"])
        assert row["height_m"] == pytest.approx(want["I130"]["Alt"] * FT)
        assert row["level_m"] == pytest.approx(want["I136"]["MFL"] * FT)
        assert row["vu_mps"] == pytest.approx(want["I220"]["RoC"] * FT / 60.0)
        assert row["address"] == want["I380"]["ADR"]["ADR"].lower()
        assert row["callsign"] == want["I380"]["ID"]["ACID"].strip()
        flags = want["I080"]
        told = (flags["TSE"], flags["CST"], flags["SIM"])
        assert (row["is_end"], row["is_coasting"], row["is_drill"]) == tuple(map(bool, told))


def told_by_tshark(path) -> dict[str, list[float]]:
    names = ["asterix.048_140_VALUE", "asterix.048_040_RHO", "asterix.048_040_THETA"]
    command = ["tshark", "-r", str(path), "-d", "udp.port==1-65535,asterix", "-T", "fields"]
    for name in names:
        command += ["-e", name]
    told = subprocess.run([*command, "-E", "separator=;"], capture_output=True, text=True, check=True).stdout
    columns = {name: [] for name in names}
    for row in csv.reader(io.StringIO(told), delimiter=";"):
        for name, values in zip(names, row, strict=True):
            columns[name] += [float(value) for value in values.split(",") if value]
    return columns


@pytest.mark.parametrize("name", ["cat_034_048.pcap", "jahorina.raw"])
def test_tshark_reads_the_same(recordings, tmp_path, name):
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    path, n_without_place = recordings / name, 2 if name.endswith("pcap") else 0
    if name.endswith("raw"):  # as a capture, a block a packet
        path = tmp_path / "x.pcap"
        with path.open("wb") as stream:
            stream.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65_535, 101))
            for datagram in read_datagrams(io.BytesIO((recordings / name).read_bytes()), Tally()):
                packet = wrap_ip(datagram.payload)
                stream.write(struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet)
    t_s, rho_nm, theta_deg = told_by_tshark(path).values()
    table = import_recording(recordings / name).table
    assert table["range_m"].to_pylist() == pytest.approx([each * 1852.0 for each in rho_nm], abs=0.01)
    assert table["azimuth_deg"].to_pylist() == pytest.approx(theta_deg, abs=1e-6)
    tod_s = (table["t_ns"].to_numpy() % DAY_NS) / 1e9
    assert len(t_s) == len(tod_s) + n_without_place  # which have a time, and no position
    if not n_without_place:
        assert tod_s == pytest.approx(np.array(t_s), abs=1e-9)
    assert set(tod_s) <= set(t_s)
