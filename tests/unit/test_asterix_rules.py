"""What becomes of ASTERIX records: which are no plots and why, units of CAT015, editions by name, days."""

import math

import numpy as np
import pytest
from asterix import generated

from casemate.errors import SettingsError
from casemate.io import settings
from casemate.io.feeds.asterix import DAY_NS, TICK_NS, DayClock, Decoder, parse_editions
from casemate.io.feeds.asterix.encoder import block
from casemate.io.feeds.asterix.layout import editions_of, layout_of
from casemate.model.catalog import AsterixSettings

NOON = 12 * 3600 * 128
SOURCE = (("SAC", 25), ("SIC", 10))
DESCRIPTOR_048 = ((("TYP", 1), 0, 0, 0, 0, None),)
PLOT_048 = {"010": SOURCE, "140": NOON, "020": DESCRIPTOR_048, "040": (("RHO", 512), ("THETA", 16384))}
PLOT_015 = {"010": SOURCE, "000": (1, 0), "145": NOON, "625": {"R": 42_000}, "627": {"AZ": 16384}}
TRACK_021 = {"010": SOURCE, "071": NOON, "131": (("LAT", 1 << 28), ("LON", 1 << 27)), "080": 0x4CA1FA}


def sent(kind, category: int, items: dict, **decoder):
    """Encode one record by libasterix; return what the decoder makes of it, and the reasons of what it refuses."""
    decoder = Decoder(**decoder)
    record = kind.cv_record.create(dict(items)).unparse().to_bytes()
    decoded = decoder.take(block(category, [record]), None)
    return decoded, [each.reason for each in decoder.tally.refused()]


def plot_048(**items):
    return sent(generated.Cat_048_1_32, 48, PLOT_048 | {name.strip("i"): item for name, item in items.items()})


def plot_015(takes_drills=None, **items):
    changed = {name.strip("i"): item for name, item in items.items()}
    return sent(generated.Cat_015_1_2, 15, PLOT_015 | changed, takes_drills=takes_drills)


def test_a_plain_plot_of_048():
    decoded, refused = plot_048(i110=(0, ("3DH", 400)), i120={"CAL": (0, 0, 1024 - 215)}, i220=0x4CA1FA)
    (plot,) = decoded.plots
    assert refused == []
    assert (plot["sensor_id"], plot["t_ns"]) == (25 << 8 | 10, 43_200 * 10**9)
    assert (plot["range_m"], plot["az_rad"]) == (3704.0, pytest.approx(math.pi / 2))
    assert (plot["height_m"], plot["range_rate_mps"]) == (pytest.approx(3048.0), -215.0)
    assert decoded.labels.tolist() == [(0, "4ca1fa")]


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ({"i020": ((("TYP", 0), 0, 0, 0, 0, None),)}, "no detection, extrapolated (I048/020 TYP 0)"),
        ({"i020": ((("TYP", 5), 0, 0, 0, 1, None),)}, "field monitor, no target (I048/020 RAB)"),
        ({"i020": ((("TYP", 5), 1, 0, 0, 0, None),)}, "drill or test target (I048/020 SIM, TST)"),
        ({"i020": (*DESCRIPTOR_048, (1, 0, 0, 0, 0, 0, None))}, "drill or test target (I048/020 SIM, TST)"),
        ({"i020": (*DESCRIPTOR_048, (0, 1, 0, 0, 0, 0, None))}, "range beyond the item (I048/020 ERR)"),
        ({"i030": (1,)}, "reflection (I048/030 code 1)"),
        ({"i030": (19, 10)}, "phantom plot (I048/030 code 10)"),
        ({"i140": 86_400 * 128}, "time of day beyond 24 h (I048/140)"),
    ],
)
def test_what_is_no_measurement_of_a_target_is_refused(items, reason):
    decoded, refused = plot_048(**items)
    assert len(decoded.plots) == 0
    assert refused == [reason]


def test_birds_are_kept_and_a_height_that_cannot_be_is_not():
    decoded, refused = plot_048(i030=(19, 20, 5), i090=(0, 0, 400))
    assert (len(decoded.plots), refused) == (1, [])
    assert decoded.plots["height_m"][0] == pytest.approx(10_000 * 0.3048)
    for items in ({"i030": (12,), "i090": (0, 0, 400)}, {"i090": (1, 0, 400)}, {"i090": (0, 1, 400)}):
        assert math.isnan(plot_048(**items)[0].plots["height_m"][0])
    below, _ = plot_048(i090=(0, 0, (1 << 14) - 4))  # a level below 0, in every edition
    assert below.plots["height_m"][0] == pytest.approx(-100 * 0.3048)


