"""RTL of a FINN graph's SparseMVAU nodes in Verilator, against the model it was imported from or against the graph itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.label import labelling
from finn_steps.rtlsim import Simulation
from finn_steps.verification.compare import first_mismatch
from finn_steps.verification.reference import Reference
from finn_steps.verification.rounding import Rounding
from finn_steps.verification.stimulus import corner_inputs, random_model_inputs

SAMPLES, SEED = 1000, 0


def against_model(folder: Path, accelerator: Accelerator) -> dict:
    """rtl/ in `folder`, against standard.onnx there, which step_import_qonnx wrote, in onnxruntime."""
    rounding = Rounding.load(folder)
    imported = rounding.imported
    x = random_model_inputs(imported, SAMPLES, SEED)
    q = imported.quantise(x)
    integers = rounding.settled(Reference(folder / "standard.onnx").integers(x), rounding.before_last(q))
    expected = integers if accelerator.labels is None else labelling(imported).labels(integers)
    touched = rounding.borderline.samples(imported, q)
    return {**_simulated(folder, accelerator, accelerator.quantise(x), expected, touched), "borderline": int(touched.sum())}


def against_nodes(folder: Path, accelerator: Accelerator, model: ModelWrapper, chain: list[NodeProto]) -> dict:
    """The same against what the graph's nodes say, one behind the other, as FINN executes them in Python."""
    rng, first = np.random.default_rng(SEED), accelerator.layers[0]
    q = rng.integers(np.broadcast_to(first.input_low, (SAMPLES, first.MW)), first.input_high, endpoint=True)
    q = np.concatenate([corner_inputs(accelerator), q])
    expected = np.stack([_executed(model, chain, row) for row in q])
    return _simulated(folder, accelerator, q, expected, np.zeros(len(q), bool))


def _executed(model: ModelWrapper, chain: list[NodeProto], row: np.ndarray) -> np.ndarray:
    context = {name: model.get_initializer(name) for node in chain for name in node.input[1:]}
    context[chain[0].input[0]] = row[None].astype(np.float32)
    for node in chain:
        operator = getCustomOp(node)
        mode = operator.get_nodeattr("exec_mode")
        operator.set_nodeattr("exec_mode", "")
        operator.execute_node(context, model.graph)
        operator.set_nodeattr("exec_mode", mode)
    return np.rint(context[chain[-1].output[0]]).astype(np.int64).reshape(-1)


def _simulated(folder: Path, accelerator: Accelerator, q: np.ndarray, expected: np.ndarray, left_out: np.ndarray) -> dict:
    """RuntimeError at the first difference, but in samples that are left out."""
    simulation, results = Simulation.build(folder / "rtl", samples=2 * len(q)), []
    for gaps, stalls in ((0.0, 0.0), (0.3, 0.3)):
        results.append(simulation.run(q, input_gaps=gaps, output_stalls=stalls, seed=SEED))
        y = results[-1].y
        mismatch = first_mismatch(np.where(left_out[:, None], y, expected), y, accelerator.layers[-1].name)
        if mismatch:
            raise RuntimeError(f"the RTL of {accelerator.name} differs from the model: {mismatch}")
    return {"samples": len(q), "mismatches": 0, "latency_cycles": results[0].latency_cycles, "ii_cycles": results[0].ii_cycles}
