"""The boards that the shell is for, and the one block design that all of them share.

block_design.tcl builds it in Vivado from `tcl_settings()`; hwh.py writes its .hwh for the simulated board.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

KIB, MIB = 1 << 10, 1 << 20


@dataclass(frozen=True)
class Board:
    """One board. `name` is PYNQ's ($BOARD); `ps` the processing system's IP; `dma_bits` the width of the DMA's streams.

    control_port, memory_port  the processing system's ports for registers and for the DMA
    registers                  base address of the DMA's registers; the accelerator's follow 64 KiB later
    memory_bytes               DDR that the DMA can reach, from address 0
    fastest_mhz                the greatest PL clock that the processing system gives
    pll_mhz                    the clock that it divides for the PL
    """

    name: str
    part: str
    ps: str
    dma_bits: int
    control_port: str
    memory_port: str
    registers: int
    memory_bytes: int
    fastest_mhz: float
    pll_mhz: float

    @property
    def zynq_7000(self) -> bool:
        return self.ps == "processing_system7"

    @property
    def address_bits(self) -> int:
        return 32 if self.zynq_7000 else 40

    def clock(self, wanted_mhz: float) -> float:
        """The greatest PL clock that is no faster than wanted, in MHz: the PLL's divided by a whole number."""
        return self.pll_mhz / math.ceil(self.pll_mhz / min(wanted_mhz, self.fastest_mhz) - 1e-9)

    @property
    def dma_address(self) -> int:
        return self.registers

    @property
    def accelerator_address(self) -> int:
        return self.registers + 64 * KIB


def _zynq_7000(name: str) -> Board:
    return Board(
        name, "xc7z020clg400-1", "processing_system7", 64, "M_AXI_GP0", "S_AXI_HP0", 0x4040_0000, 512 * MIB, 250.0, 1000.0
    )


def _ultrascale(name: str, part: str) -> Board:
    return Board(
        name, part, "zynq_ultra_ps_e", 128, "M_AXI_HPM0_LPD", "S_AXI_HP0_FPD", 0x8000_0000, 2048 * MIB, 333.0, 45 * 33.333
    )


BOARDS = {
    board.name: board
    for board in (
        _zynq_7000("Pynq-Z1"),
        _zynq_7000("Pynq-Z2"),
        _ultrascale("ZCU104", "xczu7ev-ffvc1156-2-e"),
        _ultrascale("KV260", "xck26-sfvc784-2LV-c"),
    )
}


def find_board(name: str) -> Board:
    """The board of that name, in any spelling (pynq-z2, PYNQ_Z2). ValueError names the known ones."""
    wanted = "".join(c for c in name.lower() if c.isalnum())
    for board in BOARDS.values():
        if "".join(c for c in board.name.lower() if c.isalnum()) == wanted:
            return board
    raise ValueError(f"board '{name}' is none of {', '.join(BOARDS)}")


def board_for_part(part: str) -> Board:
    """The first board with that part; ValueError where there is none."""
    for board in BOARDS.values():
        if board.part == part:
            return board
    known = ", ".join(f"{board.part} ({board.name})" for board in BOARDS.values())
    raise ValueError(f"no board of ours has part {part}; known: {known}")
