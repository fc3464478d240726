"""Write a Keras file of HGQ2's layers as alkaid RTL, by alkaid's own converter. Runs in an environment of its own that has alkaid, Keras and
HGQ2, whose layers tell alkaid what they are.

    python alkaid_keras.py NETWORK.npz RTL_FOLDER ADDERS_PER_STAGE ternary|binary

The host's input quantiser is left out, as everywhere in the comparison: each input has that quantiser's own sign, integer and fraction bits.
Traced with every solver setting of alkaid_write.py; the cheapest by alkaid's own estimate is written. Its answers to the quantised frames of
the file are checked against Keras' answers to the frames themselves. The last line is a JSON object.
"""

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import hgq  # noqa: F401  registers its layers
import keras
import numpy as np
from alkaid.converter import trace_model
from alkaid.trace import FVArray, HWConfig, trace
from alkaid_write import SOLVERS, cheapest, write
from keras import ops


def traced(model, solver, x, y):
    """x, float32 [N, features], and what Keras answers to it."""
    first, hardware = model.layers[0].iq, HWConfig(1, -1, -1)
    inner, shape = first.quantizer, (1, x.shape[1])
    k, i, f = (np.broadcast_to(array(inner.bw_mapper.bw_to_x(bits, shape)), shape).astype(int) for bits in inner.kif)
    inputs = FVArray.from_kif(k, i, f, hardware, 0, dict(solver))
    logic = trace(*trace_model(model, hardware, dict(solver), inputs=inputs))
    if not np.array_equal(logic.predict(array(first(x, training=False)).astype(float)), y):
        raise SystemExit("alkaid's network does not answer as Keras does")
    return logic


def array(tensor):
    return np.asarray(ops.convert_to_numpy(tensor))


def main():
    network = dict(np.load(sys.argv[1]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        path.write_bytes(network["model"].tobytes())
        model = keras.models.load_model(path, compile=False)
    x = network["x"]
    y = array(model(x, training=False)).astype(float)
    logic, solver, seconds = cheapest(SOLVERS, lambda solver: traced(model, solver, x, y))
    write(logic, Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "ternary", setting=solver, seconds=seconds, frames=len(x))


if __name__ == "__main__":
    main()
