"""One network, one frame a cycle, as alkaid's RTL: counted by Yosys, its ternary adders at their price on the device."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Accelerator
from finn_steps.rtl.activation import reachable
from finn_steps.rtl.scale import fewest_digits, offsets, roundest, slopes
from tests.benchmarks import chains
from tests.benchmarks.counts import count_rtl
from tests.benchmarks.kept import Kept, network_content
from tests.nets import inputs_in_range

FOLDER = Path(__file__).parent
ALKAID = "alkaid==0.8.2"
LIMIT_S = 900
MODES = ("binary", "ternary")
FRAMES = 2000
ADDER = "ternary_adder.v"


@dataclass(frozen=True, eq=False)
class KerasNetwork:
    """The bytes of a Keras file of HGQ2's layers, and frames of it, float32 [N, features]."""

    model: bytes
    x: np.ndarray


def alkaid(kept: Kept, python: str, network, every: int, mode: str) -> dict:
    """Yosys' counts, `latency`, alkaid's own `estimate`, the `setting` that it took; {"failed": why}. Of its ternary adders each column is one
    LUT, and no more is counted. network: a Chain of tests/benchmarks/chains.py, an Accelerator, or a KerasNetwork, whose `python` has Keras and
    HGQ2 too."""
    script, content = script_and_content(network)
    sources = [path.read_bytes() for path in (script, FOLDER / "alkaid_write.py")]
    made = kept("alkaid", [ALKAID, *sources, str(every), mode, *content], lambda: run(python, script, network, every, mode))
    if "failed" in made:
        return made
    files = {name: black_box(text) if name == ADDER else text for name, text in made["files"].items()}
    counts = count_rtl(kept, files, made["top"], pairs=False)
    found = {**counts, "latency": round(made["latency"]), "estimate": made["cost"], "setting": made["setting"]}
    return {**found, "lut": found["lut"] + made["ternary_bits"]} if "lut" in found else found


def script_and_content(network) -> tuple[Path, list[str | bytes]]:
    if isinstance(network, KerasNetwork):
        return FOLDER / "alkaid_keras.py", [network.model, network.x.tobytes()]
    if isinstance(network, Accelerator):
        return FOLDER / "alkaid_network.py", network_content(network)
    return FOLDER / "alkaid_chain.py", network_content(chains.import_model(chains.emit(network, "chain")).accelerator)


def black_box(verilog: str) -> str:
    """A module's ports alone."""
    head = verilog[verilog.index("module "): verilog.index(");") + 2]
    return f"(* blackbox *)\n{head}\nendmodule\n"


def run(python: str, script: Path, network, every: int, mode: str) -> dict:
    """One run of a script in the peers' environment; {"failed": why}."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save(network, folder / "network.npz")
        try:
            done = subprocess.run([python, script, folder / "network.npz", folder / "rtl", str(every), mode], capture_output=True, text=True,
                                  timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            return {"failed": f"alkaid did not end within {LIMIT_S} s"}
        if done.returncode:
            return {"failed": f"alkaid: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"}
        sources = [*sorted(folder.glob("rtl/src/**/*.v")), *sorted(folder.glob("rtl/src/memfiles/*"))]
        files = {path.name: re.sub(r"\(\* rom_style.*?\*\)", "", path.read_text()) for path in sources if "wrapper" not in path.name}
        return {**json.loads(done.stdout.strip().splitlines()[-1]), "files": files, "top": "alkaid_net"}


def save(network, path: Path) -> None:
    """What the scripts read."""
    if isinstance(network, KerasNetwork):
        np.savez(path, model=np.frombuffer(network.model, np.uint8), x=network.x)
        return
    if not isinstance(network, Accelerator):
        chains.save(network, path)
        return
    first = network.layers[0]
    x = inputs_in_range(network, FRAMES, seed=2)
    arrays = {"low": first.input_low.astype(float), "high": first.input_high.astype(float), "x": x, "y": network.execute(x),
              "layers": len(network.layers)}
    for number, layer in enumerate(network.layers):
        found = {"weights": layer.weights, "bias": layer.bias}
        if layer.thresholds is not None:
            found |= {"thresholds": layer.thresholds, "least": DataType[layer.odt].min(),
                      "constants": np.array([constants(layer, row) for row in range(layer.MH)])}
        arrays |= {f"{number}.{name}": value for name, value in found.items()}
    np.savez(path, **arrays)


def constants(layer, row: int) -> tuple[int, int, int]:
    """(m, c, s) of a row with (m * acc + c) >> s thresholds reached of those that only some accumulators reach; m is 0 where there are none."""
    low, high = int(layer.accumulator_min[row]), int(layer.accumulator_max[row])
    steps = np.array(reachable(layer.thresholds[row], low, high)[1], dtype=np.int64) - low
    limits = slopes(steps) if len(steps) > 1 else None
    found = fewest_digits(*limits) if limits else []
    for m, s in sorted(found, key=lambda slope: slope[1])[:1]:
        c = roundest(*offsets(steps, m, s))
        return m, c - m * low, s
    return 0, 0, 0
