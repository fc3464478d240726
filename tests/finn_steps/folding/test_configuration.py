"""folding_config.json: written, edited, fed back; FINN's folding files."""

import json

import pytest

from finn_steps.accelerator import Folding
from finn_steps.folding.choose import choose_foldings
from finn_steps.folding.configuration import foldings_as_json, read_foldings
from tests.nets import random_accelerator

FINN = {
    "Defaults": {}, "Thresholding_rtl_0": {"PE": 16},
    "MVAU_rtl_0": {"PE": 6, "SIMD": 4, "ram_style": "auto", "mem_mode": "internal_decoupled"},
    "MVAU_hls_0": {"PE": 64, "SIMD": 2, "resType": "lut", "inFIFODepths": [2], "outFIFODepths": [2]},
    "LabelSelect_hls_0": {"PE": 1},
}


@pytest.fixture
def net():
    return random_accelerator((10, 12, 5))


@pytest.fixture
def read(net, tmp_path):
    def reader(content):
        path = tmp_path / "folding.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return read_foldings(path, net)

    return reader


@pytest.mark.parametrize("target_ii", [1, 3, 16])
def test_what_is_written_is_read(net, read, target_ii):
    chosen = choose_foldings(net, target_ii)
    assert read(foldings_as_json(chosen)) == chosen


def test_an_edit_changes_its_layer_alone(net, read):
    content = foldings_as_json(choose_foldings(net, 16))
    content["layer1"] = {"style": "folded", "PE": 5, "SIMD": 3}
    assert read(content) == {**choose_foldings(net, 16), "layer1": Folding("folded", 5, 3)}
    assert read({"layer1": {"PE": 2}}) == {"layer0": net.layers[0].folding, "layer1": Folding("folded", 2)}


def test_folding_of_finn(read):
    """Nodes in order; PE beyond the rows that are left means all of them; what is FINN's alone is passed over."""
    assert read(FINN) == {"layer0": Folding("folded", 6, 4), "layer1": Folding("folded", 5, 2)}


@pytest.mark.parametrize("content, message", [
    ("{", "not valid JSON"),
    ("[]", "expected an object of layer names"),
    ({"layer0": 3}, "expected an object of layer names"),
    ({"layer0": {}, "layer7": {}}, "'layer7' is no layer; the network has layer0, layer1"),
    ({"layer_0": {}}, "'layer_0' is no layer; the network has layer0, layer1"),
    ({"MVAU_rtl_0": {"PE": 1, "SIMD": 1}}, r"it folds 1 MVAUs, the network has 2 layers \(layer0, layer1\)"),
    ({"layer0": {"simd": 4}}, "layer0: unknown field 'simd', did you mean 'SIMD'"),
    ({"layer0": {"style": "fold"}}, "layer0: style 'fold' is none of unrolled, bitplane, serial, folded"),
    ({"layer0": {"PE": 13}}, r"layer0: PE \(13\) must be at most MH \(12\)"),
    ({"layer0": {"SIMD": 11}}, r"layer0: SIMD \(11\) must be at most MW \(10\)"),
    ({"layer0": {"PE": 0}}, r"layer0: PE \(0\) must be a whole number of at least 1"),
    ({"layer0": {"PE": True}}, r"layer0: PE \(True\) must be a whole number of at least 1"),
    ({"layer0": {"PE": "4"}}, r"layer0: PE \(4\) must be a whole number of at least 1"),
    ({"layer0": {"PE": 2.5}}, r"layer0: PE \(2.5\) must be a whole number of at least 1"),
    ({"layer0": {"style": "unrolled", "products": "dsp"}}, "layer0: products 'dsp' needs style 'folded'"),
])
def test_what_cannot_be_is_said_in_one_line(read, content, message):
    with pytest.raises(ValueError, match=message) as raised:
        read(content)
    assert "\n" not in str(raised.value) and "folding.json" in str(raised.value)
