"""Builds are held to the file as the user gave it: a wrong reading that agrees with itself stops them, through that alone."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import helper

from build_dataflow import steps
from build_dataflow.building import build, record_options
from build_dataflow.configuration import BuildOptions
from build_dataflow.hold import Held
from build_dataflow.output_folder import OutputFolder
from build_dataflow.report import rows
from build_dataflow.verify import VerificationError, extend_verification, require_equal_to_model
from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.host import HostOp
from finn_steps.folding.streams import save_accelerator
from finn_steps.importer import host_ends
from finn_steps.importer.evaluate import Value
from finn_steps.importer.input_quant import InputQuant
from finn_steps.importer.lowering import Lowering
from finn_steps.original.locate import DifferenceError
from finn_steps.steps import step_import_qonnx
from finn_steps.verification.reference import Reference
from finn_steps.verification.stimulus import random_model_inputs
from tests.finn_steps.original.graphs import node, save

QONNX = ("qonnx.custom_op.general", 1)


def options(model, **more):
    return BuildOptions(**{"name": "held", "model": model, "samples": 300, "synthesis": False, **more})


def held_steps(model, folder, **more):
    """The first two steps of a build, without FINN; returns what they leave."""
    asked = options(model, **more)
    output = OutputFolder(folder)
    output.partial.mkdir()
    record_options(output, asked, resume=False)
    cfg = SimpleNamespace(output_dir=str(output.partial), build=asked)
    steps.step_hold_to_original(step_import_qonnx(None, cfg), cfg)
    return output.partial


def quant(inputs, output, name, **more):
    return node("Quant", inputs, output, name, domain=QONNX[0], **{"signed": 1, "narrow": 0, "rounding_mode": "ROUND", **more})


def per_channel(path):
    """int8 weights with a scale for each output, axis 0, on a square Gemm."""
    rng = np.random.default_rng(0)
    constants = {"s": np.float32(0.5), "z": np.int8(0), "w": rng.integers(-9, 9, (6, 6)).astype(np.int8),
                 "ws": np.float32(2.0 ** rng.integers(-4, 2, 6)), "wz": np.zeros(6, np.int8)}
    nodes = [node("QuantizeLinear", "x s z", "q", "quantise"), node("DequantizeLinear", "q s z", "f", "input"),
             node("DequantizeLinear", "w ws wz", "v", "weights", axis=0), node("Gemm", "f v", "y", "layer", transB=1)]
    return save(path, nodes, constants, [1, 6], ["y"], opset=21, ir_version=10)


def clipped(path):
    constants = {"s": np.float32(0.5), "z": np.int8(0), "low": np.int8(-5), "high": np.int8(5), "ws": np.float32(1), "wz": np.int8(0),
                 "w": np.random.default_rng(0).integers(-9, 9, (6, 4)).astype(np.int8)}
    nodes = [node("QuantizeLinear", "x s z", "q", "quantise"), node("Clip", "q low high", "c", "clip"),
             node("DequantizeLinear", "c s z", "f", "input"), node("DequantizeLinear", "w ws wz", "v", "weights"),
             node("MatMul", "f v", "y", "layer")]
    return save(path, nodes, constants, [1, 6], ["y"], opset=21, ir_version=10)


def quantised_layer(path, behind, more, last="y"):
    """A layer with integer weights behind a 4-bit input, and `behind` it from tensor `a`."""
    constants = {"s": np.float32(0.5), "z": np.float32(0), "b4": np.float32(4), "one": np.float32(1), "b8": np.float32(8),
                 "w": np.random.default_rng(0).integers(-7, 8, (6, 4)).astype(np.float32), **more}
    nodes = [quant("x s z b4", "q", "input"), quant("w one z b8", "v", "weights"), node("MatMul", "q v", "a", "layer"), *behind]
    return save(path, nodes, constants, [1, 6], [last], opset=13, ir_version=8, domains=[QONNX])


def truncated(path):
    behind = [quant("a s z b8", "p", "wide"), node("Trunc", "p s z b8 b4", "t", "trunc", domain=QONNX[0], rounding_mode="FLOOR"),
              quant("w2 one z b8", "v2", "weights2"), node("MatMul", "t v2", "y", "last")]
    return quantised_layer(path, behind, {"w2": np.random.default_rng(1).integers(-7, 8, (4, 3)).astype(np.float32)})


def grouped(path):
    behind = [node("Reshape", "a shape", "r", "reshape"), node("Softmax", "r", "y", "softmax", axis=-1)]
    return quantised_layer(path, behind, {"shape": np.array([1, 2, 2])})


def without_axis(self, given, name, lower):
    if given.op_type == "DequantizeLinear":
        given = helper.make_node(given.op_type, given.input, given.output, given.name)
    return lower(self, given, name)


def clip_as_bits(self, given, name, lower):
    if given.op_type == "Clip":
        for tensor, value in zip(given.input[1:], (-8, 7)):
            self.constants[tensor] = Value(np.array(value, np.int8), self.constants[tensor].element)
    return lower(self, given, name)


def trunc_as_quant(self, given, name, lower):
    if given.op_type == "Trunc":
        given = quant(" ".join(given.input[:4]), given.output[0], given.name)
    return lower(self, given, name)


def misread(monkeypatch, reading):
    lower = Lowering.lower
    monkeypatch.setattr(Lowering, "lower", lambda self, given, name: reading(self, given, name, lower))


def misread_softmax(monkeypatch):
    right = host_ends._along_an_axis

    def whole(link, network):
        return [HostOp("softmax")] if link.kind == "Softmax" else right(link, network)

    monkeypatch.setattr(host_ends, "_along_an_axis", whole)


WRONG = {
    "axis ignored": (per_channel, lambda patch: misread(patch, without_axis), r"node layer \(Gemm\)"),
    "clip as bits": (clipped, lambda patch: misread(patch, clip_as_bits), r"node clip \(Clip\)"),
    "trunc as quant": (truncated, lambda patch: misread(patch, trunc_as_quant), r"node trunc \(Trunc\)"),
    "softmax axis dropped": (grouped, misread_softmax, r"node softmax \(Softmax\)"),
}


@pytest.mark.parametrize("reading", WRONG)
def test_a_wrong_reading_stops_the_build(tmp_path, monkeypatch, reading):
    make, wrong, where = WRONG[reading]
    model = make(tmp_path / "net.onnx")
    folder = held_steps(model, tmp_path / "right")
    assert json.loads((folder / "report" / "original.json").read_text())["mismatches"] == 0
    wrong(monkeypatch)
    with pytest.raises(DifferenceError, match=rf"^net\.onnx answers otherwise than it was read: sample \d+, first in tensor \S+ of {where}"):
        build(options(model), tmp_path / "wrong")
    folder = tmp_path / ".wrong.partial"
    imported = Accelerator.load(folder / "import")
    save_accelerator(imported, folder)
    x = random_model_inputs(imported, 300, 0)
    require_equal_to_model(folder, x, imported.execute(imported.quantise(x)))


def uneven_scales(path):
    """Features whose scales have no whole ratio, in front of the last sums: as integers these are beyond what float32 holds."""
    rng = np.random.default_rng(1)
    constants = {"s": np.float32(0.03125), "z": np.float32(0), "b": np.float32(7), "m": rng.uniform(0.3, 1.7, 6).astype(np.float32),
                 "w": np.sign(rng.normal(size=(6, 4))).astype(np.float32), "one": np.float32(1), "two": np.float32(2)}
    nodes = [quant("x s z b", "q", "quantise"), node("Mul", "q m", "f", "scale"), quant("w one z two", "v", "weights"),
             node("MatMul", "f v", "y", "layer")]
    return save(path, nodes, constants, [1, 6], ["y"], opset=13, ir_version=8, domains=[QONNX])


def test_last_sums_beyond_whole_numbers_of_float32(tmp_path):
    folder = held_steps(uneven_scales(tmp_path / "net.onnx"), tmp_path / "out")
    imported = Accelerator.load(folder / "import")
    save_accelerator(imported, folder)
    x = random_model_inputs(imported, 300, 0)
    computed = imported.execute(imported.quantise(x))
    assert np.abs(computed).max() > 2**24 and np.any(Reference(folder / "standard.onnx").integers(x) != computed)
    assert require_equal_to_model(folder, x, computed).mean() > 0.9
    weights = imported.layers[0].weights.copy()
    weights[2, 3] += 1000  # of about 2**22: a relative fault of 2e-4
    save_accelerator(replace(imported, layers=(replace(imported.layers[0], weights=weights),)), folder / "import")
    with pytest.raises(VerificationError, match="onnxruntime: sample [0-9]+, layer0, neuron 2"):
        require_equal_to_model(folder, x, computed)


def test_the_file_is_kept_and_told_about(tmp_path):
    model = truncated(tmp_path / "net.onnx")
    folder = held_steps(model, tmp_path / "out")
    facts = json.loads((folder / "report" / "original.json").read_text())
    assert (folder / "original.onnx").read_bytes() == model.read_bytes()
    assert facts == {"sha256": Held.load(folder).original.sha256, "executor": "qonnx", "samples": 300 + 14 + 3 * 16, "levels": 16, "corners": 14,
                     "batched": True, "borderline": 0, "mismatches": 0}


def test_another_file_in_its_place_is_refused(tmp_path):
    folder = held_steps(truncated(tmp_path / "net.onnx"), tmp_path / "out")
    clipped(folder / "original.onnx")
    with pytest.raises(ValueError, match="original.onnx is not the file that was built"):
        Held.load(folder)
    (folder / "original.onnx").unlink()
    with pytest.raises(FileNotFoundError, match="did not keep the file that it was made of; build it anew"):
        Held.load(folder)


def test_inputs_that_the_build_was_told_how_to_quantise(tmp_path):
    rng = np.random.default_rng(0)
    constants = {"one": np.float32(1), "z": np.float32(0), "b4": np.float32(4), "w": rng.integers(-7, 8, (6, 4)).astype(np.float32)}
    nodes = [quant("w one z b4", "v", "weights"), node("MatMul", "x v", "y", "layer")]
    model = save(tmp_path / "net.onnx", nodes, constants, [1, 6], ["y"], opset=13, ir_version=8, domains=[QONNX])
    folder = held_steps(model, tmp_path / "out", input_quant=InputQuant(6, 0.125))
    facts = json.loads((folder / "report" / "original.json").read_text())
    assert (facts["levels"], facts["mismatches"]) == (64, 0)
    q = Held.load(folder).imported.quantise(Held.load(folder).levels().x)
    assert all(np.array_equal(np.unique(column), np.arange(-32, 32)) for column in q.T)


@pytest.mark.parametrize("element", ["FLOAT16", "UINT8"])
def test_inputs_of_other_types(tmp_path, element):
    kind = getattr(onnx.TensorProto, element)
    constants = {"s": np.float32(0.5), "z": np.uint8(7), "w": np.random.default_rng(0).integers(-9, 9, (6, 4)).astype(np.float32),
                 "one": np.float32(1), "z0": np.float32(0), "b5": np.float32(5)}
    head = [node("Cast", "x", "g", "cast", to=1), node("QuantizeLinear", "g s z", "q", "quantise")] if element == "FLOAT16" else \
        [node("Identity", "x", "q", "same")]
    nodes = [*head, node("DequantizeLinear", "q s z", "f", "input"), quant("w one z0 b5", "v", "weights"), node("MatMul", "f v", "y", "layer")]
    model = save(tmp_path / "net.onnx", nodes, constants, [1, 6], ["y"], kind, opset=21, ir_version=10, domains=[QONNX])
    folder = held_steps(model, tmp_path / "out")
    facts = json.loads((folder / "report" / "original.json").read_text())
    assert (facts["levels"], facts["mismatches"]) == (256, 0)
    q = Held.load(folder).imported.quantise(Held.load(folder).levels().x)
    assert all(np.array_equal(np.unique(column), np.arange(256)) for column in q.T)


def test_a_build_tells_and_verify_holds_again(small_model, tmp_path, monkeypatch):
    """The build is moved, the user's file is gone: verify still holds to its bytes."""
    shutil.copy(small_model, tmp_path / "net.onnx")
    summary = build(options(tmp_path / "net.onnx"), tmp_path / "out")
    told = summary["verification"]["original"]
    assert told["samples"] == 300 + told["levels"] * 3 + told["corners"] and told["mismatches"] == 0
    assert any(name == "your own file" and "equal to it, untouched, in qonnx" in text for name, text in rows(summary))
    (tmp_path / "net.onnx").unlink()
    (tmp_path / "out").rename(tmp_path / "moved")
    assert extend_verification(tmp_path / "moved", 1000, 100, seed=2)["original_samples"] == 1000
