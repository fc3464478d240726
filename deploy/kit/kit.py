"""Writes deploy/core/: the RTL by itself, with documentation, test bench, constraints, templates and IP-XACT."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np

from deploy.kit.bench import write_test_bench
from deploy.kit.constraints import sdc, xdc
from deploy.kit.core import TOP, Core
from deploy.kit.ip_xact import component
from deploy.kit.readme import readme
from deploy.kit.verilog import WRAPPER, wrapper
from deploy.kit.vhdl import component_package, template
from deploy.package import replace_folder

HERE = Path(__file__).resolve().parent


def write_core(destination: Path, rtl: Path, accelerator_folder: Path, summary: dict, inputs: np.ndarray, expected: np.ndarray,
               corners: int) -> Core:
    """Replace `destination` (a build's deploy/core) as a whole.

    rtl       folder with filelist.f and all that it names
    summary   as report/summary.json will be
    inputs    int64 [N, MW], the test bench's frames, the first `corners` of them corners; expected: int64 [N, MH]
    """
    core = Core.of(accelerator_folder, summary, rtl)
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".core.") as temporary:
        folder = Path(temporary) / "core"
        shutil.copytree(rtl, folder / "rtl")
        (folder / "rtl" / f"{WRAPPER}.v").write_text(wrapper(core))
        write_test_bench(folder / "tb", core, inputs, expected)
        (folder / "vhdl").mkdir()
        shutil.copyfile(HERE / "package_ip.tcl", folder / "package_ip.tcl")
        texts = {"README.md": readme(core, summary, len(inputs), corners), "component.xml": component(core), f"{TOP}.xdc": xdc(core),
                 f"{TOP}.sdc": sdc(core), f"vhdl/{TOP}_pkg.vhd": component_package(core), f"vhdl/{TOP}_template.vhd": template(core)}
        for name, text in texts.items():
            (folder / name).write_text(text)
        replace_folder(folder, destination)
    return core