def test_a_plot_of_015_carries_its_errors():
    decoded, refused = plot_015(
        i161=77,
        i625={"R": 42_003, "SDR": 105},
        i626={"DV": -21_512, "SDDV": 32},
        i627={"AZ": 16384, "SDASZ": 128},
        i628={"EL": -3000, "SDEL": 0},
        i630={"DPS": 17},
    )
    (plot,) = decoded.plots
    assert refused == []
    assert plot["range_m"] == pytest.approx(4200.3)
    assert plot["sigma_range_m"] == pytest.approx(10.5)
    assert (plot["range_rate_mps"], plot["sigma_range_rate_mps"]) == (pytest.approx(-215.12), 0.5)
    assert plot["sigma_az_rad"] == pytest.approx(math.radians(128 * 45 / 65_536))
    assert plot["el_rad"] == pytest.approx(math.radians(-3000 * 180 / 65_536))
    assert math.isnan(plot["sigma_el_rad"])  # 0: below its step, and no error that a filter could use
    assert plot["snr_db"] == 17.0
    assert decoded.labels.tolist() == [(0, "77")]


def test_without_doppler_015_gives_the_rate_of_its_ranges():
    decoded, _ = plot_015(i625={"R": 42_003, "RR": -2151, "SDRR": (20, 0)})
    assert decoded.plots["range_rate_mps"][0] == pytest.approx(-215.1)
    assert decoded.plots["sigma_range_rate_mps"][0] == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ({"i020": ((1, 0, 0, 0, None),)}, "range of a multi-static sensor (I015/020 MOMU)"),
        ({"i020": ((0, 3, 0, 0, None),)}, "reference, synthetic or replayed target (I015/020 TTAX)"),
        ({"i627": {"AZR": 5}}, "record without a position (I015/625, I015/627)"),
        ({"i625": {"R": (1 << 24) - 5}}, "range of 0 or below (I015/625)"),
        ({"i000": (6, 0)}, "message type is missing or not known (I015/000)"),
        ({"i000": (2, 0)}, "track without a WGS 84 position (category 015)"),
    ],
)
def test_what_is_no_plot_of_015_is_refused(items, reason):
    decoded, refused = plot_015(**items)
    assert len(decoded.plots) == 0
    assert refused == [reason]


def test_drills_are_taken_where_the_site_says_so():
    decoded, refused = plot_015(takes_drills=True, i020=((0, 3, 0, 0, None),))
    assert (len(decoded.plots), refused) == (1, [])


def test_a_track_of_015_and_its_end():
    place = {"P84": (("LATITUDE", 1 << 29), ("LONGITUDE", -(1 << 28) % (1 << 32))), "HPP": (40, 44, 0)}
    decoded, _ = plot_015(i000=(2, 0), i161=9, i600=place, i601={"GH": 123_456}, i170=((0, 0, 0, 0, 1, 0, 0, None),))
    (track,) = decoded.tracks
    assert (math.degrees(track["lat_rad"]), math.degrees(track["lon_rad"])) == pytest.approx((45.0, -22.5))
    assert (track["height_m"], track["sigma_e_m"], track["sigma_n_m"]) == (pytest.approx(1234.56), 10.0, 11.0)
    assert (track["number"], track["is_coasting"], track["is_end"]) == (9, True, False)
    decoded, refused = plot_015(i000=(5, 0), i161=9)
    assert (decoded.tracks["is_end"].tolist(), refused) == ([True], [])


@pytest.mark.parametrize("edition", ["2.1", "2.4", "2.7"])
def test_reports_of_aircraft_about_themselves(edition):
    items = TRACK_021 | {"160": (0, ("GS", 1 << 10), ("TA", 1 << 14)), "170": 0x0524_F1C5_4820, "157": (0, 64)}
    kind = getattr(generated, f"Cat_021_{edition.replace('.', '_')}")
    decoded, refused = sent(kind, 21, items, editions={21: edition})
    (track,) = decoded.tracks
    assert refused == []
    assert (math.degrees(track["lat_rad"]), math.degrees(track["lon_rad"])) == pytest.approx((45.0, 22.5))
    assert (track["ve_mps"], track["vn_mps"]) == pytest.approx((1852.0 / 16.0, 0.0), abs=1e-9)
    assert track["vu_mps"] == pytest.approx(64 * 6.25 * 0.3048 / 60.0)
    assert (track["address"], track["t_ns"]) == (0x4CA1FA, 43_200 * 10**9)


