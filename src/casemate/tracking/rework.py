"""Working the last scans again under a guess about a salvo, as far as the guess reaches.

The guess says where its rounds came from, and so where they were in the scans that are remembered: along one path.
Only plots near it, and the young trees that hold such plots, are worked again; whatever else the sky is full of stays
as the leader has it, and counts the same in both.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.kernels import mouths
from casemate.kernels.leaves import WINDOW, Rule
from casemate.tracking.bank import Bank
from casemate.tracking.filter import Ints
from casemate.tracking.hypotheses import Chosen, Hypotheses, Salvos, Sweep

NO_TIME = -1
"""Of a plot that is not to be used again."""

GUESS_MPS = 25.0
"""1 sigma of a round's velocity about a first guess of its salvo's, each way."""

REACH_M, REACH_SIGMAS = 300.0, 3.0
"""A plot is within reach of a guess so near to its path at the mouth; along it the velocity's sigmas are added [A]."""

BEFORE_S = 3.0
"""The mouth of a guess is the mean of first plots: a path begins so long before it."""


class Past(NamedTuple):
    """A sweep that can be worked again; its plots are in the banks."""

    sweep: Sweep
    rule: Rule
    first: int  # serial of its first plot


def work_again(
    hypotheses: Hypotheses, past: Sequence[Past], leader: Bank, guess: NDArray[np.void], salvos: NDArray[np.void]
) -> tuple[Bank, Chosen]:
    """Work the remembered sweeps again under a guess, SALVO (1,), that is one of the salvos (k,).

    Returns a bank of its own, and its global hypothesis. What is within the guess's reach was born again in it; the
    plots of all else that was chosen are not free for that.
    """
    t_from_ns, first = past[0].sweep.t_start_ns, past[0].first
    whole = leader.copy()
    near = _within_reach(hypotheses, leader, guess, t_from_ns)
    trees = _touched(whole, near, t_from_ns, first)
    is_gone = np.isin(whole.of("tree"), trees)
    spots = leader.spots.copy()
    spots["t_ns"][~(near | _held(whole, is_gone, trees)) | _held_by_others(whole, is_gone, trees)] = NO_TIME
    young = Bank.empty(len(hypotheses.sensors), len(leader.leaves))
    young.base, young.next_id = first, whole.next_id
    for one in past:
        hypotheses.step(young, _again(one, spots[one.first - leader.base :]), one.rule, Salvos(salvos, GUESS_MPS))
    whole.keep(~is_gone)
    whole.ended = tuple(one for one in whole.ended if one.tree not in trees)
    whole.take_in(young)
    whole.next_id = max(young.next_id, whole.next_id)
    slots = whole.order[whole.of("is_chosen")]
    return whole, Chosen(slots, np.ones(len(slots), np.bool_), 0, 0)


def _within_reach(hypotheses: Hypotheses, bank: Bank, guess: NDArray[np.void], t_from_ns: int) -> NDArray[np.bool_]:
    # which plots since then lie near the path of a guess
    near = np.empty(len(bank.spots), np.bool_)
    longest_s = (int(guess["t_ns"][0]) - t_from_ns) / NS_PER_S + BEFORE_S
    limits = -BEFORE_S, longest_s, REACH_M, REACH_SIGMAS * GUESS_MPS
    mouths.find_near(bank.spots, guess[0], *limits, hypotheses.environment, near)
    return near & (bank.spots["t_ns"] >= t_from_ns)


def _touched(bank: Bank, near: NDArray[np.bool_], t_from_ns: int, first: int) -> Ints:
    # the trees born since then of which a leaf holds a plot within reach, or did until it was settled
    is_young = bank.of("t_birth_ns") >= t_from_ns
    rows, is_held = _plots(bank, is_young)
    living = bank.of("tree")[is_young][(near[rows] & is_held).any(axis=1)]
    settled = bank.spots["tree"][near]
    return np.unique(np.concatenate([living, settled[settled > first]]))


def _held(bank: Bank, which: NDArray[np.bool_], trees: Ints) -> NDArray[np.bool_]:
    # the plots of such leaves (of the order), and those that were settled on such trees
    rows, is_held = _plots(bank, which)
    held = np.isin(bank.spots["tree"], trees)
    held[rows[is_held]] = True
    return held


def _held_by_others(bank: Bank, is_gone: NDArray[np.bool_], trees: Ints) -> NDArray[np.bool_]:
    # the plots of chosen leaves that stay, and those that were settled on other trees
    rows, is_held = _plots(bank, ~is_gone & bank.of("is_chosen"))
    held = (bank.spots["tree"] > 0) & ~np.isin(bank.spots["tree"], trees)
    held[rows[is_held]] = True
    return held


def _plots(bank: Bank, which: NDArray[np.bool_]) -> tuple[Ints, NDArray[np.bool_]]:
    # rows of the plots (n, WINDOW) that leaves of the order still may undo, and which of them count
    slots = bank.order[which]
    rows: Ints = bank.leaves["plots"][slots] - bank.base
    n_plots: Ints = bank.leaves["n_plots"][slots]
    is_held = (np.arange(WINDOW) < n_plots[:, None]) & np.greater_equal(rows, 0)
    return np.where(is_held, rows, 0), is_held


def _again(past: Past, spots: NDArray[np.void]) -> Sweep:
    # a sweep with its plots as the banks hold them, from the first of them on: part after part
    parts: list[Ints] = []
    n = 0
    for part in past.sweep.parts:
        parts.append(np.arange(n, n + len(part)))
        n += len(part)
    return past.sweep._replace(spots=spots[:n], parts=tuple(parts))
