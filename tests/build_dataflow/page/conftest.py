import numpy as np
import onnx
import pytest

from build_dataflow import build
from build_dataflow.clock import network_of
from build_dataflow.configuration import read_options
from tests.qonnx_nets import Net, qonnx_net

CLASSES = "gqtw"
NET = Net(widths=(6, 10, 8, 4), weight_bits=4, activation_bits=3, input_bits=5, zeros=0.5)


@pytest.fixture(scope="session")
def labelled(tmp_path_factory):
    """(model, table): a small network, and 600 samples labelled by what it answers, blurred."""
    folder = tmp_path_factory.mktemp("labelled")
    onnx.save(qonnx_net(NET, seed=11), folder / "tagger.onnx")
    network, rng = network_of(read_options(str(folder / "tagger.onnx"), {})), np.random.default_rng(0)
    x = rng.normal(0, 2, (600, 6)).astype(np.float32)
    scores = network.dequantise(network.execute(network.quantise(x)))
    scores = (scores - scores.mean(0)) / scores.std(0)
    labels = (scores + rng.normal(0, 0.7, scores.shape)).argmax(1)
    rows = [",".join(f"{value:.9g}" for value in row) + f",{CLASSES[label]}" for row, label in zip(x, labels)]
    (folder / "events.csv").write_text("\n".join(["a,b,c,d,e,f,kind", *rows]) + "\n")
    return folder / "tagger.onnx", folder / "events.csv"


@pytest.fixture(scope="session")
def small_build(labelled, tmp_path_factory):
    """A finished build with labelled data: its folder."""
    model, table = labelled
    folder = tmp_path_factory.mktemp("builds") / "tagger"
    build(model, folder, data=str(table), label="kind", all_rows=True, synthesis=False, proof=False, target_ii=1)
    return folder
