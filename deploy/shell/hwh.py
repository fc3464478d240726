"""The hardware handoff (.hwh) of the shell's block design, as far as pynq reads one; used by the simulated board.

On a real board the .hwh is Vivado's own. Both describe the same cells, ports and addresses: those of boards.py.
"""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from deploy.shell.boards import KIB, Board

AXI, AXIS = "xilinx.com:interface:aximm:1.0", "xilinx.com:interface:axis:1.0"
CELLS = {"accelerator": "s_axi", "dma": "S_AXI_LITE"}
"""The addressable cells and their register ports."""


def dma_parameters(board: Board) -> dict[str, int]:
    """Settings of the AXI DMA: simple mode, both directions, no realignment, lengths up to 64 MiB."""
    return {
        "c_include_sg": 0,
        "c_micro_dma": 0,
        "c_sg_length_width": 26,
        "c_include_mm2s": 1,
        "c_include_s2mm": 1,
        "c_include_mm2s_dre": 0,
        "c_include_s2mm_dre": 0,
        "c_m_axi_mm2s_data_width": board.dma_bits,
        "c_m_axis_mm2s_tdata_width": board.dma_bits,
        "c_m_axi_s2mm_data_width": board.dma_bits,
        "c_mm2s_burst_size": 64 if board.dma_bits == 64 else 32,
        "c_s2mm_burst_size": 64 if board.dma_bits == 64 else 32,
        "c_addr_width": board.address_bits,
    }


def ps_parameters(board: Board, clock_mhz: float) -> dict[str, object]:
    """The clock settings that pynq reads; pynq finds the divisors for a board's own PLL itself."""
    values: dict[str, object] = {}
    for i in range(4):
        if board.zynq_7000:
            values |= {
                f"PCW_FPGA_FCLK{i}_ENABLE": int(i == 0),
                f"PCW_FCLK{i}_PERIPHERAL_CLKSRC": "IO PLL",
                f"PCW_FCLK{i}_PERIPHERAL_DIVISOR0": 5,
                f"PCW_FCLK{i}_PERIPHERAL_DIVISOR1": 2,
            }
        else:
            values |= {
                f"PSU__FPGA_PL{i}_ENABLE": int(i == 0),
                f"PSU__CRL_APB__PL{i}_REF_CTRL__SRCSEL": "IOPLL",
                f"PSU__CRL_APB__PL{i}_REF_CTRL__ACT_FREQMHZ": clock_mhz,
                f"PSU__CRL_APB__PL{i}_REF_CTRL__DIVISOR0": 5,
                f"PSU__CRL_APB__PL{i}_REF_CTRL__DIVISOR1": 3,
            }
    return values


def write_hwh(board: Board, clock_mhz: float) -> str:
    """The text of a .hwh for `board`."""
    root = Element("EDKSYSTEM", EDWVERSION="1.2")
    SubElement(root, "SYSTEMINFO", NAME="shell", DEVICE=board.part.split("-")[0])
    SubElement(root, "EXTERNALPORTS")
    SubElement(root, "EXTERNALINTERFACES")
    modules = SubElement(root, "MODULES")
    addresses = {"accelerator": (board.accelerator_address, 4 * KIB), "dma": (board.dma_address, 64 * KIB)}

    ps = _module(
        modules,
        "ps",
        board.ps,
        f"xilinx.com:ip:{board.ps}:{'5.5' if board.zynq_7000 else '3.5'}",
        ps_parameters(board, clock_mhz),
    )
    _interface(ps, board.control_port, "MASTER", AXI)
    memory_map = SubElement(ps, "MEMORYMAP")
    for cell, (base, size) in addresses.items():
        SubElement(
            memory_map,
            "MEMRANGE",
            ADDRESSBLOCK="Reg",
            BASENAME="C_BASEADDR",
            BASEVALUE=f"0x{base:08X}",
            HIGHNAME="C_HIGHADDR",
            HIGHVALUE=f"0x{base + size - 1:08X}",
            INSTANCE=cell,
            IS_DATA="TRUE",
            IS_INSTRUCTION="FALSE",
            MEMTYPE="REGISTER",
            MASTERBUSINTERFACE=board.control_port,
            SLAVEBUSINTERFACE=CELLS[cell],
        )

    dma = _module(modules, "dma", "axi_dma", "xilinx.com:ip:axi_dma:7.1", dma_parameters(board))
    _interface(dma, CELLS["dma"], "SLAVE", AXI)
    accelerator = _module(modules, "accelerator", "accelerator_shell", "xilinx.com:module_ref:accelerator_shell:1.0", {})
    _interface(accelerator, CELLS["accelerator"], "SLAVE", AXI)
    for cell, port, kind in (
        (dma, "M_AXIS_MM2S", "INITIATOR"),
        (accelerator, "s_axis", "TARGET"),
        (accelerator, "m_axis", "INITIATOR"),
        (dma, "S_AXIS_S2MM", "TARGET"),
    ):
        _interface(cell, port, kind, AXIS)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _module(parent: Element, name: str, kind: str, vlnv: str, parameters: dict) -> Element:
    module = SubElement(
        parent,
        "MODULE",
        FULLNAME=f"/{name}",
        INSTANCE=name,
        MODTYPE=kind,
        VLNV=vlnv,
        IPTYPE="PERIPHERAL",
        IS_ENABLE="1",
        MODCLASS="PERIPHERAL",
        HWVERSION=vlnv.rpartition(":")[2],
    )
    section = SubElement(module, "PARAMETERS")
    for key, value in parameters.items():
        SubElement(section, "PARAMETER", NAME=key, VALUE=str(value))
    SubElement(module, "PORTS")
    SubElement(module, "BUSINTERFACES")
    return module


def _interface(module: Element, name: str, kind: str, vlnv: str) -> None:
    bus = SubElement(
        module.find("BUSINTERFACES"), "BUSINTERFACE", NAME=name, TYPE=kind, VLNV=vlnv, BUSNAME=f"{module.get('INSTANCE')}_{name}"
    )
    SubElement(bus, "PORTMAPS")
