"""An accelerator read from a file agrees with it everywhere; one read from an altered copy is told apart, at the altered node."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from finn_steps.importer.lower import import_model
from finn_steps.original.compare import compare
from finn_steps.original.executor import Original
from finn_steps.original.locate import DifferenceError
from finn_steps.original.meeting import Meeting, load_meetings, save_meetings
from finn_steps.original.stimulus import level_inputs
from finn_steps.verification.reference import write_standard_onnx
from tests.qonnx_nets import Net, model_inputs, qonnx_net

SHAPE = {"widths": (6, 8, 5, 3), "weight_bits": 3, "activation_bits": 3, "input_bits": 4}
NETS = {
    "powers of two": Net(**SHAPE),
    "float scales": Net(**SHAPE, scales="float", per_channel=True, batch_norm=True),
    "softmax": Net(**SHAPE, scales="float", softmax=True),
    "quantised outputs": Net(**SHAPE, output_bits=4, softmax=True),
    "bipolar": Net(**SHAPE, bipolar=True, scales="float"),
    "signed, zero points": Net(**SHAPE, signed=True, zero_point=2, gemm=False),
    "floor": Net(**SHAPE, rounding="FLOOR"),
}


class Read:
    """What was read from the file `read`, to hold to the file `original`."""

    def __init__(self, folder, original: onnx.ModelProto, read: onnx.ModelProto | None = None):
        onnx.save(original, folder / "net.onnx")
        onnx.save(original if read is None else read, folder / "read.onnx")
        self.imported = import_model(folder / "read.onnx")
        self.standard = folder / "standard.onnx"
        write_standard_onnx(self.imported, self.standard)
        self.original = Original(folder / "net.onnx")
        self.meetings = self.imported.meetings

    def compare(self, standard=True, accelerator=None, meetings=None, samples=300):
        accelerator = accelerator or self.imported.accelerator
        x = np.concatenate([model_inputs(6, samples, 0), level_inputs(accelerator, None, True, 1000).x])
        touched = self.imported.borderline.samples(self.imported.accelerator, self.imported.accelerator.quantise(x))
        borderline = {layer.name: touched for layer in accelerator.layers}
        return compare(self.original, meetings or self.meetings, accelerator, x, borderline, self.standard if standard else None)


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("seed", range(2))
def test_what_is_read_right_agrees(tmp_path, kind, seed):
    compared = Read(tmp_path, qonnx_net(NETS[kind], seed)).compare()
    assert (compared.executor, compared.batched, compared.mismatches, compared.samples) == ("qonnx", True, 0, 300 + 14 + 3 * 16)
    assert compared.borderline == 0 or NETS[kind].scales == "float"


def altered(model: onnx.ModelProto, constant: str, change) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    tensor = next(t for t in copy.graph.initializer if t.name == constant)
    tensor.CopyFrom(numpy_helper.from_array(np.asarray(change(numpy_helper.to_array(tensor).copy()), np.float32), constant))
    return copy


def one_weight(weights):
    row, column = np.argwhere(weights)[0]
    weights[row, column] = -weights[row, column]
    return weights


def rounding(model: onnx.ModelProto, node: str, mode: str) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    entry = next(a for n in copy.graph.node if n.name == node for a in n.attribute if a.name == "rounding_mode")
    entry.s = mode.encode()
    return copy


FAULTS = {
    "a weight": (lambda m: altered(m, "fc1.w", one_weight), r"fc1 \(Gemm\)"),
    "a scale": (lambda m: altered(m, "fc0.act.scale", lambda s: s * 2), r"fc0\.act \(Quant\)"),
    "a scale by a little": (lambda m: altered(m, "fc1.act.scale", lambda s: s * np.float32(1 + 2.0**-12)), r"fc1\.act \(Quant\)"),
    "a bias of the last layer": (lambda m: altered(m, "fc2.b", lambda b: b + 1 / 128), r"fc2 \(Gemm\)"),
    "the rounding of the input": (lambda m: rounding(m, "input_quant", "FLOOR"), r"input_quant \(Quant\)"),
    "the rounding of a layer": (lambda m: rounding(m, "fc1.act", "FLOOR"), r"fc1\.act \(Quant\)"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_misreading_is_located(tmp_path, fault):
    change, node = FAULTS[fault]
    model = qonnx_net(NETS["powers of two"], 1)
    read = Read(tmp_path, model, change(model))
    with pytest.raises(DifferenceError, match=rf"sample \d+, first in tensor \S+ of node {node}: element \d+ is \S+ in the file"):
        read.compare()


def test_a_fault_between_the_standard_model_and_the_integers_is_located_by_layer(tmp_path):
    read = Read(tmp_path, qonnx_net(NETS["powers of two"], 1))
    accelerator = read.imported.accelerator
    layer = accelerator.layers[1]
    broken = replace(accelerator, layers=(accelerator.layers[0], replace(layer, weights=one_weight(layer.weights.copy())), accelerator.layers[2]))
    for standard in (True, False):
        with pytest.raises(DifferenceError, match=r"tensor fc1\.act of node fc1\.act \(Quant\).*as read \(layer1\)"):
            read.compare(standard, broken)


def test_the_hosts_end_is_compared(tmp_path):
    read = Read(tmp_path, qonnx_net(NETS["softmax"], 1))
    accelerator = replace(read.imported.accelerator, host_output=read.imported.accelerator.host_output[:-1])
    with pytest.raises(DifferenceError, match=r"node probabilities \(Softmax\).*\(outputs\)"):
        read.compare(False, accelerator)


def test_borderline_samples_are_counted_and_compared_up_to_their_layer(tmp_path):
    read = Read(tmp_path, qonnx_net(NETS["powers of two"], 1))
    accelerator, layers = read.imported.accelerator, read.imported.accelerator.layers
    x, touched = model_inputs(6, 50, 0), {"layer1": np.arange(50) < 20}

    def broken(number):
        changed = replace(layers[number], weights=-layers[number].weights)
        return replace(accelerator, layers=tuple(changed if layer is layers[number] else layer for layer in layers))

    for number in (0, 1, 2):
        with pytest.raises(DifferenceError, match=rf"sample {0 if number == 0 else 2}\d?,.*\(layer{number}\)"):
            compare(read.original, read.meetings, broken(number), x, touched)
    assert compare(read.original, read.meetings, broken(1), x[:20], {"layer1": np.ones(20, bool)}).borderline == 20
    shifted = replace(accelerator, host_input=accelerator.host_input[:-1])
    with pytest.raises(DifferenceError, match=r"\(input\)"):
        compare(read.original, read.meetings, shifted, x * 100, {"layer0": np.ones(50, bool)})


def test_a_wrong_claim_about_a_scale_is_seen(tmp_path):
    """Even where rounding to the nearest integer would hide it."""
    read = Read(tmp_path, qonnx_net(NETS["float scales"], 1))
    for name, meeting in read.meetings.items():
        claims = {**read.meetings, name: replace(meeting, scale=meeting.scale * (1 + 2.0**-14))}
        with pytest.raises(DifferenceError, match=rf"\({name}\)"):
            read.compare(False, meetings=claims)


def test_labels(tmp_path):
    """A file that ends in ArgMax, against labels of the hardware and against its raw integers; a wrong order of rows is seen."""
    model = qonnx_net(NETS["powers of two"], 3)
    argmax = onnx.ModelProto()
    argmax.CopyFrom(model)
    argmax.graph.node.append(onnx.helper.make_node("ArgMax", [model.graph.output[0].name], ["label"], name="last", axis=-1))
    del argmax.graph.output[:]
    argmax.graph.output.append(onnx.ValueInfoProto(name="label"))
    read = Read(tmp_path, argmax)
    accelerator = read.imported.accelerator
    assert read.compare().mismatches == 0
    for order, right in (([0, 1, 2], True), ([1, 0, 2], False)):
        hardware = replace(accelerator, labels=np.array(order))
        if right:
            assert read.compare(accelerator=hardware).mismatches == 0
        else:
            with pytest.raises(DifferenceError, match=r"node last \(ArgMax\).*\(label\)"):
                read.compare(False, hardware)


def test_meetings_are_kept(tmp_path):
    meetings = {"input": Meeting("x", 1 / 3, 0.0), "layer0": Meeting("y", [0.1, 0.2], [-1e-30, 3], True)}
    save_meetings(meetings, tmp_path / "meetings.json")
    found = load_meetings(tmp_path / "meetings.json")
    assert list(found) == ["input", "layer0"] and found["layer0"].raw and not found["input"].raw
    for name, meeting in meetings.items():
        assert np.array_equal(found[name].scale, meeting.scale) and np.array_equal(found[name].offset, meeting.offset)
