"""Write a chain of quantised layers (tests/benchmarks/chains.py) as alkaid RTL. Runs in an environment of its own that has alkaid.

    python alkaid_chain.py CHAIN.npz RTL_FOLDER ADDERS_PER_STAGE ternary|binary

Layers are products with constants, activations alkaid's own quantisers (their rounding and overflow are HGQ2's), each input has the range of
its own. Traced with every solver setting of alkaid_write.py; the one that alkaid estimates cheapest is written, with its ternary adders or
without. Its answers are checked against those in the file. The last line is a JSON object.
"""

import sys
from pathlib import Path

import numpy as np
from alkaid.trace import FVArray, HWConfig, trace
from alkaid_write import SOLVERS, cheapest, write


def traced(chain, solver):
    hardware = HWConfig(1, -1, -1)
    x = FVArray.from_lhs(chain["low"], chain["high"], chain["step"], hardware, solver_options=dict(solver))
    values = x
    for number in range(int(chain["steps"])):
        part = {name: chain.get(f"{number}.{name}") for name in ("kind", "weights", "bias", "k", "i", "f", "rounding", "overflow")}
        if part["kind"] == "dense":
            values = values @ part["weights"].T + part["bias"]
        elif part["kind"] == "relu":
            values = np.maximum(values, 0.0)
        else:
            values = values.quantize(part["k"], part["i"], part["f"], overflow_mode=str(part["overflow"]), round_mode=str(part["rounding"]))
    logic = trace(x, values)
    if not np.array_equal(logic.predict(chain["x"]), chain["y"]):
        raise SystemExit("alkaid's network does not answer as the integers do")
    return logic


def main():
    chain = dict(np.load(sys.argv[1]))
    logic, solver, seconds = cheapest(SOLVERS, lambda solver: traced(chain, solver))
    write(logic, Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "ternary", setting=solver, seconds=seconds, frames=len(chain["x"]))


if __name__ == "__main__":
    main()
