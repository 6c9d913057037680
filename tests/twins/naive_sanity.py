"""The sanity kernel once more, by eigenvalues."""

import numpy as np


def first_broken(rows):
    for i, row in enumerate(rows):
        if i and row["track_id"] <= rows["track_id"][i - 1]:
            return i, 4
        state = row["state"].copy()
        if not row["is_height_known"]:
            state[2] = 0.0
        said = [*state, *row["cov"].ravel(), row["llr"], row["p_exists"], row["p_ballistic"]]
        if not all(np.isfinite(said)):
            return i, 1
        sigma = np.sqrt(np.maximum(np.diag(row["cov"]), 0.0))
        is_known = sigma > 0.0
        if (np.diag(row["cov"]) < 0.0).any() or row["cov"][~is_known].any() or row["cov"][:, ~is_known].any():
            return i, 3
        c = row["cov"][np.ix_(is_known, is_known)] / np.outer(sigma[is_known], sigma[is_known])
        if np.abs(c - c.T).max(initial=0.0) > 1e-6:
            return i, 2
        if len(c) and np.linalg.eigvalsh(c).min() < -1e-6:
            return i, 3
    return len(rows), 0
