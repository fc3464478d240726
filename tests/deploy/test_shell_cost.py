"""What the measurement block and its pattern source cost, by Yosys; and that all of the shell's RTL lints clean."""

import os
import re
import subprocess

import pytest

from deploy.network import Network
from deploy.shell import wrapper
from deploy.simulated_board.build import verilator_root
from finn_steps.synthesis.yosys import synthesise
from tests.deploy.builds import hash_package, network_package

BUDGET = 400


def top_with_ports(dma_bytes: int) -> str:
    """A module `cost` of the measurement block and the pattern source, with the register that shell.sv has behind the source."""
    measure = (wrapper.SOURCE / "measure.sv").read_text()
    ports = re.search(r"\) \((.*?)\n\);", measure, re.S)[1]
    names = re.findall(r"(\w+),?\s*$", re.sub(r"//.*", "", ports), re.M)
    joined = ", ".join(f".{name}({name})" for name in names)
    return f"""module cost (
    input wire logic taken, input wire logic [{8 * dma_bytes - 1}:0] data, output logic [{8 * dma_bytes - 1}:0] word,
{ports}
);
  measure #(.ID(64'h0123456789abcdef), .WORD({dma_bytes})) measure ({joined});
  logic [{8 * dma_bytes - 1}:0] made;
  pattern_source #(.WORD({dma_bytes})) source (.clk(clk), .run(feeding), .taken(taken), .data(data), .word(made));
  always_ff @(posedge clk) if (taken) word <= made;
endmodule
"""


@pytest.mark.parametrize("dma_bytes, family", [(8, "xc7"), pytest.param(16, "xcup", marks=pytest.mark.slow)])
def test_measurement_block_costs_under_400_lut(tmp_path, dma_bytes, family):
    files = ("measure.sv", "latency_recorder.sv", "pattern_source.sv")
    for name in files:
        (tmp_path / name).write_text((wrapper.SOURCE / name).read_text())
    (tmp_path / "cost.sv").write_text(top_with_ports(dma_bytes))
    (tmp_path / "filelist.f").write_text("\n".join([*files, "cost.sv"]) + "\n")
    result = synthesise(tmp_path, family, top="cost")
    assert result.lut < BUDGET
    assert result.bram <= 4 and result.dsp == 0


@pytest.mark.parametrize("dma_bytes", [8, 16])
@pytest.mark.parametrize("kind", ["network", "hash"])
def test_shell_lints_clean(tmp_path, dma_bytes, kind):
    if kind == "network":
        network_package(tmp_path)
    else:
        hash_package(tmp_path, 3, 2, 9, 3)
    network = Network.load(tmp_path / "driver")
    (tmp_path / "accelerator_shell.v").write_text(wrapper.write_wrapper(network, dma_bytes))
    accelerator = [tmp_path / "rtl" / name for name in (tmp_path / "rtl" / "filelist.f").read_text().split()]
    sources = [tmp_path / "accelerator_shell.v", *(wrapper.SOURCE / name for name in wrapper.RTL), *accelerator]
    command = [
        verilator_root() / "bin" / "verilator_bin",
        "--lint-only",
        "-Wall",
        "-Wno-DECLFILENAME",
        "-Wno-UNUSEDSIGNAL",
        "-Wno-UNUSEDPARAM",
        "--top-module",
        wrapper.TOP,
        *sources,
    ]
    done = subprocess.run(command, env={**os.environ, "VERILATOR_ROOT": str(verilator_root())}, capture_output=True, text=True)
    assert done.stderr == ""


@pytest.mark.parametrize(
    "parameters", [("words_to_beats", "BEAT", 12), ("beats_to_words", "BEAT", 12), ("latency_recorder", "DEPTH", 100)]
)
def test_impossible_parameters_stop_elaboration(parameters):
    module, name, value = parameters
    command = [
        verilator_root() / "bin" / "verilator_bin",
        "--lint-only",
        f"-G{name}={value}",
        "--top-module",
        module,
        wrapper.SOURCE / f"{module}.sv",
    ]
    done = subprocess.run(command, env={**os.environ, "VERILATOR_ROOT": str(verilator_root())}, capture_output=True, text=True)
    assert done.returncode and f"{module}: " in done.stderr
