"""Counts of small designs whose cells are known by construction."""

import pytest

from finn_steps.synthesis import synthesise, yosys
from tests.mapped import run_passes

DESIGN = """
module finn_accel (
    input wire logic ap_clk, input wire logic [7:0] a, input wire logic [7:0] b, input wire logic [4:0] write,
    input wire logic [4:0] read, input wire logic [9:0] big, output logic [7:0] y, output logic [5:0] m, output logic [17:0] r);
  logic [5:0] memory[32];
  logic [17:0] rom[1024];
  initial $readmemh("rom.mem", rom);
  always_ff @(posedge ap_clk) begin
    y <= a ^ b;
    memory[write] <= a[5:0];
    r <= rom[big];
  end
  assign m = memory[read];
endmodule
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("QAPFLOW_CACHE", str(tmp_path / "cache"))
    rtl = tmp_path / "rtl folder"
    rtl.mkdir()
    (rtl / "top.sv").write_text(DESIGN)
    (rtl / "filelist.f").write_text("top.sv\n")
    (rtl / "rom.mem").write_text("".join(f"{i * 2654435761 >> 5 & 0x3FFFF:05x}\n" for i in range(1024)))
    return rtl


def test_known_counts(folder, monkeypatch):
    result = synthesise(folder, "xc7")
    assert (result.lut, result.lutram, result.ff, result.bram, result.dsp, result.carry) == (8 + 4, 4, 8, 1, 0, 0)
    assert result.logic_levels >= 1
    assert result.tool == "yosys 0.70"
    monkeypatch.setattr(yosys, "_run_yosys", lambda *_: pytest.fail("synthesised again"))
    assert synthesise(folder, "xc7") == result


def test_errors_are_one_line(folder):
    with pytest.raises(ValueError, match="family 'ecp5' is none of xcup, xc7"):
        synthesise(folder, "ecp5")
    (folder / "top.sv").write_text("module finn_accel (input wire logic a; endmodule")
    with pytest.raises(RuntimeError, match="Yosys: .*ERROR: syntax error") as caught:
        synthesise(folder, "xcup")
    assert len(str(caught.value).splitlines()) == 1


def test_memory_cells_are_counted_by_their_luts():
    result = yosys.count({"LUT6": 3, "RAM32M": 2, "SRLC32E": 1, "RAMB36E2": 1, "RAMB18E2": 1, "FDRE": 4, "FDCE_1": 1}, 5)
    assert (result.lut, result.lutram, result.bram, result.ff, result.logic_levels) == (12, 9, 3, 5, 5)
    with pytest.raises(RuntimeError, match="RAM9000"):
        yosys.count({"RAM9000": 1}, 0)


TABLED = """
module tabled (input wire logic [4:0] a, input wire logic [2:0] b, input wire logic [7:0] word, output logic [3:0] y);
  localparam logic [31:0] LONG = 32'hdead1e55;
  localparam logic [7:0] SHORT = 8'h96;
  localparam logic [4:0] CUT = 5'h13;
  assign y = {LONG[a], SHORT[{a[4], a[0], a[2]}], word[b], CUT[b]};
endmodule
"""


def test_only_whole_constant_tables_become_luts(tmp_path):
    (tmp_path / "tabled.sv").write_text(TABLED)
    read = ["read_verilog -sv tabled.sv", "hierarchy -top tabled", "proc"]
    tables = next(line for line in yosys.commands([], "xc7", False, "tabled") if line.startswith("techmap"))
    run_passes([*read, "rename tabled gold", "design -stash gold", *read, tables, "select -assert-count 2 t:$lut",
                "select -assert-count 2 t:$shiftx", "rename tabled gate", "design -stash gate", "design -copy-from gold gold",
                "design -copy-from gate gate", "miter -equiv -ignore_gold_x -make_assert -flatten gold gate miter", "hierarchy -top miter",
                "sat -verify -prove-asserts -set-def-inputs -ignore_unknown_cells miter"], tmp_path)
