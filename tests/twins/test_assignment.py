import itertools

import naive_assignment as naive
import numpy as np
import pytest

from casemate.kernels import assignment as kernel


def case(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 6))
    p = rng.choice([0.0, 1.0, *rng.random(6)], n)
    price = rng.choice([0.0, *(3.0 * rng.random(6))], n)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(p > 0.0, price / -np.log1p(-p), np.inf)
    order = np.argsort(rate, kind="stable")
    return 10.0 * rng.random(), p[order], price[order], rate[order], rng.integers(0, 4, n)


def found(given, limit, is_least, n_nodes=10**6, n_most=5000):
    ends, items = np.zeros(n_most + 1, np.int64), np.empty(20 * n_most, np.int64)
    worth, p, price, rate, n_units = given
    low, n, is_cut = kernel.find_plans(worth, p, price, rate, n_units, limit, is_least, n_nodes, ends, items)
    return low, [tuple(sorted(items[a:b].tolist())) for a, b in itertools.pairwise(ends[: n + 1])], is_cut


@pytest.mark.parametrize("seed", range(200))
def test_the_cheapest_plan_is_found(seed):
    given = case(seed)
    worth, p, price, _, n_units = given
    every = naive.plans_of(worth, p, price, n_units)
    low, (plan,), is_cut = found(given, worth * 1.01 + 1e-9, is_least=True)
    assert not is_cut
    assert low == pytest.approx(every[0][0], rel=1e-10, abs=1e-10)
    assert dict(zip((plan for _, plan in every), (cost for cost, _ in every), strict=True))[plan] == pytest.approx(
        low, rel=1e-10, abs=1e-10
    )


@pytest.mark.parametrize("seed", range(200))
def test_no_plan_that_could_be_of_use_is_missed(seed):
    """All those below the limit are found, but for units that cost as much as they spare, or more."""
    given = case(seed)
    worth, p, price, _, n_units = given
    every = {plan: cost for cost, plan in naive.plans_of(worth, p, price, n_units)}
    limit = min(every.values()) + 0.3 * worth
    _, plans, is_cut = found(given, limit, is_least=False)
    assert not is_cut
    assert len(set(plans)) == len(plans)
    assert all(every[plan] < limit + 1e-9 for plan in plans)
    for plan, cost in every.items():
        if cost < limit - 1e-9 and plan not in plans:
            parts = [plan[:k] + plan[k + 1 :] for k in range(len(plan))]
            assert min(every[part] for part in parts) <= cost + 1e-9


@pytest.mark.parametrize("seed", range(50))
def test_a_search_that_is_cut_still_bounds(seed):
    given = case(seed)
    worth, p, price, _, n_units = given
    least = naive.plans_of(worth, p, price, n_units)[0][0]
    for n_nodes in (0, 1, 3):
        assert found(given, worth * 1.01 + 1e-9, is_least=True, n_nodes=n_nodes)[0] <= least + 1e-10
    full = found(given, worth * 2.0 + 1.0, is_least=False, n_most=1)
    assert len(full[1]) <= 1