def test_an_edition_that_does_not_fit_is_refused_and_said():
    items = {"010": SOURCE, "030": NOON, "130": (("LAT", 1 << 23), ("LON", 0)), "080": 0x4CA1FA}
    kind = generated.Cat_021_0_26
    decoded, refused = sent(kind, 21, items, editions={21: "0.26"})
    assert (len(decoded.tracks), refused) == (1, [])
    assert decoded.tracks["lat_rad"][0] == pytest.approx(math.pi / 4)
    decoded, refused = sent(kind, 21, items | {"210": (0, 0, 0, 0, 0, 0)}, editions={21: "2.7"})
    assert (len(decoded.tracks), refused) == (0, ["category 021 block does not decode as edition 2.7"])


def test_a_report_of_multilateration():
    items = {
        "010": SOURCE,
        "020": ((1, 0, 0, 0, 0, 0, 0, None),),
        "140": NOON,
        "041": (("LAT", 1 << 23), ("LON", 1 << 22)),
        "161": (0, 99),
        "202": (("VX", 40), ("VY", -80)),
    }
    decoded, refused = sent(generated.Cat_020_1_11, 20, items)
    (track,) = decoded.tracks
    assert refused == []
    assert (math.degrees(track["lat_rad"]), math.degrees(track["lon_rad"])) == pytest.approx((45.0, 22.5))
    assert (track["ve_mps"], track["vn_mps"], track["number"]) == (10.0, -20.0, 99)


def test_the_editions_of_a_site_are_those_that_libasterix_has():
    for category in (15, 20, 21, 34, 48, 62):
        for edition in editions_of(category):
            layout_of(category, edition)
            toml = AsterixSettings(**{f"cat{category:03d}": edition})
            assert getattr(toml, f"cat{category:03d}") == edition
        assert getattr(AsterixSettings(), f"cat{category:03d}") == editions_of(category)[-1]


@pytest.mark.parametrize(
    ("line", "message"),
    [('cat048 = "1.99"', "asterix.cat048.*'1.99'"), ('cat48 = "1.30"', "asterix.cat48.*cat048")],
)
def test_a_misspelt_edition_is_refused_by_name(tmp_path, line, message):
    path = tmp_path / "site.toml"
    path.write_text(
        f'[site]\nname="a"\nlat_deg=0.0\nlon_deg=0.0\nheight_m=0.0\n[asterix]\n{line}\n[[sensor]]\nname="r"\n'
        "lat_deg=0.0\nlon_deg=0.0\nheight_m=0.0\nscan_period_s=1.0\nsigma_range_m=1.0\nsigma_azimuth_deg=0.1\n"
    )
    with pytest.raises(SettingsError, match=message):
        settings.read_site(path)


def test_editions_of_the_command_line():
    assert parse_editions(["048=1.30", "21=0.26"]) == {48: "1.30", 21: "0.26"}
    for word in ("048", "049=1.0", "x=1.0", "048="):
        with pytest.raises(SettingsError, match="--edition"):
            parse_editions([word])
    with pytest.raises(SettingsError, match="has no edition"):
        Decoder(editions={48: "9.9"})


def test_with_a_time_of_receipt_the_day_is_the_nearest():
    clock, rng = DayClock(), np.random.default_rng(5)
    for _ in range(2000):
        true_ns = int(rng.integers(0, 20_000 * DAY_NS // 10**6)) * 10**6
        late_ns = int(rng.normal(0.0, 2.0) * 3600e9)  # either clock may be hours off
        assert (
            clock.absolute_ns(true_ns % DAY_NS, true_ns + max(-DAY_NS // 2 + 1, min(late_ns, DAY_NS // 2 - 1)))
            == true_ns
        )


@pytest.mark.parametrize("begin_s", [0.0, 3600.0, 86_399.0])
def test_without_it_a_recording_of_days_runs_on(begin_s):
    clock = DayClock()
    for s in np.arange(begin_s, begin_s + 3 * 86_400.0, 977.0):
        assert clock.absolute_ns(round(s * 1e9) % DAY_NS, None) == round(s * 1e9)


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0, 6 * 3600.0])
def test_a_jump_of_the_clock_is_followed_and_damage_is_not(jump_s):
    clock, base_ns = DayClock(), 20 * 3600 * 10**9
    for i in range(50):
        clock.absolute_ns(base_ns + i * TICK_NS, None)
    for i in range(50):
        t_ns = base_ns + round(jump_s * 1e9) + i * TICK_NS
        assert clock.absolute_ns(t_ns % DAY_NS, None) == t_ns
    now_ns = base_ns + round(jump_s * 1e9) + 60 * TICK_NS
    for damaged_h in (9, 21):  # two damaged times in a row: they are wrong, the day after them is not
        clock.absolute_ns(damaged_h * 3600 * 10**9, None)
    assert clock.absolute_ns(now_ns % DAY_NS, None) == now_ns
