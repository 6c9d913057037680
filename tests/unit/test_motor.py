import math

import pytest

from casemate.errors import DomainError, SettingsError
from casemate.io.motor import cut_at, read_motor
from casemate.io.settings import read_rounds
from casemate.model.catalog import Motor
from casemate.physics.body import burn_of, motor_of

HEADER = "K1 54.0 579 6-10-14-18 0.82 2.1 AT\n"


def write(tmp_path, text, name="motor.eng"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("text", [
    f";comment\n{HEADER}   0.01  100.0\n  0.5 80\n 1.0 0\n;\n",
    "; a\n;b\n\nK 1 2 P .82 2.1\t AT of some town\n0.01\t100\r\n0.5,80\n1 0.0\n;",  # tabs, commas, a maker of words
    f"\ufeff{HEADER}0 0\n.01 1e2\n0.5 80\n1 0",  # as some write it, the first point said
])  # fmt: skip
def test_spellings_of_a_rasp_file(tmp_path, text):
    motor = read_motor(write(tmp_path, text))
    assert motor.thrust_s == (0.0, 0.01, 0.5, 1.0)
    assert motor.thrust_n == (0.0, 100.0, 80.0, 0.0)
    assert motor.propellant_kg == 0.82
    assert read_motor(tmp_path / "motor.eng", 0.5).propellant_kg == 0.5


@pytest.mark.parametrize("text", ["0,77\n1,0\n", "# of the team\ntime_s,thrust_n\n0,77\n1,0\n"])
def test_two_columns_are_a_motor_whose_propellant_is_told(tmp_path, text):
    path = write(tmp_path, text, "thrust.csv")
    assert read_motor(path, 1.2) == Motor(thrust_s=(0.0, 1.0), thrust_n=(77.0, 0.0), propellant_kg=1.2)
    with pytest.raises(SettingsError, match="propellant_kg: is not in the file"):
        read_motor(path)


@pytest.mark.parametrize(("text", "key", "why"), [
    ("", "", "holds no motor"),
    ("; only words\n", "", "holds no motor"),
    ("0 0\n1 2\n", "line 1", "is no header of name"),
    ("K 54 579 6 x 2.1 AT\n0 0\n1 0\n", "line 1", "'x 2.1' are not the masses"),
    ("K 54 579 6 3.0 2.1 AT\n0 0\n1 0\n", "line 1", "more propellant"),
    (f"{HEADER}0.1 5\n0.2 x\n", "line 3", "'0.2 x' is not a time"),
    (f"{HEADER}0.1 5\n0.2 nan\n", "line 3", "is not a time"),
    (f"{HEADER}0.1 5\n0.2 5 7\n", "line 3", "is not a time"),
    (f";\n{HEADER}0.2 5\n0.2 0\n", "line 4", "time 0.2 s is not after 0.2 s"),
    (f"{HEADER}0.1 -5\n0.2 0\n", "line 2", "thrust is below zero"),
    (f"{HEADER}-0.1 5\n0.2 0\n", "line 2", "time is below zero"),
    (f"{HEADER}0.1 5\n0.2 3\n", "line 3", "the last thrust must be 0, is 3"),
    (f"{HEADER}0.1 0\n0.2 0\n", "", "thrust in one of them"),
    (f"{HEADER}0.1 5\n0.2 0\n{HEADER}0.1 5\n0.2 0\n", "line 4", "is not a time"),  # one motor a file
])  # fmt: skip
def test_a_mistake_in_a_motor_is_named_by_line(tmp_path, text, key, why):
    path = write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        read_motor(path)
    assert (caught.value.file, caught.value.key) == (str(path), key)
    assert why in caught.value.why


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"none\.eng: cannot be read"):
        read_motor(tmp_path / "none.eng")


def test_a_thrust_is_cut():
    motor = Motor(thrust_s=(0.0, 1.0, 2.0), thrust_n=(0.0, 10.0, 0.0), propellant_kg=1.0)
    assert cut_at(motor, 1.5) == Motor(thrust_s=(0.0, 1.0, 1.5), thrust_n=(0.0, 10.0, 5.0), propellant_kg=1.0)
    assert cut_at(motor, 2.0) is motor


def test_impulse_is_the_area_under_the_thrust():
    burn = burn_of(Motor(thrust_s=(0.0, 1.0, 3.0), thrust_n=(0.0, 10.0, 4.0), propellant_kg=1.0))
    assert burn[:, 2].tolist() == [0.0, 5.0, 19.0]


@pytest.mark.parametrize(("times", "thrusts", "name"), [
    ((0.1, 1.0), (1.0, 0.0), "thrust_s"), ((0.0, 0.0), (1.0, 0.0), "thrust_s"), ((0.0, 1.0), (0.0, 0.0), "thrust_n"),
    ((0.0, float("nan")), (1.0, 0.0), "thrust_s"), ((0.0, 1.0), (float("inf"), 0.0), "thrust_n"),
])  # fmt: skip
def test_a_motor_that_makes_no_sense_is_refused(times, thrusts, name):
    with pytest.raises(DomainError, match=name):
        burn_of(Motor(thrust_s=times, thrust_n=thrusts, propellant_kg=1.0))
    with pytest.raises(ValueError, match="same length"):
        burn_of(Motor(thrust_s=(0.0, 1.0), thrust_n=(1.0, 1.0, 0.0), propellant_kg=1.0))


def test_the_motor_of_a_class_brings_it_to_its_burnout_speed():
    rocket = next(one for one in read_rounds() if one.name == "r122")
    motor = motor_of(rocket)
    assert motor is not None
    assert motor.thrust_s[-1] == rocket.burn_s
    # Tsiolkovsky: gain = impulse / propellant * ln(m0 / m1), from the 30 m/s off the rail
    gain = motor.thrust_n[0] * rocket.burn_s / motor.propellant_kg * math.log(rocket.mass_launch_kg / rocket.mass_kg)
    assert gain == pytest.approx(rocket.burnout_speed_mps - 30.0)
    assert motor_of(next(one for one in read_rounds() if one.name == "m82")) is None
