"""docs/accelerator.md against what save() writes."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from finn_steps.accelerator import FORMAT, STYLES, Accelerator
from finn_steps.accelerator.fixed_point import FixedInput, FixedPoint
from finn_steps.accelerator.host import OPERATIONS, HostOp
from finn_steps.folding.streams import save_accelerator
from tests.nets import random_accelerator, with_ranges

TEXT = (Path(__file__).parents[3] / "docs" / "accelerator.md").read_text()


def documented(heading):
    """Names in the first column of the table that follows `heading`."""
    table = re.search(r"\n\n((?:\|.*\n)+)", TEXT[TEXT.index(heading) :]).group(1)
    return {name for row in table.splitlines()[2:] for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


@pytest.fixture
def accelerator():
    return random_accelerator((6, 5, 4), zeros=0.3)


def test_every_field_is_documented(accelerator, tmp_path):
    words = FixedInput((FixedPoint(8, 3),))
    save_accelerator(replace(accelerator, interface="valid", input_fixed=words, output_fixed=FixedPoint(9, -2)), tmp_path)
    assert Accelerator.load(tmp_path).input_fixed == words and Accelerator.load(tmp_path).output_fixed == FixedPoint(9, -2)
    written = json.loads((tmp_path / "accelerator.json").read_text())
    assert documented("## accelerator.json") == set(written)
    assert documented("A layer:") == set(written["layers"][0])
    assert documented("A folding:") == {*written["layers"][0]["folding"], "blocks"}
    assert documented("A stream is") == set(written["input_stream"])
    assert documented("An operation is") == set(OPERATIONS)
    assert all(f"`{style}`" in TEXT for style in STYLES) and f"format {FORMAT}" in TEXT


def test_every_array_is_documented(accelerator, tmp_path):
    save_accelerator(replace(with_ranges(accelerator), labels=np.arange(accelerator.MH)), tmp_path)
    with np.load(tmp_path / "accelerator.npz") as stored:
        names = {re.sub(r"layer\d", "<layer>", re.sub(r"\.\d+$", ".<i>", name)) for name in stored.files}
    assert names == documented("## accelerator.npz")


def test_the_documented_arithmetic_is_what_execute_does(accelerator):
    q = np.random.default_rng(0).integers(-128, 128, (50, 6))
    expected = accelerator.execute(q)
    for layer in accelerator.layers:
        acc = q @ layer.weights.T + layer.bias
        q = acc if layer.thresholds is None else (acc[:, :, None] >= layer.thresholds).sum(2)
    assert np.array_equal(q, expected)


def test_save_and_load(accelerator, tmp_path):
    accelerator = replace(accelerator, host_input=(HostOp("div", np.float32([0.1] * 6)), HostOp("round")))
    save_accelerator(accelerator, tmp_path)
    loaded = Accelerator.load(tmp_path)
    assert loaded.sha256 == accelerator.sha256
    x = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    assert np.array_equal(loaded.quantise(x), accelerator.quantise(x))


def test_a_pair_that_does_not_belong_together_is_refused(accelerator, tmp_path):
    save_accelerator(accelerator, tmp_path)
    npz = (tmp_path / "accelerator.npz").read_bytes()
    save_accelerator(random_accelerator((6, 5, 4), zeros=0.3, seed=1), tmp_path)
    (tmp_path / "accelerator.npz").write_bytes(npz)
    with pytest.raises(ValueError, match="do not belong together"):
        Accelerator.load(tmp_path)


def test_another_format_is_refused(accelerator, tmp_path):
    save_accelerator(accelerator, tmp_path)
    path = tmp_path / "accelerator.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 3'))
    with pytest.raises(ValueError, match="format 3"):
        Accelerator.load(tmp_path)
