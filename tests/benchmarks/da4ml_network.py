"""Write an Accelerator's network as da4ml RTL. Runs in an environment of its own that has da4ml; reads accelerator.json and
.npz.

    python da4ml_network.py RTL_FOLDER ADDERS_PER_STAGE ACCELERATOR_FOLDER...

Several folders are several forms of one network (as given, and simplified). Each is traced with every solver setting below,
the best of them with every size of tables; the one that da4ml itself estimates cheapest is written. Activations whose
thresholds step by a power of two become saturating quantisers. All others are compared with each threshold that can be reached
(equal ones once, counts added in a balanced tree) or, where the accumulator has few enough values, looked up in a table.
da4ml's answers are checked against the integers on 2,000 frames. The last line is a JSON object.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from da4ml.codegen import RTLModel
from da4ml.trace import FixedVariableArray, HWConfig, comb_trace

SOLVERS = ({}, {"method0": "mc"}, {"hard_dc": 0})
TABLES = (64, 256, 1024)
"""An accumulator of at most so many values is looked up."""
LARGE = 10_000
"""Nonzero weights from which on only the first setting is tried."""


def load(folder):
    """(idt, layers) with weights, bias, thresholds and odt of each layer."""
    description = json.loads((folder / "accelerator.json").read_text())
    arrays = np.load(folder / "accelerator.npz")
    layers = []
    for entry in description["layers"]:
        parts = [arrays.get(f"{entry['name']}.{part}") for part in ("weights", "bias", "thresholds")]
        layers.append((*parts, entry["odt"]))
    return description["layers"][0]["idt"], layers


def value_range(datatype):
    """The least and the greatest value of a FINN datatype."""
    if datatype in ("BIPOLAR", "TERNARY"):
        return -1, 1
    if datatype == "BINARY":
        return 0, 1
    bits = int(datatype.lstrip("UINT"))
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if datatype.startswith("INT") else (0, (1 << bits) - 1)


def activate(acc, thresholds, tables):
    """One symbolic accumulator to the number of thresholds that it reaches."""
    low, high = (float(value) for value in acc.qint[:2])
    always = int(np.sum(thresholds <= low))
    open_thresholds = thresholds[(thresholds > low) & (thresholds <= high)]
    if not len(open_thresholds):
        return acc * 0.0 + float(always)
    steps = np.unique(np.diff(open_thresholds))
    step = int(steps[0]) if len(steps) else 0
    first, levels = int(open_thresholds[0]), always + len(open_thresholds)
    if len(steps) == 1 and step > 0 and step & (step - 1) == 0:
        size, shift = levels.bit_length(), step.bit_length() - 1
        below = always == 0 or low >= first - step
        above = levels == (1 << size) - 1 or high < first + len(open_thresholds) * step
        if below and above:
            moved = acc + float(step * (always + 1) - first)
            return moved.quantize(0, size + shift, -shift, overflow_mode="SAT", round_mode="TRN") * 2.0**-shift
    values = np.arange(low, high + float(acc.qint[2]), float(acc.qint[2]))
    if len(values) <= tables:
        return acc.lookup(always + np.searchsorted(open_thresholds, values, side="right").astype(np.float64))
    different, counts = np.unique(open_thresholds, return_counts=True)
    terms = [(acc >= float(threshold)) * float(count) for threshold, count in zip(different, counts)]
    while len(terms) > 1:
        terms = [sum(terms[i + 1:i + 2], terms[i]) for i in range(0, len(terms), 2)]
    return terms[0] + float(always)


def trace(idt, layers, adders, solver, tables):
    low, high = value_range(idt)
    n = layers[0][0].shape[1]
    hardware = HWConfig(1, -1, adders)
    bounds = np.full(n, float(low)), np.full(n, float(high)), np.ones(n)
    x = FixedVariableArray.from_lhs(*bounds, hardware, solver_options=dict(solver))
    values = x
    for weights, bias, thresholds, odt in layers:
        values = values @ weights.T.astype(np.float64) + bias.astype(np.float64)
        if thresholds is not None:
            counts = [activate(acc, row, tables) for acc, row in zip(values._vars, thresholds)]
            reached = FixedVariableArray(np.array(counts), values.solver_options, hwconf=values.hwconf)
            values = reached * (2.0 if odt == "BIPOLAR" else 1.0) + float(value_range(odt)[0])
    return comb_trace(x, values)


def check(logic, idt, layers):
    low, high = value_range(idt)
    x = np.random.default_rng(1).integers(low, high + 1, (2000, layers[0][0].shape[1]))
    expected = x
    for weights, bias, thresholds, odt in layers:
        expected = expected @ weights.T + bias
        if thresholds is not None:
            reached = np.stack([np.searchsorted(row, expected[:, m], side="right") for m, row in enumerate(thresholds)], 1)
            expected = value_range(odt)[0] + reached * (2 if odt == "BIPOLAR" else 1)
    if not np.array_equal(logic.predict(x.astype(np.float64)).astype(np.int64), expected):
        raise SystemExit("da4ml's network does not answer as the integers do")


def main():
    target, adders, sources = Path(sys.argv[1]), int(sys.argv[2]), [Path(name) for name in sys.argv[3:]]
    networks = [load(source) for source in sources]
    untried = [(form, solver, 0) for form in range(len(networks)) for solver in SOLVERS]
    if sum(np.count_nonzero(layer[0]) for layer in networks[-1][1]) > LARGE:
        untried = [(len(networks) - 1, SOLVERS[0], 0)]
    tried, best, latencies, started = 0, None, [], time.time()
    while untried:
        form, solver, tables = untried.pop(0)
        tried, begun = tried + 1, time.time()
        idt, layers = networks[form]
        logic = trace(idt, layers, adders, solver, tables)
        check(logic, idt, layers)
        model = RTLModel(logic, "da4ml_net", target, latency_cutoff=adders)
        latencies.append(len(model._pipe.solutions))
        if best is None or logic.cost < best[0].cost:
            best = logic, model, form, solver, tables, time.time() - begun
        if not untried and tables == 0 and tried > 1:
            untried = [(best[2], best[3], size) for size in TABLES]
    logic, model, form, solver, tables, seconds = best
    model.write()
    steps = min([float(q.step) for q in logic.out_qint if q.max > q.min], default=1.0)
    print(json.dumps({
        "latency": len(model._pipe.solutions), "least_latency": min(latencies), "seconds": seconds, "cost": float(logic.cost),
        "form": form, "setting": {**solver, "tables": tables}, "tried": tried, "all_seconds": time.time() - started,
        "step": steps, "register_bits": int(model._pipe.reg_bits)}))


if __name__ == "__main__":
    main()
