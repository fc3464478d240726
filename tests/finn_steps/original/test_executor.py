"""The user's file runs as it is, in the executor that knows its operators, and many samples at once where that changes nothing."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

from finn_steps.original.executor import Original
from finn_steps.original.user_file import copy_model
from tests.finn_steps.original.graphs import mlp, node, save
from tests.qonnx_nets import Net, model_inputs, qonnx_net

SMALL = Net(widths=(6, 8, 5, 3), weight_bits=3, activation_bits=3, input_bits=4)


def test_qonnx_operators_are_run_as_qonnx_does(tmp_path):
    onnx.save(qonnx_net(SMALL), tmp_path / "net.onnx")
    original, x = Original(tmp_path / "net.onnx"), model_inputs(6, 50, 0)
    model = ModelWrapper(str(tmp_path / "net.onnx")).transform(InferShapes())
    expected = [execute_onnx(model, {"x": sample[None]}, return_full_exec_context=True) for sample in x]
    assert original.executor == "qonnx" and original.batched
    for name, values in original.all_tensors(x).items():
        assert np.array_equal(values, np.concatenate([context[name].reshape(1, -1) for context in expected])), name


def test_standard_operators_are_run_by_onnxruntime(tmp_path):
    original, x = Original(mlp(tmp_path / "net.onnx")), model_inputs(6, 50, 0)
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"))
    assert original.executor == "onnxruntime" and original.batched and original.features == 6
    assert np.array_equal(original.outputs(x), np.concatenate([session.run(None, {"x": sample[None]})[0] for sample in x]))
    assert list(original.all_tensors(x)) == ["a", "b", "y"]
    assert original.file.maker("a") == "node MatMul_0 (MatMul)" and original.file.maker("b") == "node act (Relu)"


def test_operators_that_onnxruntime_adds_are_run(tmp_path):
    original = Original(save(tmp_path / "net.onnx", [node("Gelu", "x", "y", domain="com.microsoft")], {}, [1, 6], ["y"],
                             domains=[("com.microsoft", 1)]))
    assert original.executor == "onnxruntime" and original.outputs(np.zeros((3, 6))).shape == (3, 6)


def test_batch_that_is_open_or_fixed_or_not_there(tmp_path):
    x = model_inputs(6, 10, 0)
    expected = Original(mlp(tmp_path / "one.onnx")).outputs(x)
    for number, batch in enumerate(("n", None, -1, 0, 3)):
        original = Original(mlp(tmp_path / f"{number}.onnx", batch))
        assert original.batched and np.array_equal(original.outputs(x), expected), batch


def test_reshape_to_one_sample_is_opened(tmp_path):
    nodes = [node("Reshape", "x shape", "flat"), node("MatMul", "flat w", "y")]
    path = save(tmp_path / "net.onnx", nodes, {"shape": np.array([1, 6]), "w": np.eye(6, 2, dtype=np.float32)}, [1, 2, 3], ["y"])
    original, x = Original(path), model_inputs(6, 5, 0)
    assert original.batched and original.input_shape == (2, 3) and np.array_equal(original.outputs(x), x[:, :2])


@pytest.mark.parametrize("batch", [1, 2])
def test_file_that_mixes_the_samples_of_a_batch(tmp_path, batch):
    """A softmax over the batch: one sample at a time with batch 1, in twos with batch 2, as the file has it."""
    original = Original(save(tmp_path / "net.onnx", [node("Softmax", "x", "y", axis=0)], {}, [batch, 6], ["y"]))
    x = model_inputs(6, 4, 0)
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"))
    assert not original.batched
    assert np.array_equal(original.outputs(x), np.concatenate([session.run(None, {"x": x[i : i + batch]})[0] for i in range(0, 4, batch)]))


def test_work_is_bounded_by_counting(tmp_path):
    single = Original(save(tmp_path / "net.onnx", [node("Softmax", "x", "y", axis=0)], {}, [1, 6], ["y"]))
    together = Original(mlp(tmp_path / "mlp.onnx"))
    assert single.affordable(10**7) == int(10**10 / single.work) < together.affordable(10**7)
    assert together.affordable(1000) == 1000 and together.affordable(1000, budget=0) == 1


@pytest.mark.parametrize("element", ["FLOAT16", "DOUBLE", "INT8", "UINT8", "INT64"])
def test_input_of_another_type(tmp_path, element):
    kind = getattr(TensorProto, element)
    nodes = [node("Cast", "x", "f", to=TensorProto.FLOAT), node("MatMul", "f w", "y")]
    original = Original(save(tmp_path / "net.onnx", nodes, {"w": np.eye(6, dtype=np.float32)}, [1, 6], ["y"], kind))
    x = original.random_inputs(20, 1)
    assert np.array_equal(original.outputs(x), x) and len(np.unique(x)) > 20
    if element != "DOUBLE":
        with pytest.raises(ValueError, match="input x has elements of type .*, which do not hold the values given"):
            original.outputs(np.full((1, 6), 1 + 2.0**-20))


def test_tensors_that_numpy_has_no_type_for(tmp_path):
    zero = helper.make_tensor("z", TensorProto.INT4, [], [0])
    nodes = [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "y")]
    original = Original(save(tmp_path / "net.onnx", nodes, {"s": np.float32(0.5), "z": zero}, [1, 6], ["y"], opset=21, ir_version=10))
    found = original.tensors(np.array([[-9, -4, -0.5, 0, 3.5, 9]]), ["q"])["q"]
    assert found.dtype == np.int8 and found.tolist() == [[-8, -8, -1, 0, 7, 7]]


def test_external_data(tmp_path):
    model = onnx.load(mlp(tmp_path / "inline.onnx"))
    (tmp_path / "there").mkdir()
    onnx.save(model, tmp_path / "there" / "net.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    (tmp_path / "copy").mkdir()
    copy_model(tmp_path / "there" / "net.onnx", tmp_path / "copy" / "original.onnx")
    x = model_inputs(6, 5, 0)
    copied = Original(tmp_path / "copy" / "original.onnx")
    assert np.array_equal(copied.outputs(x), Original(tmp_path / "inline.onnx").outputs(x))
    assert copied.sha256 == Original(tmp_path / "there" / "net.onnx").sha256
    (tmp_path / "copy" / "weights.bin").unlink()
    with pytest.raises(ValueError, match="without its external data"):
        Original(tmp_path / "copy" / "original.onnx")


def test_newer_file_format_with_operators_that_are_there(tmp_path):
    x = model_inputs(6, 5, 0)
    newer = Original(mlp(tmp_path / "newer.onnx", ir_version=14))
    assert np.array_equal(newer.outputs(x), Original(mlp(tmp_path / "net.onnx")).outputs(x))


def test_refusals_name_the_node(tmp_path):
    def refused(match, *arguments, **more):
        with pytest.raises(ValueError, match=match) as error:
            Original(save(tmp_path / "net.onnx", *arguments, **more))
        assert "\n" not in str(error.value) and len(str(error.value)) < 400

    relu = node("Relu", "x", "a", "first")
    refused(r"node first \(Relu\) is of ONNX opset 28; onnxruntime .* runs opsets up to \d\d", [relu], {}, [1, 6], ["a"], opset=28)
    refused(r"node strange \(Curious\) cannot be run by onnxruntime", [relu, node("Curious", "a", "y", "strange", domain="my.own")], {},
            [1, 6], ["y"], domains=[("my.own", 1)])
    refused(r"node MatMul_1 \(MatMul\) cannot be run by onnxruntime", [relu, node("MatMul", "a w", "y")], {"w": np.ones((5, 3), np.int32)},
            [1, 6], ["y"])
    rounding = node("Quant", "x s z b", "y", "q", domain="qonnx.custom_op.general", signed=1, narrow=0, rounding_mode="SIDEWAYS")
    constants = {"s": np.float32(1), "z": np.float32(0), "b": np.float32(4)}
    refused(r"node q \(Quant\) cannot be run by qonnx: .*SIDEWAYS", [rounding], constants, [1, 6], ["y"],
            domains=[("qonnx.custom_op.general", 1)])
    refused("has shape \\[1, 'k'\\]; supported", [relu], {}, [1, "k"], ["a"])
    with pytest.raises(FileNotFoundError, match="nowhere.onnx: no such model file"):
        Original(tmp_path / "nowhere.onnx")
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(ValueError, match="not an ONNX model"):
        Original(tmp_path / "text.onnx")


def test_a_node_that_fails_only_when_it_runs(tmp_path):
    path = save(tmp_path / "net.onnx", [node("Reshape", "x shape", "y", "seven")], {"shape": np.array([1, 7])}, [1, 6], ["y"])
    with pytest.raises(ValueError, match="seven"):
        Original(path)


def test_nothing_of_the_importer_is_used():
    room = Path(__file__).parents[3] / "finn_steps" / "original"
    for path in room.glob("*.py"):
        for banned in ("finn_steps.importer", "standard_onnx", "finn_steps.verification.reference"):
            assert banned not in path.read_text(), path
