"""Float models of others as the start of a training: every format gives the same chain; what does not fit is one line."""

import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from models import qap
from models.float_model import read_float_model
from models.float_start import forward, understood
from models.training import accuracies, float_twin
from tests.models.synthetic import TINY, synthetic_tensors

CONFIG = TINY.with_fields(hidden=(12, 8), batch_norm="on")


def trained(behind=False, norm=True):
    """A float net on standardised features, its batch norms in front of or behind its ReLUs, with statistics of its own."""
    torch.manual_seed(1)
    tensors, layers = synthetic_tensors(CONFIG), []
    for a, b in ((16, 12), (12, 8)):
        parts = [nn.BatchNorm1d(b)] if norm else []
        layers += [nn.Linear(a, b), *([nn.ReLU(), *parts] if behind else [*parts, nn.ReLU()])]
    net = nn.Sequential(*layers, nn.Linear(8, 5))
    x = (tensors.train.x - tensors.mean) / tensors.std
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(150):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x), tensors.train.y).backward()
        optimiser.step()
    return net.eval(), tensors


def answers(net, tensors):
    with torch.no_grad():
        return net((tensors.validation.x - tensors.mean) / tensors.std)


def as_onnx(net, path):
    """MatMul, Add, BatchNormalization and Relu, as exporters without folding write them."""
    nodes, held, name = [], [], "x"
    for i, module in enumerate(net):
        out = f"t{i}"
        if isinstance(module, nn.Linear):
            held += [numpy_helper.from_array(module.weight.detach().numpy().T.copy(), f"w{i}"),
                     numpy_helper.from_array(module.bias.detach().numpy(), f"b{i}")]
            nodes += [helper.make_node("MatMul", [name, f"w{i}"], [f"m{i}"]), helper.make_node("Add", [f"m{i}", f"b{i}"], [out])]
        elif isinstance(module, nn.BatchNorm1d):
            parts = {"g": module.weight, "e": module.bias, "m": module.running_mean, "v": module.running_var}
            held += [numpy_helper.from_array(value.detach().numpy(), f"n{key}{i}") for key, value in parts.items()]
            nodes.append(helper.make_node("BatchNormalization", [name, *(f"n{key}{i}" for key in parts)], [out], epsilon=module.eps))
        else:
            nodes.append(helper.make_node("Relu", [name], [out]))
        name = out
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", width]) for n, width in (("x", 16), (name, 5))]
    onnx.save(helper.make_model(helper.make_graph(nodes, "net", ends[:1], ends[1:], held)), path)


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("kind", ["state", "nested", "script", "onnx", "export"])
def test_every_format_gives_the_networks_own_answers(kind, behind, tmp_path):
    net, tensors = trained(behind)
    path = tmp_path / {"onnx": "net.onnx", "export": "net.pt2"}.get(kind, "net.pt")
    if kind == "script":
        torch.jit.script(net).save(str(path))
    elif kind == "onnx":
        as_onnx(net, path)
    elif kind == "export":
        torch.export.save(torch.export.export(net, (torch.zeros(2, 16),)), path)
    else:
        torch.save(net.state_dict() if kind == "state" else {"epoch": 3, "model_state_dict": net.state_dict()}, path)
    start = understood(read_float_model(path), CONFIG, tensors)
    found = forward(start.matrices, (tensors.validation.x - tensors.mean) / tensors.std)[-1]
    torch.testing.assert_close(found, answers(net, tensors), rtol=1e-3, atol=1e-3)
    assert start.features == "standardised"


