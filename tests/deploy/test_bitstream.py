"""block_design.tcl in tclsh against Vivado's command signatures and the wrapper's ports; and build_bitstream around it.

No Vivado has run this: the stand-in knows signatures, pins and parameters (Xilinx UG835, PG021, UG585, UG1085), not what they do.
"""

import json
import re
import shutil
import stat
from pathlib import Path

import pytest

from deploy.bitfile import find_bitstream
from deploy.network import Network
from deploy.shell.bitstream import build_bitstream
from deploy.shell.boards import BOARDS, board_for_part, find_board
from deploy.shell.vivado import find_vivado
from tests.deploy.builds import network_package

HERE = Path(__file__).parent
needs_tclsh = pytest.mark.skipif(shutil.which("tclsh") is None, reason="tclsh is not installed (Debian: tcl)")
PINS = {
    "dma": {"s_axi_lite_aclk", "m_axi_mm2s_aclk", "m_axi_s2mm_aclk", "axi_resetn"},
    "registers": {"aclk", "aresetn"},
    "memory": {"aclk", "aresetn"},
    "reset": {"slowest_sync_clk", "ext_reset_in", "peripheral_aresetn"},
}
"""The clock and reset pins of each cell that must be connected."""
INTERFACES = {
    "dma": {"S_AXI_LITE", "M_AXI_MM2S", "M_AXI_S2MM", "M_AXIS_MM2S", "S_AXIS_S2MM"},
    "registers": {"S00_AXI", "M00_AXI", "M01_AXI"},
    "memory": {"S00_AXI", "S01_AXI", "M00_AXI"},
    "accelerator": {"s_axi", "s_axis", "m_axis"},
}
PS = {
    "processing_system7": ({"FCLK_CLK0", "FCLK_RESET0_N", "M_AXI_GP0_ACLK", "S_AXI_HP0_ACLK"}, {"M_AXI_GP0", "S_AXI_HP0"}),
    "zynq_ultra_ps_e": ({"pl_clk0", "pl_resetn0", "maxihpm0_lpd_aclk", "saxihp0_fpd_aclk"}, {"M_AXI_HPM0_LPD", "S_AXI_HP0_FPD"}),
}
PARAMETERS = {
    "dma": {
        "c_include_sg",
        "c_micro_dma",
        "c_sg_length_width",
        "c_include_mm2s",
        "c_include_s2mm",
        "c_include_mm2s_dre",
        "c_include_s2mm_dre",
        "c_m_axi_mm2s_data_width",
        "c_m_axis_mm2s_tdata_width",
        "c_m_axi_s2mm_data_width",
        "c_mm2s_burst_size",
        "c_s2mm_burst_size",
        "c_addr_width",
    },
    "registers": {"NUM_SI", "NUM_MI"},
    "memory": {"NUM_SI", "NUM_MI"},
    "processing_system7": {
        "PCW_USE_M_AXI_GP0",
        "PCW_USE_S_AXI_HP0",
        "PCW_S_AXI_HP0_DATA_WIDTH",
        "PCW_EN_CLK0_PORT",
        "PCW_EN_RST0_PORT",
        "PCW_FPGA_FCLK0_ENABLE",
        "PCW_FPGA0_PERIPHERAL_FREQMHZ",
    },
    "zynq_ultra_ps_e": {
        "PSU__USE__M_AXI_GP0",
        "PSU__USE__M_AXI_GP1",
        "PSU__USE__M_AXI_GP2",
        "PSU__MAXIGP2__DATA_WIDTH",
        "PSU__USE__S_AXI_GP2",
        "PSU__SAXIGP2__DATA_WIDTH",
        "PSU__USE__FABRIC__RST",
        "PSU__FPGA_PL0_ENABLE",
        "PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ",
    },
}


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A `vivado` in PATH that is the stand-in; returns a function giving the recorded calls."""
    program = tmp_path / "bin" / "vivado"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec tclsh "{HERE / "vivado_stand_in.tcl"}" "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    calls = tmp_path / "calls"
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("VIVADO_CALLS", str(calls))
    monkeypatch.setenv("VIVADO_SLACK", "0.123")
    return lambda: [line.split("\x1f") for line in calls.read_text().splitlines()]


@pytest.fixture
def build_folder(tmp_path):
    folder = tmp_path / "a build"
    folder.mkdir()
    network_package(folder)
    return folder


def verilog_ports(text: str) -> dict[str, int]:
    """Port -> width of the wrapper's module header."""
    ports = {}
    for high, name in re.findall(r"(?:input|output)\s+wire\s+(?:\[(\d+):0\])?\s*(\w+)", text):
        ports[name] = int(high) + 1 if high else 1
    return ports


