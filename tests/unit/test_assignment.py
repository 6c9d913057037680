import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casemate.errors import DomainError, SettingsError
from casemate.sim.intercept.assignment import as_problem, assign, assign_quickly, left_of
from casemate.study import wta
from casemate.study.verification import verify

SHARE = st.sampled_from([0.0, 0.05, 0.3, 0.5, 0.77, 0.9, 1.0])


def best_by_trying(problem):
    """The least that any assignment leaves: unit by unit, every target or none."""
    lefts = {tuple(problem.worth.tolist())}
    for i, n in enumerate(problem.n_units):
        for _ in range(n):
            lefts |= {
                (*left[:j], left[j] * (1.0 - float(problem.p[i, j])), *left[j + 1 :])
                for left in lefts
                for j in range(len(left))
            }
    return min(map(sum, lefts))


@st.composite
def problems(draw):
    n_types, n_targets = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    worth = draw(st.lists(st.sampled_from([0.0, 1e-7, 1.0, 3.5, 90.0]), min_size=n_targets, max_size=n_targets))
    row = st.lists(SHARE, min_size=n_targets, max_size=n_targets)
    p = draw(st.lists(row, min_size=n_types, max_size=n_types))
    n_units = draw(st.lists(st.integers(0, 2), min_size=n_types, max_size=n_types))
    return as_problem(worth, p, n_units)


@given(problem=problems())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_bound_exact_and_quick_stand_in_order(problem):
    """The bound never exceeds the optimum, no answer beats it, and what is called optimal is."""
    best = best_by_trying(problem)
    quick, found = assign_quickly(problem), assign(problem)
    near = 1e-9 * max(best, 1.0e-300) + 1e-12 * float(problem.worth.sum())
    for n_assigned in (quick, found.n_assigned):
        assert (n_assigned >= 0).all()
        assert (n_assigned.sum(axis=1) <= problem.n_units).all()
    assert left_of(problem, quick).sum() >= best - near
    assert found.value == pytest.approx(left_of(problem, found.n_assigned).sum())
    assert found.bound <= best + 1e-6 * best + near
    assert found.value >= best - near
    if found.is_optimal:
        assert found.value <= best * (1.0 + 2e-6) + near


def test_the_same_problem_gives_the_same_bytes():
    rng = np.random.default_rng(4)
    problem = as_problem(100.0 * rng.random(9), rng.random((4, 9)), [2, 1, 3, 2])
    first, again = assign(problem), assign(problem)
    assert first.n_assigned.tobytes() == again.n_assigned.tobytes()
    assert (first.value, first.bound, first.cut) == (again.value, again.bound, again.cut)


def test_nothing_to_give_and_nothing_to_win():
    found = assign(as_problem([2.0, 3.0], [[0.5, 0.5]], [0]))
    assert (found.value, found.bound, found.is_optimal) == (5.0, 5.0, True)
    assert assign(as_problem([2.0], [[0.0]], [3])).value == 2.0
    assert assign(as_problem([2.0], [[1.0]], [1])).value == 0.0


@pytest.mark.parametrize(
    ("worth", "p", "n_units", "name"),
    [
        ([-1.0], [[0.5]], [1], "worth"),
        ([np.nan], [[0.5]], [1], "worth"),
        ([1.0], [[1.5]], [1], "p"),
        ([1.0], [[0.5]], [-1], "n_units"),
    ],
)
def test_values_outside_their_range_are_refused(worth, p, n_units, name):
    with pytest.raises(DomainError, match=f"^{name} "):
        as_problem(worth, p, n_units)
    with pytest.raises(ValueError, match="shape"):
        as_problem([1.0, 2.0], [[0.5]], [1])


TEXT = "2 2 1\n5\n7\n0 0 0.5\n0 1 0.25\n1 0 0.1\n1 1 0.9\n"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("2 2 1", "2 2", r"line 1: 3 numbers"),
        ("2 2 1", "2 2 -1", r"line 1: must be a whole number of at least 0: '-1'"),
        ("2 2 1", "2 3 1", r"line 8: has 7 lines; 2 types and 3 targets take 10"),
        ("\n7\n", "\nx\n", r"line 3: must be a number of at least 0: 'x'"),
        ("\n7\n", "\n-7\n", r"line 3: must be a number of at least 0"),
        ("0.25", "1.25", r"line 5: must be a number from 0 to 1: '1.25'"),
        ("0.25", "nan", r"line 5: must be a number from 0 to 1"),
        ("1 1 0.9", "1 2 0.9", r"line 7: no such type and target: 1 2"),
        ("1 1 0.9", "1 0 0.9", r"line 7: type 1 and target 0 stand twice"),
        ("0 0 0.5\n", "0 0 0.5 3\n", r"line 4: 3 numbers are needed, 4"),
        (TEXT, "", r"line 1: 3 numbers are needed, 0"),
    ],
)
def test_a_bad_instance_is_refused_by_file_line_and_cause(tmp_path, old, new, told):
    file = tmp_path / "wta_bad.txt"
    file.write_text(TEXT.replace(old, new), encoding="utf-8")
    with pytest.raises(SettingsError, match=rf"wta_bad\.txt: {told}"):
        verify([file])


def test_verify_takes_an_instance_and_tells_value_and_bound(tmp_path):
    file = tmp_path / "wta_2x2x1.txt"
    file.write_text(TEXT, encoding="utf-8")
    found = verify([file])
    (solved,) = found.assignments
    assert found.is_inside
    assert solved.is_optimal
    assert solved.value == pytest.approx(5.0 * 0.5 + 7.0 * 0.1)
    assert verify([tmp_path]).checks == found.checks


@pytest.mark.parametrize(
    ("name", "value", "within"),
    [("50x100x1", 1734.302278, 1e-5), ("50x100x2", 123.838458, 1e-5), ("100x200x3", 14.579133, 1e-5)],
)
@pytest.mark.slow
def test_published_instances_are_solved(shared, name, value, within):
    """Proven, where 14.579133 was the best known of 100x200x3 and the lower bound 14.549077."""
    file = shared / "reference" / "wta" / f"wta_{name}.txt"
    if not file.is_file():
        pytest.skip("the published instances are not beside the project")
    found = wta.solve(file)
    assert found.is_optimal, found
    assert found.value == pytest.approx(value, abs=within)
