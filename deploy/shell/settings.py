"""What block_design.tcl must know of one board and one accelerator, as a Tcl file; and the package's shell/ folder around it."""

from __future__ import annotations

import shutil
from pathlib import Path

from deploy.network import Network
from deploy.shell import wrapper
from deploy.shell.boards import BOARDS, Board
from deploy.shell.hwh import dma_parameters

JOBS = 4


def write_shell(folder: Path, network: Network, rtl: Path, clock_mhz: float) -> None:
    """Everything that Vivado needs into `folder` (deploy/shell): Tcl, RTL, a wrapper for each DMA width, settings for each board.

    rtl  the RTL folder beside it, deploy/rtl"""
    folder.mkdir(parents=True)
    for name in ("block_design.tcl", *wrapper.RTL):
        shutil.copyfile(wrapper.SOURCE / name, folder / name)
    for bits in sorted({board.dma_bits for board in BOARDS.values()}):
        (folder / f"dma{bits}").mkdir()
        (folder / f"dma{bits}" / "accelerator_shell.v").write_text(wrapper.write_wrapper(network, bits // 8))
    for board in BOARDS.values():
        (folder / f"{board.name}.tcl").write_text(write_settings(board, rtl, board.clock(clock_mhz)))


def write_settings(board: Board, rtl: Path, clock_mhz: float) -> str:
    """The text of SETTINGS.tcl. File names are relative to block_design.tcl."""
    listed = [line.strip() for line in (rtl / "filelist.f").read_text().splitlines() if line.strip()]
    sources = [f"../rtl/{name}" for name in listed] + list(wrapper.RTL) + [f"dma{board.dma_bits}/accelerator_shell.v"]
    memories = [f"../rtl/{path.relative_to(rtl)}" for path in sorted(rtl.rglob("*.mem"))]
    values = {
        "board": board.name,
        "part": board.part,
        "ps": board.ps,
        "clock_mhz": f"{clock_mhz:g}",
        "dma_bits": str(board.dma_bits),
        "control_port": board.control_port,
        "memory_port": board.memory_port,
        "clock_pin": "FCLK_CLK0" if board.zynq_7000 else "pl_clk0",
        "reset_pin": "FCLK_RESET0_N" if board.zynq_7000 else "pl_resetn0",
        "ps_clocks": "M_AXI_GP0_ACLK S_AXI_HP0_ACLK" if board.zynq_7000 else "maxihpm0_lpd_aclk saxihp0_fpd_aclk",
        "actual_clock": "PCW_ACT_FPGA0_PERIPHERAL_FREQMHZ" if board.zynq_7000 else "PSU__CRL_APB__PL0_REF_CTRL__ACT_FREQMHZ",
        "dma": " ".join(f"CONFIG.{name} {value}" for name, value in dma_parameters(board).items()),
        "dma_address": f"0x{board.dma_address:08X}",
        "accelerator_address": f"0x{board.accelerator_address:08X}",
        "jobs": str(JOBS),
    }
    lists = {"sources": sources, "memories": memories}
    lines = [f"set setting({name}) {{{value}}}" for name, value in values.items()]
    lines += [f"set setting({name}) [list {' '.join(f'{{{item}}}' for item in items)}]" for name, items in lists.items()]
    return "\n".join([f"# Settings of block_design.tcl for {board.name}; written by qapflow.", *lines]) + "\n"


def clock_of(settings: str) -> float:
    """The clock in MHz that the text of a SETTINGS.tcl asks for."""
    return float(settings.partition("setting(clock_mhz) {")[2].partition("}")[0])
