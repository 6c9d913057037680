"""Draw docs/images/detection.png: chance of a plot by range, and what a plot's sigmas are worth there.

Run it: python tests/bench/draw_detection.py
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

from casemate.physics.detection import p_detection, sigma_scale, snr_at

OUT = Path(__file__).parents[2] / "docs" / "images" / "detection.png"
CLASSES = (("82 mm bomb", -30.0), ("120 mm bomb", -22.0), ("107 mm rocket", -17.0), ("light aircraft", 3.0))
LAWS = ((0, "steady"), (1, "Swerling 1"), (3, "Swerling 3"))


def main():
    """Write the picture."""
    range_m = np.linspace(500.0, 40_000.0, 400)
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12.0, 3.6), layout="constrained")
    for name, rcs_dbsm in CLASSES:
        snr = snr_at(range_m, np.full(400, rcs_dbsm), 12_000.0)
        left.plot(range_m / 1e3, p_detection(snr, np.ones(400, np.int64)), label=f"{name}, {rcs_dbsm:.0f} dBsm")
        right.plot(range_m / 1e3, sigma_scale(snr), label=name)
    for law, name in LAWS:
        snr = snr_at(range_m, np.full(400, -20.0), 12_000.0)
        middle.plot(range_m / 1e3, p_detection(snr, np.full(400, law)), label=name)
    left.set(title="Swerling 1, by class", ylabel="chance of detection")
    middle.set(title="-20 dBsm, by fluctuation")
    right.set(title="sigmas over those of the site file", ylabel="factor", yscale="log", ylim=(0.3, 10.0))
    middle.plot(12.0, 0.8, "k.")
    for axes in (left, middle, right):
        axes.set_xlabel("range [km]")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    figure.savefig(OUT, dpi=110)


if __name__ == "__main__":
    main()
