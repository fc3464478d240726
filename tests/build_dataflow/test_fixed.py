"""Builds that take and answer words of fixed point: through all steps, to the package, the kit and verification afterwards."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from build_dataflow.building import build
from build_dataflow.configuration import BuildOptions, read_options
from build_dataflow.hold import LEVELS
from build_dataflow.verify import extend_verification
from deploy.network import Network
from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.fixed_point import FixedInput
from finn_steps.original.executor import Original
from finn_steps.tools.files import read_json_object
from tests.build_dataflow.conftest import SMALL
from tests.build_dataflow.test_bad_input import one_error, run
from tests.deploy.kit.kits import in_icarus, needs_icarus, verdict
from tests.qonnx_nets import qonnx_net

WORDS = "10,4 9,3 8,3 11,4 10,2 6,3"


@pytest.fixture(scope="module")
def built(small_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fixed") / "small"
    options = read_options(str(small_model), {"input_fixed": WORDS, "last_layer": "fixed", "interface": "valid", "samples": 100,
                                              "synthesis": False})
    return folder, build(options, folder)


def test_summary(built):
    folder, summary = built
    hardware, seen = summary["hardware"], summary["verification"]
    assert (hardware["input_fixed"], hardware["last_layer"]) == (WORDS, "fixed")
    assert hardware["layers"][0]["name"] == "fixed_input" and hardware["layers"][0]["input_bits"] == [10, 9, 8, 11, 10, 6]
    assert (seen["mismatches"], seen["rtl_samples"], seen["equal_float_outputs"]) == (0, 100, 100)
    assert seen["original"]["words"] == 2 + 2**11 and seen["original"]["mismatches"] == 0
    names = ["fixed_input", "layer0", "layer1", "layer2"]
    assert seen["proved_layers"] == seen["file_proof"]["proved_layers"] == names
    assert summary["model"]["input_bits"] == SMALL.input_bits


def test_the_files_own_answers_are_the_hardwares_words(built):
    """The untouched file in its own executor, on every word; no code of the import between the two."""
    folder, summary = built
    with np.load(folder / LEVELS) as kept:
        x = kept["words"]
    bits, integer_bits = map(int, summary["hardware"]["output_fixed"].split(","))
    original = Original(folder / "original.onnx")
    outputs = original.tensors(x, [original.file.output])[original.file.output]
    accelerator, network = Accelerator.load(folder), Network.load(folder / "driver")
    sent = np.stack([x[:, k] * 2.0 ** (w - i) for k, (w, i) in enumerate((map(int, pair.split(",")) for pair in WORDS.split()))], axis=1)
    assert np.array_equal(sent, np.rint(sent)) and np.array_equal(network.quantise(x), sent[:, network.input_index])
    assert np.array_equal(accelerator.execute(sent[:, network.input_index].astype(np.int64)) / 2.0 ** (bits - integer_bits), outputs)


def test_the_file_format_keeps_the_words(built):
    folder, _ = built
    description = read_json_object(folder / "accelerator.json")
    assert description["input_fixed"] == [[int(part) for part in pair.split(",")] for pair in WORDS.split()]
    loaded = Accelerator.load(folder)
    assert loaded.input_fixed == FixedInput.parse(WORDS) and [loaded.output_fixed.bits, loaded.output_fixed.integer_bits] == description["output_fixed"]
    assert replace(loaded, input_fixed=None).sha256 != loaded.sha256


def test_the_kit_says_how_words_are_read(built):
    folder, summary = built
    readme = (folder / "deploy" / "core" / "README.md").read_text()
    assert "`ap_fixed<10, 4>`, `ap_fixed<9, 3>`" in readme and "AP_RND_CONV" in readme
    assert f"Answers are fixed-point words, `ap_fixed<{summary['hardware']['output_fixed'].replace(',', ', ')}>`" in readme


@needs_icarus
def test_its_test_bench_passes(built):
    assert verdict(in_icarus(built[0] / "deploy" / "core")).startswith("PASS")


def test_verification_goes_on_with_words(built):
    counts = extend_verification(built[0], 3000, 300, seed=5)
    assert counts["samples"] == 3000 and counts["rtl_samples"] == 300 and counts["original_samples"] > 0


def test_the_same_options_resume(small_model, tmp_path):
    options = read_options(str(small_model), {"input_fixed": WORDS})
    assert json.loads(json.dumps(options.as_json()))["input_fixed"] == WORDS
    assert FixedInput.parse(options.as_json()["input_fixed"]) == options.input_fixed


def test_words_from_the_training_data(small_model, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (200, 6)) * [1, 10, 0.1, 1, 1, 100]
    lines = [",".join(f"x{k}" for k in range(6)) + ",label", *(",".join(f"{v:.6g}" for v in row) + f",{rng.integers(3)}" for row in x)]
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    options = read_options(str(small_model), {"input_fixed": "12,auto", "data": str(tmp_path / "mine.csv"), "label": "label"})
    assert [word.bits for word in options.input_fixed.words] == [12] * 6
    told = np.array([word.integer_bits for word in options.input_fixed.words])
    reach = np.ceil(np.log2(np.abs(x).max(axis=0))) + 1
    assert np.all(told <= reach) and np.all(told >= reach - 2), "the sign and what is in front of the point, in the training part"


@pytest.mark.parametrize("text, said", [("8", "give W,I"), ("8,9", "I counts among the W bits"), ("8,auto", "give --data"), ("8,nan", "give W,I")])
def test_other_forms_are_one_line(small_model, tmp_path, text, said):
    with pytest.raises(ValueError, match=said) as caught:
        read_options(str(small_model), {"input_fixed": text})
    assert "\n" not in str(caught.value)


def test_the_command_says_it_in_one_line(small_model, tmp_path):
    status, stderr = run("build", small_model, "--input-fixed", "8,9", "--output", tmp_path / "out")
    assert status == 1 and "--input-fixed 8,9: I counts among the W bits: at most 8" in one_error(stderr)
    assert not (tmp_path / "out").exists()


def test_inputs_that_are_integers_and_inputs_without_a_quantiser(tmp_path):
    model = qonnx_net(SMALL, seed=7)
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT8
    kept = [node for node in model.graph.node if node.op_type not in ("Sub", "Div") and node.output[0] != "input_quant"]
    for name, type_, said in (("whole", TensorProto.INT8, "whole numbers already"), ("bare", TensorProto.FLOAT, "is not quantised")):
        bare = onnx.ModelProto()
        bare.CopyFrom(model)
        del bare.graph.node[:]
        cast = [helper.make_node("Cast", ["x"], ["input_quant"], to=TensorProto.FLOAT, name="cast")]
        bare.graph.node.extend([*cast, *kept])
        bare.graph.input[0].type.tensor_type.elem_type = type_
        path = tmp_path / f"{name}.onnx"
        onnx.save(bare, path)
        with pytest.raises(ValueError, match=said) as caught:
            build(BuildOptions(name, path, input_fixed=FixedInput.parse("8,4"), synthesis=False), tmp_path / "out")
        assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("interface, last_layer", [("stream", "raw"), ("valid", "label")])
def test_every_jet(tmp_path, interface, last_layer):
    """jet_qap behind words of 16 bits, each feature with a range of its own: all 15,000 test jets, and every word of every feature."""
    options = read_options("jet_qap", {"input_fixed": "16,auto", "interface": interface, "last_layer": last_layer, "synthesis": False})
    summary = build(options, tmp_path / "jets")
    seen = summary["verification"]
    assert (seen["samples"], seen["mismatches"], seen["rtl_samples"]) == (15_000, 0, 15_000)
    assert seen["original"]["words"] == 2**16 + 2 and seen["file_proof"]["not_proved"] == {} and seen["not_proved"] == {}
    assert abs(summary["accuracy"]["hardware"] - 0.7237) < 0.002
