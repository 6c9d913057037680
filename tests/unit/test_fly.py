"""One declared flight: what is refused and how, the figures, the plot and the table."""

import json
import math
import re
import subprocess
import sys

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest

from casemate.cli import main

SHELL = """
[flight]
name = "shell <155>"

[start]
lat_deg = 33.3
lon_deg = 44.4
height_m = 34.0
azimuth_deg = 90.0
elevation_deg = 25.0
speed_mps = 500.0

[body]
class = "s155"
"""

FIGURES = SHELL.replace('class = "s155"', "mass_kg = 43.5\ncalibre_m = 0.155\nmach = [0.0, 5.0]\ncd = [0.2, 0.2]")

VACUUM = FIGURES.replace("cd = [0.2, 0.2]", "cd = [0.0, 0.0]")


@pytest.fixture
def fly(capsys, monkeypatch, tmp_path):
    """Run `casemate fly` on a text through the real command line; return exit code, output, errors."""

    def call(text, *arguments):
        file = tmp_path / "flight.toml"
        file.write_text(text, "utf-8")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["casemate", "fly", str(file), *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        lines = [line for line in said.err.splitlines() if not line.startswith("compiling kernels")]
        return stop.value.code, said.out, lines

    return call


START = SHELL[SHELL.index("[start]") : SHELL.index("class")]
ARRIVAL = """[arrival]
lat_deg = 33.3
lon_deg = 44.4
height_m = 34.0
bearing_deg = 45.0
ground_range_m = 12000.0

[body]
"""
REFUSED = [
    ("elevation_deg = 25.0", "elevation_degs = 25.0", ["start.elevation_degs", "did you mean 'elevation_deg'"]),
    ("elevation_deg = 25.0", "elevation_deg = 91.0", ["start.elevation_deg", "91"]),
    ("elevation_deg = 25.0", "", ["start.elevation_deg", "needed"]),
    ("speed_mps = 500.0", "speed_mps = nan", ["start.speed_mps", "nan"]),
    ("speed_mps = 500.0", "speed_mps = inf", ["start.speed_mps", "finite"]),
    ("speed_mps = 500.0", "speed_mps = -1.0", ["start.speed_mps"]),
    ("speed_mps = 500.0", "", ["start.speed_mps", "rest"]),
    ("height_m = 34.0", "height_m = 86001.0", ["start.height_m"]),
    ("[body]", ARRIVAL, ["arrival", "not a known key"]),
    (START, ARRIVAL, ["arrival", "not a known key"]),
    (START, "[body]\n", ["start", "needed"]),
    ('class = "s155"', 'class = "s154"', ["body.class", "did you mean 's155'"]),
    ('class = "s155"', 'clas = "s155"', ["body.clas", "did you mean 'class'"]),
    ('class = "s155"', 'class = "s155"\nmass_kg = 40.0', ["body.mass_kg", "body.class"]),
    ('class = "s155"', "mass_kg = 40.0", ["body.drag", "needed"]),
    ('class = "s155"', 'drag = "none.csv"', ["none.csv", "body.drag", "cannot be read"]),
    ('class = "s155"', 'drag = "bad.csv"', ["bad.csv", "line 3", "two"]),
    ('class = "s155"', "mach = [0.0, 1.0, 0.9]\ncd = [0.2, 0.3, 0.3]", ["body.mach", "not ascending"]),
    ('class = "s155"', "mach = [0.0, 1.0, 2.0]\ncd = [0.2, 0.3]", ["body.cd", "2 values for 3"]),
    ('class = "s155"', "mach = [0.0, 1.0]\ncd = [0.2, 0.3]\ncalibre_m = 0.1", ["body.mass_kg", "needed"]),
    ("[body]", "[rail]\nlength_m = 3.0\n[body]", ["rail", "[motor]"]),
    ("[body]", '[environment]\nwind = "none.csv"\n[body]', ["none.csv", "environment.wind", "cannot be read"]),
    ('"s155"', '"s155"\n[motor]\nthrust_s = [0.0, 1.0]', ["motor"]),
    ('name = "shell <155>"', 'name = "x"\nmodel = "six"', ["flight.model", "six"]),
    ('class = "s155"', 'class = "m82"\n[spin]\ntwist = 20', ["spin", "twist"]),
    ("[body]", '[environment]\nearth = "flat"\n[body]', ["environment.earth", "wgs84"]),
    ("[body]", '[environment]\natmosphere = "none.csv"\n[body]', ["none.csv", "environment.atmosphere"]),
    ("[flight]", "[fligth]", ["did you mean 'flight'"]),
    ("[flight]", "[flight", ["not TOML"]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "words"), REFUSED)
def test_a_wrong_file_is_one_line_that_names_file_and_key(fly, tmp_path, old, new, words):
    assert old in SHELL
    (tmp_path / "bad.csv").write_text("mach,cd\n0.0,0.2\n1.0,two\n")
    code, out, err = fly(SHELL.replace(old, new, 1))
    assert (code, out, len(err)) == (2, "", 1)
    for word in words:
        assert word in err[0]
    assert re.search(r"\w+\.(toml|csv)", err[0])
    assert not list(tmp_path.glob("*.html"))


@pytest.mark.parametrize(
    ("text", "old", "new", "words"),
    [
        (SHELL, 'name = "shell <155>"', 'name = "under"\nground_height_m = 40.0', ["height", "34"]),
        (SHELL, "speed_mps = 500.0", "speed_mps = 1900.0", ["mach"]),
        (VACUUM, "speed_mps = 500.0\n", "speed_mps = 1600.0\n", ["height", "86000"]),
    ],
)
def test_a_flight_outside_its_model_names_value_and_limits(fly, tmp_path, text, old, new, words):
    assert old in text
    code, out, err = fly(text.replace(old, new, 1).replace("elevation_deg = 25.0", "elevation_deg = 80.0"))
    assert (code, out, len(err)) == (1, "", 1)
    assert "flight.toml" in err[0]
    assert "outside [" in err[0]
    for word in words:
        assert word in err[0].lower()
    assert not list(tmp_path.glob("*.html"))


def test_figures_of_a_vacuum_shot_over_a_short_range(fly):
    """Without drag over 100 m, the parabola of the textbook; the Earth's turn and curve are below a millimetre."""
    text = VACUUM.replace("500.0", "31.0").replace("25.0", "45.0")
    code, out, _ = fly(text, "--json")
    assert code == 0
    flown = json.loads(out)
    g = 9.7950  # normal gravity at 33.3 degrees and 34 m: Somigliana, WGS 84
    v = 31.0 * math.sqrt(0.5)
    # gravity is known here to 1e-4 of itself, so is every figure; the Coriolis acceleration is 2 w v = 0.005 m/s2
    assert flown["flight_s"] == pytest.approx(2.0 * v / g, rel=1e-3)
    assert flown["ground_range_m"] == pytest.approx(2.0 * v * v / g, rel=1e-3)
    assert flown["apex"]["height_m"] - 34.0 == pytest.approx(0.5 * v * v / g, rel=1e-3)
    assert flown["apex"]["t_s"] == pytest.approx(v / g, rel=1e-3)
    assert flown["impact"]["speed_mps"] == pytest.approx(31.0, abs=1e-3)  # energy: gravity differs by 1e-5 over 25 m
    assert flown["fall_angle_deg"] == pytest.approx(45.0, abs=0.01)
    assert flown["impact"]["height_m"] == pytest.approx(34.0, abs=1e-6)


def test_the_turning_earth_deflects_to_the_right_in_the_north_and_to_the_left_in_the_south(fly):
    text = FIGURES.replace("azimuth_deg = 90.0", "azimuth_deg = 0.0")
    north = json.loads(fly(text, "--json")[1])
    south = json.loads(fly(text.replace("lat_deg = 33.3", "lat_deg = -33.3"), "--json")[1])
    assert north["deflection_m"] > 1.0
    # a mirror image, but for the turn of the horizontal wind-free air with the Earth: none
    assert south["deflection_m"] < -1.0


def test_the_plot_is_one_page_with_the_flight_in_it(fly, tmp_path):
    code, out, _ = fly(SHELL)
    assert code == 0
    page = (tmp_path / "flight.html").read_text("utf-8")
    assert page.count("<!doctype html>") == 1
    assert "<title>shell &lt;155&gt; - Casemate</title>" in page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)  # nothing is fetched
    assert "height above sea level [m]" in page
    for words in ("apex", "range", "time of flight", "speed at impact", "angle of fall", "deflection", "Mach range"):
        assert words in out


