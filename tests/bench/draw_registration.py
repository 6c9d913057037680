"""Draw what the station says of two radars that disagree, second by second: docs/images/registration.png.

PYTHONPATH=src:tests/bench:tests/faults python tests/bench/draw_registration.py docs/images/registration.png
"""

import sys

import numpy as np
from matplotlib.figure import Figure
from registration_cases import NONE, T0_NS, TWO
from two_radars import DECLARED, inputs_of, pipeline_of

from casemate.constants import NS_PER_S

SPAN_S, SEED = 60.0, 4
ROWS = (
    ("range [m]", 1.0),
    ("azimuth [deg]", np.degrees(1.0)),
    ("elevation [deg]", np.degrees(1.0)),
    ("clock [s]", 1.0),
)


def told(biases):
    """Return times [s], and of the second radar at each: offsets, sigmas, what is taken off, whether it is degraded."""
    inputs, _ = inputs_of(DECLARED, SEED, biases, SPAN_S)
    pipeline, out = pipeline_of(DECLARED), []
    for message in inputs:
        events = pipeline.step(message)
        known = pipeline._registration.report[1]
        out.append(((events.t_ns - T0_NS) / NS_PER_S, known.bias, known.sigma, known.applied, bool(known.trouble)))
    return [np.array(column) if i < 3 else column for i, column in enumerate(zip(*out, strict=True))]


def main(path):
    """Draw one panel an offset: what is believed with 2 sigma, what is true, when it is taken off."""
    t_s, bias, sigma, applied, trouble = told(TWO)
    truth = np.array(TWO[1]) - np.array(NONE[1])
    figure = Figure(figsize=(7.0, 7.2), layout="constrained")
    panels = figure.subplots(4, 1, sharex=True)
    for k, (axes, (name, unit)) in enumerate(zip(panels, ROWS, strict=True)):
        low, high = ((bias[:, k] + side * sigma[:, k]) * unit for side in (-2.0, 2.0))
        axes.fill_between(t_s, low, high, color="#9ecae1", lw=0.0, label="2 sigma")
        axes.plot(t_s, bias[:, k] * unit, color="#08519c", label="believed")
        axes.axhline(truth[k] * unit, color="#d94801", ls="--", label="true")
        since = [t for t, words in zip(t_s, applied, strict=True) if ("range", "az", "el", "time")[k] in words]
        if since:
            axes.axvline(since[0], color="black", lw=1.0, label="taken off from here")
        axes.set_ylabel(name)
        axes.grid(alpha=0.3)
        span = max(3.0 * abs(truth[k]), 4.0 * np.nanmedian(sigma[:, k])) * unit
        axes.set_ylim(-span / 3.0, span)
    first = [t for t, is_off in zip(t_s, trouble, strict=True) if is_off]
    if first:
        panels[0].axvline(first[0], color="#cb181d", lw=1.0, ls=":", label="said to be degraded")
    panels[-1].set_xlabel("time since the first scan [s]")
    panels[-1].set_xlim(0.0, SPAN_S)
    panels[0].legend(loc="upper right", fontsize=8, ncols=2)
    figure.suptitle("What is believed of the second of two radars (eight aircraft in common)", fontsize=11)
    figure.savefig(path, dpi=100)
    print(
        first[:1],
        [row for row in zip(t_s, applied, strict=True) if row[1]][:1],
        applied[-1],
        np.round(bias[-1], 4),
        np.round(sigma[-1], 4),
    )


if __name__ == "__main__":
    main(sys.argv[1])
