"""Write an Accelerator's network as da4ml RTL. Runs in an environment of its own that has da4ml; reads accelerator.json and .npz.

    python da4ml_network.py ACCELERATOR_FOLDER RTL_FOLDER ADDERS_PER_STAGE

Activations with steps of a power of two become da4ml's saturating quantisers, all others one comparator for each threshold.
da4ml's answers are checked against the integers on 2,000 frames; the last line is a JSON object with latency_cycles and seconds.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from da4ml.codegen import RTLModel
from da4ml.trace import FixedVariableArray, HWConfig, comb_trace


def load(folder):
    """(idt, layers) with weights, bias and thresholds of each layer as arrays."""
    description = json.loads((folder / "accelerator.json").read_text())
    arrays = np.load(folder / "accelerator.npz")
    layers = []
    for entry in description["layers"]:
        parts = [arrays.get(f"{entry['name']}.{part}") for part in ("weights", "bias", "thresholds")]
        layers.append((*parts, entry["odt"]))
    return description["layers"][0]["idt"], layers


def least(datatype):
    if datatype in ("BIPOLAR", "TERNARY"):
        return -1
    return -(1 << int(datatype[3:]) - 1) if datatype.startswith("INT") else 0


def activate(acc, thresholds, odt):
    """Symbolic accumulators to symbolic activations: quantisers where all rows step evenly by a power of two."""
    steps = np.unique(np.diff(thresholds, axis=1)) if thresholds.shape[1] > 1 else np.array([])
    levels = thresholds.shape[1] + 1
    if steps.size == 1 and steps[0] > 0 and steps[0] & steps[0] - 1 == 0 and levels & levels - 1 == 0:
        step, size = int(steps[0]), levels.bit_length() - 1
        shift = step.bit_length() - 1
        moved = acc + (step - thresholds[:, 0]).astype(np.float64)
        return moved.quantize(0, size + shift, -shift, overflow_mode="SAT", round_mode="TRN") * 2.0**-shift + least(odt)
    counts = []
    for row, value in enumerate(acc._vars):
        total = 0.0
        terms = [value >= float(t) for t in np.unique(thresholds[row])]
        weights = [float(np.sum(thresholds[row] == t)) for t in np.unique(thresholds[row])]
        terms = [term * weight for term, weight in zip(terms, weights)]
        while len(terms) > 1:
            terms = [sum(terms[i + 1:i + 2], terms[i]) for i in range(0, len(terms), 2)]
        counts.append(terms[0] + total)
    reached = FixedVariableArray(np.array(counts), acc.solver_options, hwconf=acc.hwconf)
    return reached * (2 if odt == "BIPOLAR" else 1) + least(odt)


def main():
    source, target, adders = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    idt, layers = load(source)
    started = time.time()
    signed = idt.startswith("INT") or idt == "TERNARY"
    bits = 2 if idt == "TERNARY" else 1 if idt == "BINARY" else int(idt.lstrip("UINT"))
    n = layers[0][0].shape[1]
    low, high = (-1, 1) if idt == "TERNARY" else (-(1 << bits - 1) if signed else 0, (1 << bits - signed) - 1)
    x = FixedVariableArray.from_lhs(np.full(n, float(low)), np.full(n, float(high)), np.ones(n), HWConfig(1, -1, adders))
    values = x
    for weights, bias, thresholds, odt in layers:
        values = values @ weights.T.astype(np.float64) + bias.astype(np.float64)
        if thresholds is not None:
            values = activate(values, thresholds, odt)
    logic = comb_trace(x, values)
    seconds = time.time() - started
    check(logic, layers, low, high)
    model = RTLModel(logic, "da4ml_net", target, latency_cutoff=adders)
    model.write()
    print(json.dumps({"latency_cycles": len(model._pipe.solutions), "seconds": seconds, "cost": float(logic.cost)}))


def check(logic, layers, low, high):
    x = np.random.default_rng(1).integers(low, high + 1, (2000, layers[0][0].shape[1]))
    expected = x
    for weights, bias, thresholds, odt in layers:
        expected = expected @ weights.T + bias
        if thresholds is not None:
            reached = (expected[:, :, None] >= thresholds[None]).sum(2)
            expected = least(odt) + reached * (2 if odt == "BIPOLAR" else 1)
    answers = logic.predict(x.astype(np.float64))
    if not np.array_equal(answers.astype(np.int64), expected):
        raise SystemExit("da4ml's network does not answer as the integers do")


main()