def test_a_plot_is_never_written_over_unless_it_is_named(fly, tmp_path):
    for name in ("flight.html", "flight-2.html", "flight-3.html"):
        assert not (tmp_path / name).exists()
        assert fly(SHELL)[0] == 0
        assert (tmp_path / name).exists()
    first = (tmp_path / "flight.html").read_bytes()
    assert fly(SHELL.replace("25.0", "26.0"), "-o", "flight.html")[0] == 0
    assert (tmp_path / "flight.html").read_bytes() != first


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_still_picture(fly, tmp_path, suffix):
    assert fly(SHELL, "-o", f"still{suffix}")[0] == 0
    head = (tmp_path / f"still{suffix}").read_bytes()[:200]
    assert head.startswith(b"\x89PNG") if suffix == ".png" else b"<?xml" in head


def test_the_table_is_the_path(fly, tmp_path):
    assert fly(SHELL, "-o", "path.parquet")[0] == 0
    assert fly(SHELL, "-o", "path.csv")[0] == 0
    rows = pyarrow.parquet.read_table(tmp_path / "path.parquet")
    text = pyarrow.csv.read_csv(tmp_path / "path.csv")
    assert rows.column_names == text.column_names
    t = np.asarray(rows["t_s"])
    assert (np.diff(t) > 0.0).all()
    speed = np.sqrt(sum(np.asarray(rows[name]) ** 2 for name in ("ve_mps", "vn_mps", "vu_mps")))
    assert np.asarray(rows["speed_mps"]) == pytest.approx(speed, rel=1e-12)
    # the climb adds up to the height: trapezoids of 0.05 s leave 2e-4 m for each second of a changing climb
    climbed = np.sum(np.diff(t) * 0.5 * (np.asarray(rows["vu_mps"])[1:] + np.asarray(rows["vu_mps"])[:-1]))
    assert climbed == pytest.approx(rows["height_m"][-1].as_py() - rows["height_m"][0].as_py(), abs=0.05)


