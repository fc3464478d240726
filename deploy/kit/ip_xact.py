"""component.xml: the core in Vivado's catalogue, as IEEE 1685-2009 (IP-XACT) describes it."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from deploy.kit.core import INPUT, OUTPUT, Core
from deploy.kit.verilog import WRAPPER

SPIRIT = "http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009"
XILINX = "http://www.xilinx.com"
VENDOR, LIBRARY, VERSION = "qapflow", "networks", "1.0"
FAMILIES = ("zynq", "artix7", "kintex7", "virtex7", "spartan7", "zynquplus", "kintexu", "kintexuplus", "virtexu", "virtexuplus")
VIEWS = (("synthesis", ":vivado.xilinx.com:synthesis"), ("simulation", ":vivado.xilinx.com:simulation"))


def component(core: Core) -> str:
    """The text of component.xml. File names are relative to it."""
    ET.register_namespace("spirit", SPIRIT)
    ET.register_namespace("xilinx", XILINX)
    root = ET.Element(f"{{{SPIRIT}}}component")
    for tag, text in (("vendor", VENDOR), ("library", LIBRARY), ("name", core.identifier), ("version", VERSION)):
        add(root, tag, text)
    interfaces = add(root, "busInterfaces")
    for interface in bus_interfaces(core):
        interfaces.append(interface)
    root.append(model(core))
    root.append(file_sets(core))
    add(root, "description", f"{' '.join(core.name.split())}: a quantised network in hardware; one integer frame in, one answer out")
    parameters = add(root, "parameters")
    add_parameter(parameters, "Component_Name", f"{core.identifier}_v1_0", id="PARAM_VALUE.Component_Name", resolve="user", order="1")
    root.append(vendor_extensions(core))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def add(parent: ET.Element, tag: str, text: str | None = None, **attributes: str) -> ET.Element:
    """A child in IP-XACT's namespace."""
    child = ET.SubElement(parent, f"{{{SPIRIT}}}{tag}", {f"{{{SPIRIT}}}{name}": value for name, value in attributes.items()})
    child.text = text
    return child


def add_parameter(parent: ET.Element, name: str, value: str, **attributes: str) -> None:
    parameter = add(parent, "parameter")
    add(parameter, "name", name)
    add(parameter, "value", value, **attributes)


def bus_interfaces(core: Core) -> list[ET.Element]:
    """The streams, and the clock and reset that belong to them. Ports without ready are an AXI-Stream only if every cycle may bring a
    frame; else they stay plain ports."""
    streams = {}
    if core.waits or core.steady == 1:
        for prefix, role, stream in ((INPUT, "slave", core.input_stream), (OUTPUT, "master", core.output_stream)):
            signals = [port.name for port in core.ports if port.name.startswith(f"{prefix}_")]
            interface = bus(prefix, "interface", "axis", role, {name.rpartition("_")[2].upper(): name for name in signals})
            parameters = add(interface, "parameters")
            given = {"TDATA_NUM_BYTES": stream.bytes, "TDEST_WIDTH": 0, "TID_WIDTH": 0, "TUSER_WIDTH": 0, "HAS_TREADY": int(core.waits),
                     "HAS_TSTRB": 0, "HAS_TKEEP": 0, "HAS_TLAST": int(core.waits)}
            for name, value in given.items():
                add_parameter(parameters, name, str(value))
            streams[prefix] = interface
    clock = bus("ap_clk", "signal", "clock", "slave", {"CLK": "ap_clk"})
    parameters = add(clock, "parameters")
    if streams:
        add_parameter(parameters, "ASSOCIATED_BUSIF", ":".join(streams))
    add_parameter(parameters, "ASSOCIATED_RESET", "ap_rst_n")
    reset = bus("ap_rst_n", "signal", "reset", "slave", {"RST": "ap_rst_n"})
    add_parameter(add(reset, "parameters"), "POLARITY", "ACTIVE_LOW")
    return [*streams.values(), clock, reset]


def bus(name: str, library: str, kind: str, role: str, ports: dict[str, str]) -> ET.Element:
    """A bus interface of Xilinx's: logical port -> port of the module."""
    interface = ET.Element(f"{{{SPIRIT}}}busInterface")
    add(interface, "name", name)
    add(interface, "busType", vendor="xilinx.com", library=library, name=kind, version="1.0")
    add(interface, "abstractionType", vendor="xilinx.com", library=library, name=f"{kind}_rtl", version="1.0")
    add(interface, role)
    maps = add(interface, "portMaps")
    for logical, physical in ports.items():
        one = add(maps, "portMap")
        add(add(one, "logicalPort"), "name", logical)
        add(add(one, "physicalPort"), "name", physical)
    return interface


def model(core: Core) -> ET.Element:
    """Views and ports."""
    found = ET.Element(f"{{{SPIRIT}}}model")
    views = add(found, "views")
    for name, environment in VIEWS:
        view = add(views, "view")
        add(view, "name", f"xilinx_{name}")
        add(view, "envIdentifier", environment)
        add(view, "language", "Verilog")
        add(view, "modelName", WRAPPER)
        add(add(view, "fileSetRef"), "localName", f"{name}_files")
    ports = add(found, "ports")
    for port in core.ports:
        one = add(ports, "port")
        add(one, "name", port.name)
        wire = add(one, "wire")
        add(wire, "direction", port.direction)
        if port.bits:
            vector = add(wire, "vector")
            add(vector, "left", str(port.bits - 1), format="long")
            add(vector, "right", "0", format="long")
        kind = add(add(wire, "wireTypeDefs"), "wireTypeDef")
        add(kind, "typeName", "wire")
        for name, _ in VIEWS:
            add(kind, "viewNameRef", f"xilinx_{name}")
    return found


def file_sets(core: Core) -> ET.Element:
    """The same files for both views; constraints for synthesis alone."""
    sets = ET.Element(f"{{{SPIRIT}}}fileSets")
    sources = [(f"rtl/{name}", "systemVerilogSource") for name in core.sources] + [(f"rtl/{WRAPPER}.v", "verilogSource")]
    for name, _ in VIEWS:
        files = add(sets, "fileSet")
        add(files, "name", f"{name}_files")
        for path, kind in sources:
            add_file(files, path, "fileType", kind)
        for memory in core.memories:
            add_file(files, f"rtl/{memory}", "userFileType", "mem")
        if name == "synthesis":
            add_file(files, "finn_accel.xdc", "userFileType", "xdc", "USED_IN_out_of_context")
    return sets


def add_file(files: ET.Element, path: str, tag: str, *kinds: str) -> None:
    one = add(files, "file")
    add(one, "name", path)
    for kind in kinds:
        add(one, tag, kind)


def vendor_extensions(core: Core) -> ET.Element:
    extensions = ET.Element(f"{{{SPIRIT}}}vendorExtensions")
    core_extensions = ET.SubElement(extensions, f"{{{XILINX}}}coreExtensions")
    families = ET.SubElement(core_extensions, f"{{{XILINX}}}supportedFamilies")
    for family in FAMILIES:
        ET.SubElement(families, f"{{{XILINX}}}family", {f"{{{XILINX}}}lifeCycle": "Production"}).text = family
    taxonomies = ET.SubElement(core_extensions, f"{{{XILINX}}}taxonomies")
    ET.SubElement(taxonomies, f"{{{XILINX}}}taxonomy").text = "/UserIP"
    ET.SubElement(core_extensions, f"{{{XILINX}}}displayName").text = " ".join(core.name.split())
    ET.SubElement(core_extensions, f"{{{XILINX}}}coreRevision").text = "1"
    return extensions
