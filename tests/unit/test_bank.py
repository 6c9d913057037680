"""The bank: slots, order, plots and copies, against lists."""

import numpy as np
import pytest

from casemate.kernels.leaves import LEAF, MOST_CHILDREN, SPOT
from casemate.tracking.bank import Bank, Ended


def take(bank, trees):
    """Take a slot for each leaf of a tree, as the kernels do: from the end of the free ones."""
    bank.reserve(len(trees))
    slots = bank.free[bank.n_free - len(trees) : bank.n_free][::-1].copy()
    bank.n_free -= len(trees)
    bank.leaves["tree"][slots], bank.leaves["score"][slots] = trees, np.arange(len(trees))
    bank.adopt(slots)
    return slots


def spots_of(*t_ns):
    spots = np.zeros(len(t_ns), SPOT)
    spots["t_ns"] = t_ns
    return spots


def test_every_slot_is_living_or_free():
    """Whatever comes and goes, and however often the bank grows; trees stay side by side."""
    rng, bank, alive = np.random.default_rng(1), Bank.empty(2, n_slots=8), []
    for _ in range(60):
        trees = rng.integers(1, 30, rng.integers(0, 25))
        take(bank, trees)
        alive += trees.tolist()
        keep = rng.random(len(bank.order)) < 0.7
        alive = [int(tree) for tree in bank.of("tree")[keep]]
        bank.keep(keep)
        assert bank.of("tree").tolist() == alive == sorted(alive)
        free = bank.free[: bank.n_free].tolist()
        assert sorted([*bank.order.tolist(), *free]) == list(range(len(bank.leaves)))
        assert len(bank.leaves) == len(bank.seen) == len(bank.free)


def test_a_reserve_leaves_room_for_one_leaf_more():
    """So a kernel may write a leaf's children without asking."""
    bank = Bank.empty(1, n_slots=4)
    bank.reserve(100)
    assert bank.n_free >= 100 + MOST_CHILDREN
    before = len(bank.leaves)
    bank.reserve(100)
    assert len(bank.leaves) == before


def test_growth_keeps_what_was_there():
    bank = Bank.empty(1, n_slots=40)
    slots = take(bank, [3, 1, 2])
    bank.seen[slots] = 7
    bank.reserve(500)
    assert bank.of("tree").tolist() == [1, 2, 3]
    assert (bank.seen[slots] == 7).all()
    assert bank.leaves.dtype == LEAF


def test_plots_keep_their_serials():
    """Rows move on as old plots are forgotten; row plus base names the same plot for ever."""
    bank, all_ns, t_ns = Bank.empty(1), [], 0
    rng = np.random.default_rng(2)
    for _ in range(200):
        new = t_ns + np.sort(rng.integers(0, 10, rng.integers(0, 40)))
        first = bank.add_spots(spots_of(*new))
        assert bank.base + first == 1 + len(all_ns)
        all_ns += new.tolist()
        assert bank.spots["t_ns"].tolist() == all_ns[bank.base - 1 :]
        t_ns += 10
        bank.forget_spots(t_ns - int(rng.integers(0, 60)))
        assert bank.base + len(bank.spots) == 1 + len(all_ns)
    assert bank.base > 1000
    assert len(bank.room) < 2000  # room is used again


def test_only_the_oldest_plots_are_forgotten():
    """A plot that came late is kept until those before it may go."""
    bank = Bank.empty(1)
    bank.add_spots(spots_of(1, 5, 2, 6))
    bank.forget_spots(3)
    assert bank.spots["t_ns"].tolist() == [5, 2, 6]
    bank.forget_spots(100)
    assert len(bank.spots) == 0
    assert bank.base == 5


def test_a_copy_goes_its_own_way():
    bank = Bank.empty(1)
    take(bank, [1, 2])
    bank.add_spots(spots_of(1, 2, 3))
    twin = bank.copy()
    twin.leaves["score"][:], twin.spots["label"][:] = 99.0, 7
    twin.add_spots(spots_of(4))
    twin.keep(np.zeros(2, np.bool_))
    twin.ended += ((5, 1.0),)
    assert bank.of("score").tolist() == [0.0, 1.0]
    assert bank.spots["label"].tolist() == [0, 0, 0]
    assert len(bank.order) == 2
    assert bank.ended == ()


def test_the_score_counts_what_appeared_since():
    """Chosen leaves and tracks that ended, each by its birth."""
    bank = Bank.empty(1)
    slots = take(bank, [1, 2, 3, 4])
    bank.leaves["score"][slots], bank.leaves["t_birth_ns"][slots] = [1.0, 2.0, 4.0, 8.0], [10, 20, 30, 40]
    bank.leaves["is_chosen"][slots] = [True, True, False, True]
    bank.ended = (Ended(5, 1, 100.0), Ended(25, 2, 16.0))
    assert bank.score(0) == pytest.approx(127.0)
    assert bank.score(15) == pytest.approx(26.0)


def test_leaves_of_another_bank_are_taken_in():
    """With what sensors saw of them, at their place among the trees."""
    one, other = Bank.empty(1, n_slots=4), Bank.empty(1)
    take(one, [1, 5])
    slots = take(other, [3, 7, 9])
    other.seen[slots] = [[1, 1], [2, 2], [3, 3]]
    other.ended = ((1, 2.0),)
    one.take_in(other)
    assert one.of("tree").tolist() == [1, 3, 5, 7, 9]
    assert one.seen[one.order[[1, 3, 4]]].tolist() == [[1, 1], [2, 2], [3, 3]]
    assert one.ended == ((1, 2.0),)