@pytest.mark.parametrize(
    ("output", "words"),
    [(".", ".html"), ("plot.pdf", ".html"), ("absent/plot.html", "folder"), ("flight.toml", ".html")],
)
def test_an_output_that_cannot_be_is_refused_before_anything_flies(fly, output, words):
    code, out, err = fly(SHELL, "-o", output)
    assert (code, out, len(err)) == (2, "", 1)
    assert words in err[0]


def test_help_does_not_wait_for_plotly():
    code = "import sys, casemate.cli; print(sorted({'plotly', 'numba', 'matplotlib'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


SPINNING = SHELL.replace('name = "shell <155>"', 'name = "spinning"\nmodel = "modified-point-mass"')


def test_a_spinning_shell_drifts_to_the_right_by_what_is_said(fly):
    plain, spinning = (json.loads(fly(text, "--json")[1]) for text in (SHELL, SPINNING))
    assert plain["drift_m"] is None
    assert spinning["drift_m"] > 50.0  # 35 s of flight; a right-hand twist
    assert spinning["drift_m"] == pytest.approx(spinning["deflection_m"] - plain["deflection_m"], abs=1e-9)
    assert 0.1 < spinning["yaw_of_repose_deg"] < 5.0
    assert spinning["model"] == "modified-point-mass"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SPINNING.replace("s155", "m82"), ["flight.model", "s155"]),
        (SPINNING.replace("s155", "r122"), ["flight.model", "spin"]),
    ],
)
def test_a_body_without_spin_cannot_fly_the_model_that_needs_it(fly, text, words):
    code, _, err = fly(text)
    assert (code, len(err)) == (2, 1)
    for word in words:
        assert word in err[0]


HILL = '\n[terrain]\nfile = "hill.tif"\ndatum = "msl"\nradius_m = 20000.0\n'


@pytest.fixture
def hill(tmp_path):
    """Write a ridge of 300 m that runs from north to south, 8 to 12 km east of the start."""
    rasterio = pytest.importorskip("rasterio", reason="the optional extra `terrain` is not installed")
    from rasterio.transform import from_origin

    d = 1.0 / 1200.0
    lon = 44.15 + d * np.arange(600)
    east_m = (lon - 44.4) * 93_100.0  # of longitude at 33.3 degrees
    heights = np.tile(np.where((east_m > 8000.0) & (east_m < 12_000.0), 300.0, 0.0), (480, 1)).astype("float32")
    corner = from_origin(lon[0] - d / 2, 33.5, d, d)
    with rasterio.open(
        tmp_path / "hill.tif", "w", driver="GTiff", width=600, height=480, count=1, dtype="float32",
        crs="EPSG:4326", transform=corner,
    ) as file:  # fmt: skip
        file.write(heights, 1)