def test_features_may_have_been_raw_or_between_0_and_1(tmp_path):
    net, tensors = trained(norm=False)
    low, high = tensors.train.x.amin(0), tensors.train.x.amax(0)
    for name, factor, offset in (("raw", 1 / tensors.std, -tensors.mean / tensors.std),
                                 ("scaled to 0..1", (high - low) / tensors.std, (low - tensors.mean) / tensors.std)):
        state = {key: value.clone() for key, value in net.state_dict().items()}
        state["0.bias"] = state["0.bias"] + state["0.weight"] @ offset
        state["0.weight"] = state["0.weight"] * factor
        torch.save(state, tmp_path / "net.pt")
        start = understood(read_float_model(tmp_path / "net.pt"), CONFIG, tensors)
        assert start.features == name
        found = forward(start.matrices, (tensors.validation.x - tensors.mean) / tensors.std)[-1]
        torch.testing.assert_close(found, answers(net, tensors), rtol=1e-2, atol=1e-2)


def test_a_network_starts_as_the_float_model_is(tmp_path):
    net, tensors = trained()
    torch.save(net.state_dict(), tmp_path / "net.pt")
    config = CONFIG.with_fields(float_start=str(tmp_path / "net.pt"))
    twin = qap.build(float_twin(config), tensors)
    right = float((answers(net, tensors).argmax(1) == tensors.validation.y).double().mean())
    assert accuracies(twin, qap.prepare(twin, tensors))["validation"] == pytest.approx(right, abs=0.01)
    fine = config.with_fields(weight_bits=12, activation_bits=12, input_bits=12, input_sigmas=8)
    quantised = qap.build(fine, tensors)
    assert accuracies(quantised, qap.prepare(quantised, tensors))["validation"] == pytest.approx(right, abs=0.05)


class Anything(nn.Module):
    """A whole module in a file is code that would be run."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(16, 5)


class Harmful:
    def __reduce__(self):
        return (print, ("this must not be printed",))


@pytest.mark.parametrize("content, message", [
    (lambda: Anything(), "holds code, which is not run; save its weights alone"),
    (lambda: {"0.weight": Harmful()}, "holds code, which is not run"),
    (lambda: [1, 2], "it holds a list, not a state"),
    (lambda: {"conv.weight": torch.zeros(4, 1, 3, 3)}, "there is no linear layer in it; it has conv ([4, 1, 3, 3]) is neither"),
    (lambda: {"a.weight": torch.zeros(12, 16), "b.weight": torch.zeros(5, 9)}, "b takes 9 values, a before it gives 12"),
    (lambda: {"a.weight": torch.zeros(12, 19), "b.weight": torch.zeros(8, 12), "c.weight": torch.zeros(5, 8)},
     "takes 19 features, the table has 16"),
    (lambda: {"a.weight": torch.zeros(12, 16), "b.weight": torch.zeros(8, 12), "c.weight": torch.zeros(3, 8)},
     "has 3 outputs, the task classes on this table 5"),
    (lambda: {"a.weight": torch.zeros(7, 16), "b.weight": torch.zeros(5, 7)}, "has hidden layers of [7], not [12, 8]"),
])
def test_what_does_not_fit_is_one_line(content, message, tmp_path, capfd):
    torch.save(content(), tmp_path / "net.pt")
    with pytest.raises(ValueError) as caught:
        understood(read_float_model(tmp_path / "net.pt"), CONFIG, synthetic_tensors(CONFIG))
    assert message in str(caught.value) and "\n" not in str(caught.value) and "printed" not in capfd.readouterr().out


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such float model"):
        read_float_model(tmp_path / "absent.pt")
    with pytest.raises(ValueError, match="a float model ends in .pt"):
        read_float_model(tmp_path / "net.h5")
    (tmp_path / "noise.pt").write_bytes(b"not a model at all" * 20)
    (tmp_path / "noise.onnx").write_bytes(b"not a model at all" * 20)
    for name in ("noise.pt", "noise.onnx"):
        with pytest.raises(ValueError, match=name) as caught:
            read_float_model(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_branch_in_onnx_is_named(tmp_path):
    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Add", ["x", "a"], ["y"], name="skip")]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 4]) for n in "xy"]
    onnx.save(helper.make_model(helper.make_graph(nodes, "net", ends[:1], ends[1:])), tmp_path / "net.onnx")
    with pytest.raises(ValueError, match=r"node skip \(Add\) joins two branches"):
        read_float_model(tmp_path / "net.onnx")
