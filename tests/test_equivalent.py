"""Two designs of a few lines: equal though registers are merged, delayed in a chain, or kept in a memory; a fault is no equality."""

import pytest

from finn_steps.accelerator.stream import StreamFormat
from finn_steps.rtl.design import Design
from tests.equivalent import equivalence

PORTS = "(input ap_clk, input ap_rst_n, input s_valid, input [3:0] x, output [3:0] y, output z)"
PLAIN = """reg [3:0] a, b, c, d; reg t;
always @(posedge ap_clk) begin
  a <= x; b <= a; c <= b + 1; d <= a;
  if (!ap_rst_n) t <= 0; else if (s_valid) t <= t ^ x[0];
end
assign y = c ^ d; assign z = t;"""
OTHERWISE = """reg [3:0] line [0:1]; reg at; reg [3:0] sum; reg u, half = 0;
always @(posedge ap_clk) begin
  line[0] <= x; line[1] <= line[0]; sum <= {line[1][3:1] + line[1][0], ~line[1][0]};
  u <= ap_rst_n & (u ^ (s_valid & x[0])); half <= 0;
end
assign y = sum ^ line[1]; assign z = u | half;"""


def written(folder, body):
    folder.mkdir()
    (folder / "d.sv").write_text(f"module d {PORTS};\n{body}\nendmodule\n")
    stream = StreamFormat.of("UINT4", 1, 1)
    Design(folder, ("d.sv",), (), stream, stream, 1, "d").save()
    return folder


@pytest.mark.parametrize("right, wrong, proved", [
    ("", "", True), ("line[1][0], ~", "line[1][1], ~", False), ("u <= ap_rst_n & ", "u <= ", False),
    ("half = 0", "half = 1", False), ("sum ^ line[1]", "sum ^ line[0]", False), ("s_valid & x[0]", "s_valid & x[0] & ~&x", False)])
def test_registers_of_other_names(tmp_path, right, wrong, proved):
    found = equivalence(written(tmp_path / "a", PLAIN), written(tmp_path / "b", OTHERWISE.replace(right, wrong)))
    assert found.proved is proved, found


def test_registers_that_begin_otherwise(tmp_path):
    """Two that always hold the same, once something came in, and begin apart in the netlist: no reason to doubt what comes out."""
    first = "reg p, q; always @(posedge ap_clk) begin p <= x[0]; q <= x[0]; end assign y = {4{p}}; assign z = q;"
    found = equivalence(written(tmp_path / "a", first), written(tmp_path / "b", first.replace("p, q", "p = 0, q = 1")))
    assert found.proved and found.classes == 4
    one = written(tmp_path / "c", first.replace("assign z = q", "assign z = p"))
    assert not equivalence(one, tmp_path / "b").proved and equivalence(one, tmp_path / "a").why.startswith("begin apart: ")


def test_other_ports(tmp_path):
    second = written(tmp_path / "b", PLAIN)
    (second / "d.sv").write_text((second / "d.sv").read_text().replace("[3:0] x", "[2:0] x"))
    assert equivalence(written(tmp_path / "a", PLAIN), second).why == "their ports differ"