@pytest.mark.usefixtures("hill")
def test_a_flight_ends_on_the_terrain(fly, tmp_path):
    level = json.loads(fly(SHELL, "--json", "-o", "level.csv")[1])
    on_hill = json.loads(fly(SHELL + HILL, "--json", "-o", "hill.csv")[1])
    assert on_hill["impact"]["height_m"] == pytest.approx(300.0, abs=0.01)  # the rounding of the raster's float32
    assert 8000.0 < on_hill["ground_range_m"] < level["ground_range_m"]
    assert on_hill["flight_s"] < level["flight_s"]
    rows = pyarrow.csv.read_csv(tmp_path / "hill.csv")
    height, ground = np.asarray(rows["height_m"]), np.asarray(rows["ground_m"])
    assert (height[:-1] > ground[:-1]).all()
    assert height[-1] == pytest.approx(ground[-1], abs=0.01)
    assert ground.min() == pytest.approx(0.0, abs=0.01)


@pytest.mark.usefixtures("hill")
def test_a_start_under_the_terrain_is_refused(fly):
    code, _, err = fly(SHELL.replace("lon_deg = 44.4", "lon_deg = 44.4966") + HILL)
    assert (code, len(err)) == (1, 1)
    assert "start_over_ground_m = -266" in err[0]
    assert "flight.toml" in err[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SHELL + HILL, ["terrain.file", "hill.tif"]),
        (SHELL.replace('name = "shell <155>"', 'name = "x"\nground_height_m = 1.0') + HILL, ["flight.ground_height_m"]),
    ],
)
def test_terrain_that_is_not_there_or_does_not_belong_is_refused(fly, text, words):
    code, _, err = fly(text)
    assert (code, len(err)) == (2, 1)
    for word in words:
        assert word in err[0]


ROCKET = """
[flight]
name = "sounding rocket"

[start]
lat_deg = 39.4
lon_deg = -8.3
height_m = 160.0
azimuth_deg = 133.0
elevation_deg = 84.0

[body]
mass_kg = 18.0
calibre_m = 0.15
mach = [0.0, 1.0]
cd = [0.45, 0.45]

[motor]
thrust_s = [0.0, 2.5]
thrust_n = [1400.0, 1400.0]
propellant_kg = 2.0

[rail]
length_m = 6.0
"""


def test_a_rocket_leaves_its_rail_burns_out_and_comes_down(fly):
    code, out, _ = fly(ROCKET, "--json")
    assert code == 0
    flown = json.loads(out)
    # constant thrust from rest: v^2 = 2 a L with a = F / m - g sin(el), 18 to 20 kg; drag takes 1 % of it at 30 m/s
    speeds = [math.sqrt(2.0 * 6.0 * (1400.0 / mass - 9.8 * math.sin(math.radians(84.0)))) for mass in (20.0, 18.0)]
    assert 0.99 * speeds[0] < flown["rail_exit"]["speed_mps"] < speeds[1]
    assert flown["burnout"]["t_s"] == pytest.approx(2.5)
    names = ("start", "rail_exit", "burnout", "apex", "impact")
    times = [flown[name]["t_s"] for name in names]
    assert times == sorted(times)
    assert flown["start"]["speed_mps"] == 0.0
    # the rocket equation bounds the speed at burnout: gravity takes 9.8 m/s a second, drag more
    ideal = 1400.0 * 2.5 / 2.0 * math.log(20.0 / 18.0)
    assert ideal - 9.8 * 2.5 - 25.0 < flown["burnout"]["speed_mps"] < ideal - 9.0 * 2.5