@needs_tclsh
@pytest.mark.parametrize("name", BOARDS)
def test_the_block_design_connects_what_there_is(build_folder, stand_in, name):
    board = find_board(name)
    build_bitstream(build_folder, name)
    calls = stand_in()

    def of(command):
        return [call[1:] for call in calls if call[0] == command]

    ports = verilog_ports((build_folder / "deploy" / "shell" / f"dma{board.dma_bits}" / "accelerator_shell.v").read_text())
    assert ports["s_axis_tdata"] == ports["m_axis_tdata"] == board.dma_bits
    ps_pins, ps_interfaces = PS[board.ps]
    wanted_pins = {f"ps/{pin}" for pin in ps_pins} | {f"{cell}/{pin}" for cell, pins in PINS.items() for pin in pins}
    wanted_pins |= {f"accelerator/{port}" for port in ports if not re.match(r"s_axi_|s_axis_|m_axis_", port)}
    assert {pin for call in of("connect_bd_net") for pin in call} == wanted_pins
    sinks = [call[1] for call in of("connect_bd_net")]
    assert len(sinks) == len(set(sinks))

    wanted = {f"ps/{port}" for port in ps_interfaces} | {
        f"{cell}/{port}" for cell, interfaces in INTERFACES.items() for port in interfaces
    }
    connected = [port for call in of("connect_bd_intf_net") for port in call]
    assert set(connected) == wanted and len(connected) == len(wanted)
    for interface in INTERFACES["accelerator"]:
        assert any(port.startswith(f"{interface}_") for port in ports)

    cells = {call[-1]: call[call.index("-vlnv") + 1] for call in of("create_bd_cell") if "-vlnv" in call}
    assert cells["ps"] == f"xilinx.com:ip:{board.ps}" and cells["dma"] == "xilinx.com:ip:axi_dma"
    for call in of("set_property"):
        if call[0] == "-dict":
            names = set(call[1].split()[::2])
            known = PARAMETERS[board.ps if call[2] == "ps" else call[2]]
            assert names == {f"CONFIG.{parameter}" for parameter in known}
    segments = {call[-2]: int(call[call.index("-offset") + 1], 16) for call in of("assign_bd_address") if "-offset" in call}
    assert segments == {"dma/S_AXI_LITE/Reg": board.dma_address, "accelerator/s_axi/reg0": board.accelerator_address}
    added = [Path(call[-1]) for call in of("add_files")]
    assert all(path.is_file() for path in added)
    listed = (build_folder / "rtl" / "filelist.f").read_text().split()
    assert {*listed, "shell.sv", "measure.sv", "accelerator_shell.v"} <= {path.name for path in added}


@needs_tclsh
def test_what_is_published_is_what_the_driver_accepts(build_folder, stand_in, monkeypatch):
    bitfile = build_bitstream(build_folder, "pynq-z2")
    monkeypatch.setenv("BOARD", "Pynq-Z2")
    driver = build_folder / "deploy" / "driver"
    found = find_bitstream(driver, None, Network.load(driver))
    assert found.board == "Pynq-Z2" and found.clock_mhz == 99.99
    assert {path.name for path in bitfile.iterdir()} == {path.name for path in (build_folder / "deploy" / "bitfile").iterdir()}
    about = json.loads((bitfile / "bitstream.json").read_text())
    assert about["setup_slack_ns"] == 0.123 and about["vivado"] == "0.0-stand-in"
    assert (build_folder / "report" / "vivado_timing.rpt").is_file()


