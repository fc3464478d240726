"""The table of operators: the page prints it, and what is not in it is refused by name."""

from pathlib import Path

import onnx
import pytest
from onnx import helper

from finn_steps.importer.lower import import_model
from finn_steps.importer.operators import NEWEST_OPSET, TABLE, find, markdown_table
from tests.qonnx_nets import Net, qonnx_net

PAGE = Path(__file__).resolve().parents[3] / "docs" / "own_network.md"


def test_the_page_prints_the_table():
    text = PAGE.read_text()
    printed = text.split("<!-- operators: checked by tests/finn_steps/importer/test_operators.py -->\n")[1].split("<!-- end of operators -->")[0]
    assert printed == markdown_table()


def test_every_standard_operator_exists_in_its_versions():
    for row in TABLE:
        if row.domain == "":
            assert onnx.defs.get_schema(row.name, row.versions[1]).name == row.name


@pytest.mark.parametrize("domain, name, version", [("", "Relu", NEWEST_OPSET + 1), ("my.company", "Relu", 13), ("", "Quant", 13),
                                                   ("qonnx.custom_op.general", "Relu", 1), ("", "Mish", 18)])
def test_what_is_not_in_the_table(domain, name, version):
    assert find(domain, name, version) is None


@pytest.mark.parametrize("kind", ["Erf", "Im2Col", "Quantize"])
def test_a_domain_is_no_licence(kind):
    """A node of QONNX' domain is not a Quant for that."""
    model = qonnx_net(Net(widths=(4, 6, 3)))
    node = next(node for node in model.graph.node if node.name == "fc0.act")
    node.op_type = kind
    with pytest.raises(ValueError, match=f"node fc0.act \\({kind}, domain 'qonnx.custom_op.general', version 1\\) is not supported"):
        import_model(model)


def test_an_opset_that_is_too_new():
    model = qonnx_net(Net(widths=(4, 6, 3)))
    del model.opset_import[:]
    model.opset_import.extend([helper.make_opsetid("", NEWEST_OPSET + 2), helper.make_opsetid("qonnx.custom_op.general", 1)])
    with pytest.raises(ValueError, match=f"opset {NEWEST_OPSET + 2}; supported: up to {NEWEST_OPSET}"):
        import_model(model)
