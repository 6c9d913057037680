"""Measured rockets against a 6-DOF program; NASA's cases that the folder does not hold, by their last rows."""

import json
import shutil

import pytest

from casemate.errors import SettingsError
from casemate.study import rockets
from casemate.study.verification import verify


def test_apogees_are_a_6_dof_programs(shared):
    found = verify([shared / "reference" / "rocket_flights"])
    assert [check.case for check in found.checks] == ["erebus_2022", "andromeda_2022", "bella_lui_2020"]
    for check in found.checks:
        assert check.error < 0.3  # percent; 0.11, 0.22, 0.18 on 22 November 2026, asked is 1
        assert "measured" in check.quantity
    (sentence,) = found.outside_model
    assert "ndrt_2020" in sentence
    assert "16.3 deg" in sentence
    assert not found.not_recognised


@pytest.mark.parametrize(("name", "attack_deg"), [
    ("erebus_2022", 3.5), ("andromeda_2022", 1.7), ("bella_lui_2020", 3.8), ("ndrt_2020", 16.3),
])  # fmt: skip
def test_angles_off_the_rail(shared, name, attack_deg):
    folder = shared / "reference" / "rocket_flights"
    flight = json.loads((folder / rockets.FILE_NAME).read_text(encoding="utf-8"))[name]
    assert rockets.fly(folder / name, flight).attack_deg == pytest.approx(attack_deg, abs=0.05)


def test_a_flight_that_misses_a_figure_or_a_file_is_refused_by_name(shared, tmp_path):
    folder = shared / "reference" / "rocket_flights"
    flight = json.loads((folder / rockets.FILE_NAME).read_text(encoding="utf-8"))["bella_lui_2020"]
    shutil.copytree(folder / "bella_lui_2020", tmp_path / "one")
    for change, why in (({"rail_m": None}, "rail_m is missing"), ({"note": ""}, "no drag by Mach")):
        kept = {key: value for key, value in (flight | change).items() if value is not None}
        (tmp_path / rockets.FILE_NAME).write_text(json.dumps({"one": kept}), encoding="utf-8")
        with pytest.raises(SettingsError, match=why):
            verify([tmp_path])
    (tmp_path / "one" / "AeroTech_K828FJ.eng").unlink()
    (tmp_path / rockets.FILE_NAME).write_text(json.dumps({"one": flight}), encoding="utf-8")
    with pytest.raises(SettingsError, match="one is needed"):
        verify([tmp_path])


def test_a_rocket_too_heavy_for_its_motor_is_outside_the_model(shared, tmp_path):
    folder = shared / "reference" / "rocket_flights"
    flight = json.loads((folder / rockets.FILE_NAME).read_text(encoding="utf-8"))["bella_lui_2020"]
    shutil.copytree(folder / "bella_lui_2020", tmp_path / "one")
    both = {"one": flight | {"mass_dry_kg": 400.0}, "bella_lui_2020": flight}
    (tmp_path / rockets.FILE_NAME).write_text(json.dumps(both), encoding="utf-8")
    shutil.copytree(folder / "bella_lui_2020", tmp_path / "bella_lui_2020")
    found = verify([tmp_path])
    assert len(found.checks) == 1
    assert "thrust_n" in found.outside_model[0]


NAMES = {
    "ge": "gePosition_ft_X,gePosition_ft_Y,gePosition_ft_Z",
    "ei": "eiPosition_ft_X,eiPosition_ft_Y,eiPosition_ft_Z",
    "h": "altitudeMsl_ft",
}


# Last rows of files that the folder does not hold: NESC_data of github nasa/simupy-flight. Some programs give heights
# only, some other air, some another start than the sheet's: each within its own bar, all that were looked at.
@pytest.mark.parametrize(("case", "program", "kind", "t", "feet"), [
    ("02", "01", "ge", 30.0, (2.09412452313e7, 20.9995195163, 0.0)),
    ("02", "02", "h", 30.0, (15598.90389,)),
    ("02", "04", "ei", 30.0, (2.09411950742e7, 45832.753467, 0.0)),
    ("02", "06", "ge", 30.00000000001368, (2.0941245229804598e7, 20.99952019911268, 0.0)),
    ("03", "04", "ei", 30.0, (2.09411950742e7, 45832.753467, 0.0)),
    ("04", "02", "h", 30.0, (16249.4161,)),
    ("04", "06", "ge", 30.00000000001368, (2.0918485847164877e7, 0.0, 0.0)),
    ("05", "02", "h", 30.0, (16294.5521,)),
    ("05", "05", "ge", 30.0, (2.0918530916028526e7, 19.521741014439613, 0.0)),
    ("05", "06", "ge", 30.00000000001368, (2.091853092571423e7, 19.521719924549895, 0.0)),
    ("07", "03", "ge", 30.0, (2.09419308694981e7, 46.9581478081454, 0.0)),
    ("08", "01", "ge", 30.0, (2.09419376057e7, 100.04880758, 0.0)),
    ("08", "02", "h", 30.0, (16291.13708,)),
    ("08", "03", "ge", 30.0, (2.09419367117479e7, 99.9159636593976, 0.0)),
    ("08", "05", "ge", 30.0, (2.094193732407803e7, 99.99505103789124, 0.0)),
    ("08", "06", "ge", 30.00000000001368, (2.094193733407061e7, 99.99772475225792, 0.0)),
    ("09", "01", "ge", 30.0, (2.09357910466e7, 22521.5329455, 0.0)),
    ("09", "02", "h", 30.0, (10159.53629,)),
    ("09", "03", "ge", 30.0, (2.09357909320141e7, 22521.1042661917, 0.0)),
    ("09", "06", "ge", 30.00000000001368, (2.0935794866415635e7, 22525.722683901324, 0.0)),
    ("10", "01", "ge", 30.0, (2.09357447612e7, -28.6664780931, 22547.7976281)),
    ("10", "02", "h", 30.0, (10113.27466,)),
    ("10", "03", "ge", 30.0, (2.09357446532811e7, -28.6684155529801, 22547.3705427975)),
    ("10", "04", "ei", 30.0, (2.09356988685e7, 45771.0552005, 22552.309767)),
    ("10", "05", "ge", 30.0, (2.0935748891874943e7, -28.674890790389327, 22552.296059576445)),
    ("10", "06", "ge", 30.00000000001368, (2.0935748571966197e7, -28.674267389424404, 22551.9854905763)),
])  # fmt: skip
def test_programs_that_the_folder_does_not_hold(shared, tmp_path, case, program, kind, t, feet):
    sheet = shared / "reference" / "nesc" / "Initial_Conditions_Atmos.csv"
    (tmp_path / sheet.name).write_bytes(sheet.read_bytes())
    row = ",".join(repr(value) for value in (t, *feet))
    (tmp_path / f"Atmos_{case}_x_sim_{program}.csv").write_text(f"time,{NAMES[kind]}\n{row}\n", encoding="utf-8")
    (check,) = verify([tmp_path]).checks
    assert check.case == f"{int(case)} / sim_{program}"
    assert check.is_inside, check.error