@needs_tclsh
def test_timing_not_met_fails_with_the_worst_path(build_folder, stand_in, monkeypatch):
    monkeypatch.setenv("VIVADO_SLACK", "-0.4")
    with pytest.raises(RuntimeError, match="setup slack -0.4 ns on from/C -> to/D"):
        build_bitstream(build_folder, "pynq-z1")
    assert not (build_folder / "bitfile").exists()


@needs_tclsh
@pytest.mark.parametrize("command", ["validate_bd_design", "launch_runs", "create_bd_cell"])
def test_a_failing_vivado_is_reported(build_folder, stand_in, monkeypatch, command):
    monkeypatch.setenv("VIVADO_BREAKS", command)
    with pytest.raises(RuntimeError, match="Vivado failed for Pynq-Z1: told to break; log: "):
        build_bitstream(build_folder, "pynq-z1")
    assert not (build_folder / "bitfile").exists()


def test_vivado_is_found_or_what_is_missing_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("FINN_XILINX_PATH", raising=False)
    monkeypatch.delenv("FINN_XILINX_VERSION", raising=False)
    with pytest.raises(FileNotFoundError, match="FINN_XILINX_PATH is not set"):
        find_vivado()
    monkeypatch.setenv("FINN_XILINX_PATH", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match="no folder here"):
        find_vivado()
    monkeypatch.setenv("FINN_XILINX_PATH", str(tmp_path / "tools"))
    (tmp_path / "tools").mkdir()
    with pytest.raises(FileNotFoundError, match="no Vivado/VERSION/bin/vivado"):
        find_vivado()
    for place in ("Vivado/2021.1/bin", "Vivado/2022.2/bin", "2025.1/Vivado/bin"):
        (tmp_path / "tools" / place).mkdir(parents=True)
        (tmp_path / "tools" / place / "vivado").touch()
    assert "2025.1" in str(find_vivado())
    monkeypatch.setenv("FINN_XILINX_VERSION", "2022.2")
    assert "2022.2" in str(find_vivado())
    monkeypatch.setenv("FINN_XILINX_VERSION", "2019.1")
    with pytest.raises(FileNotFoundError, match="has Vivado 2021.1, 2022.2, 2025.1"):
        find_vivado()


def test_boards():
    assert find_board("PYNQ_Z2").name == "Pynq-Z2" and board_for_part("xczu7ev-ffvc1156-2-e").name == "ZCU104"
    assert find_board("pynq-z1").clock(200) == 200.0 and find_board("pynq-z1").clock(900) == 250.0
    assert find_board("zcu104").clock(200) == pytest.approx(1500 / 8, rel=1e-4)
    with pytest.raises(ValueError, match="none of Pynq-Z1, Pynq-Z2, ZCU104, KV260"):
        find_board("Arty")
    with pytest.raises(ValueError, match="no board of ours has part xc7a35t"):
        board_for_part("xc7a35t")


@needs_tclsh
@pytest.mark.parametrize(
    "line, message",
    [
        ("create_bd_cell -typ ip dma", "unknown option '-typ'"),
        ("connect_bd_intf_net a", "1 positional"),
        ("get_bd_pin a", "invalid command name"),
    ],
)
def test_the_stand_in_refuses_what_vivado_would(tmp_path, monkeypatch, line, message):
    import subprocess

    monkeypatch.setenv("VIVADO_CALLS", str(tmp_path / "calls"))
    (tmp_path / "wrong.tcl").write_text(line + "\n")
    command = [
        "tclsh",
        HERE / "vivado_stand_in.tcl",
        "-mode",
        "batch",
        "-log",
        tmp_path / "log",
        "-source",
        tmp_path / "wrong.tcl",
        "-tclargs",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode and message in done.stderr
