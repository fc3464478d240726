"""Write an integer network with thresholds as alkaid RTL. Runs in an environment of its own that has alkaid.

    python alkaid_network.py NETWORK.npz RTL_FOLDER ADDERS_PER_STAGE ternary|binary

Thresholds in steps of a power of two become saturating quantisers. For all others every form below is traced, for all of them alike, and the
form that alkaid estimates cheapest with every solver setting of alkaid_write.py:

affine       (m * acc + c) >> s with the constants of the fewest signed digits (finn_steps/rtl/scale.py, in the file), clipped
bsearch      alkaid's searchsorted, by binary search
thermometer  alkaid's searchsorted, by comparators and a sum
table N      a lookup table where the accumulator has at most N values, else affine

The answers are checked against those in the file. The last line is a JSON object.
"""

import sys
from pathlib import Path

import numpy as np
from alkaid.trace import FVArray, HWConfig, trace
from alkaid_write import SOLVERS, cheapest, write

FORMS = ("affine", "bsearch", "thermometer", "table 64", "table 256", "table 1024")


def activated(acc, thresholds, constants, form):
    """One symbolic accumulator to the number of thresholds that it reaches; `constants` are m, c, s, or m is 0."""
    low, high, step = (float(value) for value in acc.qint)
    always = int(np.sum(thresholds <= low))
    reached = thresholds[(thresholds > low) & (thresholds <= high)].astype(float)
    if not len(reached):
        return acc * 0.0 + float(always)
    steps = np.unique(np.diff(reached))
    size = int(steps[0]) if len(steps) == 1 else 0
    if size > 0 and size & (size - 1) == 0:
        return limited(acc * (1.0 / size) + (1.0 - reached[0] / size), len(reached)) + float(always)
    values = np.arange(low, high + step, step)
    if form.startswith("table") and len(values) <= int(form.split()[1]):
        return acc.lookup(always + np.searchsorted(reached, values, side="right").astype(float))
    m, c, s = constants
    if m and (form == "affine" or form.startswith("table")):
        return limited(acc * float(m) * 2.0**-float(s) + float(c) * 2.0**-float(s), len(reached)) + float(always)
    sorter = form if form in ("bsearch", "thermometer") else "bsearch"
    found = np.searchsorted(reached, FVArray(np.array([acc]), {}, hwconf=acc.hwconf), side="right", sorter=sorter)
    return np.asarray(found).ravel()[0] + float(always)


def limited(value, count):
    """floor(value), 0 where it is less, `count` where it is more."""
    bits = int(count).bit_length()
    found = value.quantize(0, bits, 0, overflow_mode="SAT", round_mode="TRN")
    return found if count == (1 << bits) - 1 else found.min_of(float(count))


def traced(network, solver, form):
    hardware = HWConfig(1, -1, -1)
    x = FVArray.from_lhs(network["low"], network["high"], np.ones(len(network["low"])), hardware, solver_options=dict(solver))
    values = x
    for number in range(int(network["layers"])):
        weights, bias, thresholds, least, constants = (network.get(f"{number}.{name}") for name in
                                                       ("weights", "bias", "thresholds", "least", "constants"))
        values = values @ weights.T.astype(float) + bias.astype(float)
        if thresholds is not None:
            reached = [activated(*row, form) for row in zip(np.asarray(values).ravel(), thresholds, constants.astype(object))]
            values = FVArray(np.array(reached), dict(solver), hwconf=hardware) + float(least)
    logic = trace(x, values)
    if not np.array_equal(logic.predict(network["x"].astype(float)), network["y"]):
        raise SystemExit(f"alkaid's network does not answer as the integers do ({form})")
    return logic


def main():
    network = dict(np.load(sys.argv[1]))
    _, form, first = cheapest(FORMS, lambda form: traced(network, SOLVERS[0], form))
    logic, solver, seconds = cheapest(SOLVERS, lambda solver: traced(network, solver, form))
    write(logic, Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "ternary", setting={**solver, "form": form}, seconds=first + seconds,
          frames=len(network["x"]))


if __name__ == "__main__":
    main()
