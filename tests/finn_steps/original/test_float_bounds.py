"""Float results of numpy and of onnxruntime lie in the derived intervals, and come near their ends."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from finn_steps.accelerator.host import HostOp, run_host_ops
from finn_steps.original.float_bounds import output_interval, sum_error
from finn_steps.original.sessions import session

KINDS = {"add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "relu": "Relu", "sigmoid": "Sigmoid", "softmax": "Softmax", "floor": "Floor",
         "round": "Round", "clip": "Clip"}


def onnx_of(ops, width):
    constants, nodes, tensor = [], [], "x"
    for number, op in enumerate(ops):
        values = [] if op.value is None else list(op.value) if op.op == "clip" else [op.value]
        names = [f"c{number}.{i}" for i in range(len(values))]
        constants += [numpy_helper.from_array(np.asarray(v, np.float32), name) for v, name in zip(values, names)]
        nodes.append(helper.make_node(KINDS[op.op], [tensor, *names], [f"t{number}"]))
        tensor = f"t{number}"
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", width])],
                              [onnx.ValueInfoProto(name=tensor)], constants)
    return session(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9))


def random_chain(rng, width):
    def constant(low, high):
        return rng.uniform(low, high, rng.choice([1, width])).astype(np.float32)

    kinds = rng.choice(["add", "sub", "mul", "div", "relu", "clip", "sigmoid", "softmax"], rng.integers(1, 6))
    values = {"add": lambda: constant(-3, 3), "sub": lambda: constant(-3, 3), "mul": lambda: constant(-2, 2), "div": lambda: constant(0.3, 3),
              "clip": lambda: np.float32([-2.5, 3.25])}
    return tuple(HostOp(kind, values[kind]() if kind in values else None) for kind in kinds)


@pytest.mark.parametrize("seed", range(40))
def test_results_lie_in_the_interval(seed):
    rng = np.random.default_rng(seed)
    ops, x = random_chain(rng, 7), rng.integers(-200, 200, (500, 7))
    low, high = output_interval(ops, x, x)
    for result in (run_host_ops(ops, x), onnx_of(ops, 7).run(None, {"x": x.astype(np.float32)})[0]):
        assert np.all((result >= low) & (result <= high))


def test_the_interval_is_near():
    """A wrong last bit of one in a few results would be seen: the interval is a few roundings wide."""
    x = np.arange(-2000, 2000)[:, None]
    ops = (HostOp("mul", np.float32(0.3)), HostOp("add", np.float32(1.7)))
    low, high = output_interval(ops, x, x)
    result = run_host_ops(ops, x).astype(np.float64)
    true = x * np.float64(np.float32(0.3)) + np.float64(np.float32(1.7))
    assert np.max(np.abs(result - true) / (high - low)) > 0.1
    assert np.all(high - low <= 16 * 2.0**-24 * (np.abs(true) + 2 * 1.7))


@pytest.mark.parametrize("ops", [(HostOp("mul", np.float32(2.0**-7)),), (HostOp("sub", np.float32(3)), HostOp("mul", np.float32(0.375))),
                                 (HostOp("mul", np.float32(0.25)), HostOp("clip", np.float32([-3, 3])), HostOp("floor"))])
def test_where_nothing_rounds_equality_is_exact(ops):
    x = np.arange(-3000, 3000)[:, None]
    low, high = output_interval(ops, x, x)
    assert np.array_equal(low, high) and np.array_equal(low, run_host_ops(ops, x))


def test_rounding_on_an_edge_is_left_open():
    low, high = output_interval((HostOp("mul", np.float32(0.1)), HostOp("round")), np.array([[5, 6]]), np.array([[5, 6]]))
    assert low.tolist() == [[0, 1]] and high.tolist() == [[1, 1]]


@pytest.mark.parametrize("terms", [1, 2, 50, 1000])
def test_sums_of_products_in_any_order(terms):
    rng = np.random.default_rng(terms)
    scale, step = rng.uniform(0.01, 1), rng.uniform(0.01, 1)
    weights, values = rng.integers(-127, 128, (20, terms)), rng.integers(-128, 128, (50, terms)).astype(np.float64)
    error = sum_error(weights, values) * scale * step
    w, x = (weights * np.float32(scale)).astype(np.float32), (values * np.float32(step)).astype(np.float32)
    exact = values @ weights.T * (np.float64(np.float32(scale)) * np.float64(np.float32(step)))
    for order in (np.arange(terms), np.arange(terms)[::-1], rng.permutation(terms)):
        total = np.zeros((50, 20), np.float32)
        for i in order:
            total += x[:, i : i + 1] * w[:, i]
        assert np.all(np.abs(total - exact) <= error)
    assert np.all(np.abs(x @ w.T - exact) <= error)
