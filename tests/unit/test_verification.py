import pytest

from casemate.errors import SettingsError
from casemate.study import nesc
from casemate.study.verification import Check, verify


def test_a_missing_an_empty_and_a_strange_folder_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="is no folder"):
        verify([tmp_path / "none"])
    with pytest.raises(SettingsError, match="is empty"):
        verify([tmp_path])
    (tmp_path / "story.txt").write_text("x", encoding="utf-8")
    with pytest.raises(SettingsError, match="no reference set"):
        verify([tmp_path])


def test_air_rows_are_checked_to_their_last_digit(tmp_path):
    file = tmp_path / "ussa1976_rows.csv"
    file.write_text("# comment\n0,288.150,1013.25,1.2250\n", encoding="utf-8")
    assert verify([tmp_path]).is_inside
    file.write_text("0,288.155,1013.25,1.2250\n", encoding="utf-8")
    found = verify([tmp_path])
    assert [check.is_inside for check in found.checks] == [False, True, True]
    assert found.checks[0].error == pytest.approx(5.0)


def test_strangers_are_named(tmp_path):
    (tmp_path / "drag_G9.csv").write_text("0,0.2\n1,0.4\n2,0.3\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    (tmp_path / "Atmos_01_x_sim_04.csv").write_text("time\n", encoding="utf-8")
    found = verify([tmp_path])
    assert [check.case for check in found.checks] == ["drag_G9"]
    assert [text.split(": ")[0].rsplit("/", 1)[-1] for text in found.not_recognised] == [
        "Atmos_01_x_sim_04.csv",
        "notes.txt",
    ]


@pytest.mark.parametrize("text", ["", "a,b\n", "0,0.2\n0,0.3\n"])
def test_a_file_that_does_not_parse_is_refused_by_name(tmp_path, text):
    (tmp_path / "drag_G9.csv").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"drag_G9\.csv"):
        verify([tmp_path])


def test_an_error_that_is_no_number_is_outside():
    given = {"set": "s", "case": "c", "quantity": "q", "tolerance": 1.0, "unit": "m", "n": 1}
    assert Check(error=0.5, **given).is_inside
    assert not Check(error=float("nan"), **given).is_inside
    assert not Check(error=1.5, **given).is_inside


def test_cases_for_more_than_a_point_are_named(shared):
    sheet = shared / "reference" / "nesc" / nesc.CONDITIONS
    assert "more than a point mass" in str(nesc.case_of(sheet, "11"))
    assert "not in" in str(nesc.case_of(sheet, "99"))


def test_a_nesc_file_that_is_off_by_a_metre_is_outside(shared, tmp_path):
    source = shared / "reference" / "nesc"
    (tmp_path / nesc.CONDITIONS).write_bytes((source / nesc.CONDITIONS).read_bytes())
    lines = "time,eiPosition_m_X,eiPosition_m_Y,eiPosition_m_Z\n0.0,6387281.0,0.0,0.0\n0.0,6387282.0,0.0,0.0\n"
    (tmp_path / "Atmos_06_x_sim_05.csv").write_text(lines, encoding="utf-8")
    (check,) = verify([tmp_path]).checks
    assert check.error == pytest.approx(1.0, abs=1e-6)
    assert not check.is_inside