def test_a_thrust_file_flies_as_its_figures(fly, tmp_path):
    (tmp_path / "motor.csv").write_text("# time, thrust\n0.0,0.0\n0.1,1400.0\n2.5,1300.0\n2.6,0.0\n")
    (tmp_path / "motor.eng").write_text("; a maker's\nM1400 75 500 0 2.0 3.5 ME\n0.1 1400.0\n2.5 1300.0\n2.6 0.0\n")
    own = "thrust_s = [0.0, 2.5]\nthrust_n = [1400.0, 1400.0]\npropellant_kg = 2.0"
    assert own in ROCKET
    lists = "thrust_s = [0.0, 0.1, 2.5, 2.6]\nthrust_n = [0.0, 1400.0, 1300.0, 0.0]\npropellant_kg = 2.0"
    motors = (lists, 'file = "motor.csv"\npropellant_kg = 2.0', 'file = "motor.eng"')
    first, *others = (fly(ROCKET.replace(own, motor), "--json") for motor in motors)
    assert first[0] == 0
    assert others == [first, first]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("propellant_kg = 2.0", "", ["motor.propellant_kg"]),
        ("thrust_n = [1400.0, 1400.0]", "thrust_n = [1400.0, 1400.0, 1.0]", ["motor.thrust_n", "3 values for 2"]),
        ("thrust_n = [1400.0, 1400.0]", "thrust_n = [0.0, 0.0]", ["motor.thrust_n", "zero"]),
        ("thrust_s = [0.0, 2.5]", "thrust_s = [2.5, 2.5]", ["motor.thrust_s", "not ascending"]),
        ("thrust_s = [0.0, 2.5]", 'file = "x.csv"', ["motor.thrust_n", "motor.file"]),
        ("thrust_s = [0.0, 2.5]\nthrust_n = [1400.0, 1400.0]", 'file = "x.eng"', ["x.eng", "motor.file", "cannot be"]),
        ("height_m = 160.0", "height_m = 160.0\nspeed_mps = 30.0", ["start.speed_mps", "[rail]"]),
        ("length_m = 6.0", "length = 6.0", ["rail.length", "did you mean 'length_m'"]),
    ],
)
def test_a_wrong_motor_names_file_and_key(fly, old, new, words):
    assert old in ROCKET
    code, _, err = fly(ROCKET.replace(old, new, 1))
    assert (code, len(err)) == (2, 1)
    for word in words:
        assert word in err[0]


def test_a_motor_too_weak_for_its_rail_is_outside_the_model(fly):
    code, _, err = fly(ROCKET.replace("[1400.0, 1400.0]", "[100.0, 100.0]"))
    assert (code, len(err)) == (1, 1)
    assert "flight.toml: thrust_n = 100 is outside [" in err[0]


def test_an_exponential_atmosphere_is_what_it_says(fly, tmp_path):
    """Against the same air as a profile file of other levels, and against a vacuum where there is next to none."""
    from casemate.physics.atmosphere import ussa76

    exponential = SHELL + '\n[environment]\natmosphere = "exponential"\n'
    flown = json.loads(fly(exponential, "--json")[1])
    heights = np.arange(0.0, 3000.0, 30.0)
    kelvin = ussa76(heights).temperature_k
    pascal = 1.225 * np.exp(-heights / 9144.0) * 8314.32 / 28.9644 * kelvin
    rows = "\n".join(
        f"{h!r},{p!r},{t!r}" for h, p, t in zip(heights.tolist(), pascal.tolist(), kelvin.tolist(), strict=True)
    )
    (tmp_path / "air.csv").write_text(f"height_m,pressure_pa,temperature_k\n{rows}\n")
    measured = json.loads(fly(SHELL + '\n[environment]\natmosphere = "air.csv"\n', "--json")[1])
    # levels of 100 and of 30 m differ by 1e-6 of the density, and the shot feels 4 km of range from its drag
    assert flown["ground_range_m"] == pytest.approx(measured["ground_range_m"], abs=0.01)
    assert (
        flown["ground_range_m"] > json.loads(fly(SHELL, "--json")[1])["ground_range_m"] + 10.0
    )  # 2 % thinner at 1.6 km
    thin = json.loads(fly(exponential + "density_kgpm3 = 1e-9\n", "--json")[1])
    vacuum = json.loads(fly(VACUUM, "--json")[1])
    assert thin["ground_range_m"] == pytest.approx(vacuum["ground_range_m"], abs=1e-3)


