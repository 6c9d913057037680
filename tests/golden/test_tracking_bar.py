"""The tracker on a few scenes of the peers' bench: it fails when tracking has become much worse, not a little.

The figures themselves come from `scripts/bench-tracking`, over many seeds. Here a mean over few seeds must stay inside
limits about twice as far from the oracle as what was measured, so that chance alone does not fail it.
"""

import numpy as np
import pytest

LIMITS = {
    # case: (seeds, GOSPA over the oracle's, missed share, switches beyond the oracle's, position RMSE over the bound)
    "spread-20-10-1hz": (3, 1.10, 0.08, 1.0, 1.2),
    "salvo-0.5s-10-1hz": (4, 1.25, 0.04, 40.0, 1.5),
    "salvo-0.5s-10-4hz": (1, 1.40, 0.02, 40.0, 1.5),
    "two-launchers-200m": (2, 1.25, 0.04, 40.0, 1.5),
}
FIRST_SEED = 201


@pytest.fixture(scope="module")
def bench(shared, tmp_path_factory):
    assert shared.is_dir()
    import tracking_accuracy
    import tracking_peers

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracking_peers, "CACHE", tmp_path_factory.mktemp("scenes"))
        yield tracking_accuracy


@pytest.mark.parametrize("case", LIMITS)
def test_tracking_has_not_become_much_worse(bench, case):
    n, gospa, missed, switches, place = LIMITS[case]
    rows = [bench.score(case, seed) for seed in range(FIRST_SEED, FIRST_SEED + n)]

    def mean(who, key):
        return float(np.mean([row[who][key] for row in rows]))

    assert mean("ours", "gospa") < gospa * mean("oracle", "gospa")
    assert mean("ours", "miss_frac") < missed
    assert mean("ours", "id_switch") < switches + mean("oracle", "id_switch")
    assert mean("ours", "pos_rmse") < place * mean("bound", "pos_rms")
