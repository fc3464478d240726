"""Hostile inputs that were once no refusals, one by one."""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest

from deploy.network import PackageError
from deploy.network import read_arrays as read_packaged
from finn_steps.importer.lower import import_model
from finn_steps.tools.files import read_arrays
from models.data.load import load_dataset
from tests.fuzz.hostile.arrays import _npy_header
from tests.qonnx_nets import Net, qonnx_net


@pytest.fixture
def arrays_of_no_bytes(tmp_path):
    """2**40 values of the type V0 are a header alone, and 8 TB as integers."""
    path = tmp_path / "arrays.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("X", "y"):
            archive.writestr(f"{name}.npy", _npy_header("'V0'", f"({2**40},)"))
    return path


@pytest.mark.parametrize("reader, error", [(read_arrays, ValueError), (read_packaged, PackageError), (load_dataset, ValueError)])
def test_arrays_of_no_bytes(arrays_of_no_bytes, reader, error):
    with pytest.raises(error, match="arrays.npz.*take no bytes"):
        reader(arrays_of_no_bytes)


def test_labels_in_bytes(tmp_path):
    frame = pd.DataFrame({"x": range(4), "kind": [b"\xff", b"a", b"b", b"c"]})
    (tmp_path / "table.parquet").write_bytes(_parquet(frame))
    with pytest.raises(ValueError, match="column 'kind' .--label. holds bytes; supported: numbers and text"):
        load_dataset(tmp_path / "table.parquet", "kind")


def _parquet(frame) -> bytes:
    stream = io.BytesIO()
    frame.to_parquet(stream)
    return stream.getvalue()


@pytest.mark.parametrize("batch, refused", [(0, True), (1, False), (None, False)])
def test_a_batch_of_none(batch, refused):
    model = qonnx_net(Net(widths=(4, 3)), seed=1)
    first = model.graph.input[0].type.tensor_type.shape.dim[0]
    first.Clear()
    if batch is not None:
        first.dim_value = batch
    if not refused:
        assert import_model(model).accelerator.MW == 4
        return
    with pytest.raises(ValueError, match="takes a batch of 0 samples.*export it with an open batch"):
        import_model(model)


def test_arrays_that_are_good(tmp_path):
    np.savez(tmp_path / "good.npz", a=np.zeros(0), b=np.array("text"), c=np.arange(3))
    assert set(read_arrays(tmp_path / "good.npz")) == set(read_packaged(tmp_path / "good.npz")) == {"a", "b", "c"}


def test_names_that_are_no_text(tmp_path):
    model = qonnx_net(Net(widths=(4, 3)), seed=1)
    model.graph.node[0].op_type = "Something"
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString().replace(b"Something", b"Somethin\xff"))
    with pytest.raises(ValueError, match="Somethin.* is no text in UTF-8"):
        import_model(tmp_path / "net.onnx")


def test_an_input_of_no_type():
    model = qonnx_net(Net(widths=(4, 3)), seed=1)
    model.graph.input[0].type.tensor_type.elem_type = 0
    with pytest.raises(ValueError, match="no tensor of a known type"):
        import_model(model)