def test_the_figure_holds_the_path_and_the_marks(fly, tmp_path, monkeypatch):
    import plotly.graph_objects as plotly

    from casemate import flyer
    from casemate.io import flight_plot
    from casemate.io.flight_plot import PANELS, figure_of

    monkeypatch.setattr(flight_plot, "MAX_SAMPLES", 300)

    fly(ROCKET)
    result, path = flyer.fly(tmp_path / "flight.toml")
    figure = figure_of(result, path)
    plotly.Figure(figure)  # plotly's own check of every key and value
    lines = figure["data"][: len(PANELS)]
    counts = {len(line["x"]) for line in lines} | {len(lines[0]["customdata"])}
    assert len(counts) == 1  # one sample, one number: the hover is linked by it
    assert counts.pop() <= 301 < path.t_s.size  # thinned for the screen; the marks are not
    assert [lines[0]["y"][i] for i in (0, -1)] == pytest.approx(path.height_m[[0, -1]], rel=1e-6)
    marks = {trace["name"]: trace for trace in figure["data"] if trace.get("mode") == "markers+text"}
    assert list(marks) == ["start", "rail exit", "burnout", "apex", "impact"]
    assert marks["apex"]["y"] == [pytest.approx(path.height_m.max(), abs=1e-6)]  # no sample is higher
    assert marks["impact"]["x"] == [pytest.approx(result.impact.ground_range_m * 1e-3)]
    titles = {axis["title"]["text"] for name, axis in figure["layout"].items() if "axis" in name}
    assert all("[" in title for title in titles - {"Mach number"})  # units


def test_a_drag_file_flies_as_its_figures(fly, tmp_path):
    (tmp_path / "drag.csv").write_text("Mach, CD\n# measured, in no order\n0.9,0.3\n0.0,0.2\n5.0,0.25\n")
    lists = "mach = [0.0, 5.0]\ncd = [0.2, 0.2]"
    assert lists in FIGURES
    from_file = fly(FIGURES.replace(lists, 'drag = "drag.csv"'), "--json")
    assert from_file[0] == 0
    assert from_file == fly(FIGURES.replace(lists, "mach = [0.0, 0.9, 5.0]\ncd = [0.2, 0.3, 0.25]"), "--json")


def test_a_rocket_that_meets_its_wind_from_the_side_is_outside_the_model(fly, tmp_path):
    (tmp_path / "wind.csv").write_text("height_m,wind_e_mps,wind_n_mps\n0,-7,0\n9000,-7,0\n")
    windy = ROCKET + '\n[environment]\nwind = "wind.csv"\n'
    code, _, err = fly(windy)
    assert (code, len(err)) == (1, 1)
    # 7 m/s across 27 to 30 m/s of rail exit is 13 to 15 degrees
    angle = float(re.search(r"attack_deg off the rail = ([\d.]+) is outside \[0, 10\]", err[0])[1])
    assert 13.0 < angle < 15.0
    (tmp_path / "wind.csv").write_text("height_m,wind_e_mps,wind_n_mps\n0,-4,0\n9000,-4,0\n")
    assert fly(windy)[0] == 0


@pytest.mark.parametrize(
    "text",
    [
        SHELL,
        SHELL.replace("height_m = 34.0", "height_m = 1500.0\ngeoid_m = 17.0").replace(
            'name = "shell <155>"', 'name = "down"\nground_height_m = 100.0'
        ),
        SHELL + '\n[environment]\natmosphere = "exponential"\nwind = "wind.csv"\n',
        FIGURES.replace("cd = [0.2, 0.2]", "cd = [0.2, 0.2]\ndrag_factor = 1.3"),
    ],
)
def test_the_fast_kernel_ends_within_a_centimetre(fly, tmp_path, text):
    """The bar that the project sets itself for the batch kernel against the exact one, out to 40 km."""
    (tmp_path / "wind.csv").write_text("height_m,wind_e_mps,wind_n_mps\n0,2,-3\n1000,12,-8\n9000,-5,20\n")
    flown = json.loads(fly(text, "--json")[1])
    assert 0.0 < flown["fast_kernel_miss_m"] < 0.01


def test_the_fast_kernel_is_not_asked_for_what_it_does_not_know(fly):
    for text in (ROCKET, SPINNING):
        assert json.loads(fly(text, "--json")[1])["fast_kernel_miss_m"] is None


def test_ctrl_c_leaves_one_line_and_no_file(fly, tmp_path, monkeypatch):
    from casemate.io import flight_plot

    def interrupted(*_):
        (tmp_path / "half").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(flight_plot, "_page_of", interrupted)
    assert fly(SHELL) == (1, "", ["casemate: stopped"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flight.toml", "half"]
